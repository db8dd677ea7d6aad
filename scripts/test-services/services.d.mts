import type { ChildProcess } from 'node:child_process'

export const SERVICES: readonly {
  readonly name: string
  readonly packageName: string
  find(): string | undefined
  /** @param durable whether a commit must survive a crash, as in a deployment; databases of the tests are faster */
  start(
    program: string,
    folder: string,
    durable?: boolean,
  ): Promise<{ url: string; child?: ChildProcess; children?: ChildProcess[] }>
}[]
