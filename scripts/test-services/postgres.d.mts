import type { ChildProcess } from 'node:child_process'

export function findPostgres(): string | undefined
export function preparePostgres(
  program: string,
  data: string,
): (port: number, settings?: readonly string[]) => Promise<{ url: string; child: ChildProcess }>
