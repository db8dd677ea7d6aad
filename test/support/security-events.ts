import type { ExecutionContext } from 'ava'
import pino from 'pino'
import { startApp, type TestApp } from './app.ts'

export interface LogLine {
  readonly level: number
  readonly security?: string
  readonly requestId: string
  readonly userId?: string | null
  readonly address?: string
  readonly path?: string
}

/** The application, and what it logs. */
export interface LoggedApp {
  readonly app: TestApp
  readonly lines: readonly LogLine[]
  /** Of these kinds, or all. */
  events(...kinds: string[]): LogLine[]
  output(): string
}

/** Starts the application with its log in hand. */
export async function startLogged(t: ExecutionContext, env: Record<string, string> = {}): Promise<LoggedApp> {
  const lines: LogLine[] = []
  let whole = ''
  const write = (text: string) => {
    whole += text
    lines.push(JSON.parse(text))
  }
  const app = await startApp(env, pino({ level: 'info' }, { write }))
  t.teardown(() => app.close())
  const events = (...kinds: string[]) =>
    lines.filter(({ security }) => security !== undefined && (kinds.length === 0 || kinds.includes(security)))
  return { app, lines, events, output: () => whole }
}
