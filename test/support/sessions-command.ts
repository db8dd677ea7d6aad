import { Readable } from 'node:stream'
import { main } from '../../scripts/sessions/main.ts'
import { startProcess, TYPESCRIPT } from './processes.ts'

type Env = Readonly<Record<string, string>>

/** How a command ended, and all it printed. */
export interface Ended {
  readonly code: number | string | null | undefined
  readonly output: string
}

let running = false

/**
 * Runs `npm run sessions` with these arguments in this process, for it takes a second of a core to start another one.
 * The environment and the outputs are those of the whole process meanwhile: tests that use it are serial.
 *
 * @param input what is typed
 */
export async function runSessions(args: readonly string[], env: Env, input = ''): Promise<Ended> {
  if (running) throw new Error('Another command runs in this process: use test.serial.')
  running = true
  let output = ''
  const print = (chunk: string | Uint8Array) => {
    output += String(chunk)
    return true
  }
  const { exitCode, stdout, stderr } = process
  const before = { ...process.env }
  const [writeOut, writeError] = [stdout.write, stderr.write]
  const stdin = Object.getOwnPropertyDescriptor(process, 'stdin') ?? {}
  Object.defineProperty(process, 'stdin', { value: Readable.from([input]), configurable: true })
  stdout.write = stderr.write = print
  process.exitCode = undefined
  const { SECRET_KEY: _secret, NODE_ENV: _mode, ...inherited } = before
  setEnv({ ...inherited, ...env })
  try {
    await main(args)
    return { code: process.exitCode ?? 0, output: output.trim() }
  } finally {
    setEnv(before)
    process.exitCode = exitCode
    stdout.write = writeOut
    stderr.write = writeError
    Object.defineProperty(process, 'stdin', stdin)
    running = false
  }
}

/** Starts it as a program. */
export async function startSessions(args: readonly string[], env: Env): Promise<Ended> {
  const program = startProcess([TYPESCRIPT, 'scripts/sessions.ts', ...args], { env })
  return { code: await program.ended(), output: program.output().trim() }
}

function setEnv(env: NodeJS.ProcessEnv): void {
  for (const name of Object.keys(process.env)) if (!(name in env)) delete process.env[name]
  Object.assign(process.env, env)
}
