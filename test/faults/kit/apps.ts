import { freePort } from '../../../scripts/test-services/processes.mjs'
import { startProcess, type TestProcess, TYPESCRIPT } from '../../support/processes.ts'
import { addFeature, cloneProject, type Owner } from '../../support/project.ts'

const AGENT = 'test/faults/kit/agent.ts'
// What the application logs when nobody handled an error.
const UNHANDLED = /background work failed|stopped by an uncaught exception|UnhandledPromiseRejection/

/** A clone of the project whose application also has the page of the load. */
export async function cloneWithLoad(owner: Owner): Promise<string> {
  const folder = await cloneProject(owner)
  await addFeature(folder, 'test/faults/kit/load-feature.ts')
  return folder
}

/** One process of the application, started as `npm start` does, which a test may stop, kill and start again. */
export class App {
  readonly #folder: string
  readonly #env: Record<string, string>
  #process: TestProcess | undefined
  #port = 0
  #unhandled = 0
  #orders = 0

  /**
   * @param folder from {@link cloneWithLoad}
   * @param env all its settings but HOST and PORT
   */
  constructor(folder: string, env: Readonly<Record<string, string>>) {
    this.#folder = folder
    this.#env = { ...env }
  }

  /** The port that it listens on, the same after a restart. */
  get port(): number {
    return this.#port
  }

  get pid(): number {
    const pid = this.#process?.child.pid
    if (pid === undefined) throw new Error('The application is not running')
    return pid
  }

  get isRunning(): boolean {
    const { exitCode, signalCode } = this.#process?.child ?? { exitCode: 0, signalCode: null }
    return exitCode === null && signalCode === null
  }

  /** Rejections and exceptions that nobody handled, in all its lives. */
  get unhandled(): number {
    return this.#unhandled + unhandledIn(this.#process)
  }

  /** Starts it and waits until it listens; with `more` other settings from now on. */
  async start(more: Readonly<Record<string, string>> = {}): Promise<void> {
    Object.assign(this.#env, more)
    if (this.#port === 0) this.#port = await freePort()
    this.#unhandled += unhandledIn(this.#process)
    const env = { ...this.#env, HOST: '127.0.0.1', PORT: String(this.#port) }
    const args = [TYPESCRIPT, `--import=./${AGENT}`, 'src/server.ts']
    this.#process = startProcess(args, { cwd: this.#folder, env })
    await this.#process.printed(/ is on http:/)
  }

  signal(signal: NodeJS.Signals): void {
    this.#process?.child.kill(signal)
  }

  /** Sends the signal and returns the exit code. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    return (await this.#process?.stop(signal)) ?? null
  }

  /** Stops it in order, and starts it with these other settings. */
  async restart(more: Readonly<Record<string, string>>): Promise<void> {
    await this.stop()
    await this.start(more)
  }

  /** Everything that it has printed since its last start. */
  output(): string {
    return this.#process?.output() ?? ''
  }

  /** Sets its clock so many milliseconds ahead of the real one. */
  async setClock(ahead: number): Promise<void> {
    await this.#order({ clock: ahead })
  }

  /** From now on the n-th statement of the database fails: before it was sent, or after it was done; 0: none. */
  async failStatement(statement: number, effect: 'none' | 'done'): Promise<void> {
    await this.#order({ statement, effect })
  }

  async #order(order: object): Promise<void> {
    const line = JSON.stringify({ ...order, number: ++this.#orders })
    const running = this.#process
    if (running === undefined) throw new Error('The application is not running')
    running.child.stdin?.write(`${line}\n`)
    await running.printed(new RegExp(`agent did ${this.#orders}\\b`))
  }
}

function unhandledIn(running: TestProcess | undefined): number {
  return (
    running
      ?.output()
      .split('\n')
      .filter((line) => UNHANDLED.test(line)).length ?? 0
  )
}
