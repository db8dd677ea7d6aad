import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'

/** A program of the benchmark in a separate process, which answers each message with one message. */
export interface Child<Request, Answer> {
  /** Sends one request at a time. Rejects if the program has ended, or with its error. */
  ask(request: Request): Promise<Answer>
  stop(): Promise<void>
}

interface ChildOptions {
  readonly prefix?: readonly string[]
  readonly nodeFlags?: readonly string[]
  readonly argument?: unknown
}

type Message<Answer> = { readonly answer: Answer } | { readonly failure: string }

/**
 * Starts a JavaScript file.
 *
 * @param prefix a command that runs the command after it, such as `taskset -c 0`
 * @param nodeFlags such as `--max-semi-space-size=64`
 * @param argument passed as JSON in `process.argv[2]`
 */
export function startChild<Request extends object, Answer>(
  file: string,
  { prefix = [], nodeFlags = [], argument = null }: ChildOptions = {},
): Child<Request, Answer> {
  const [program = process.execPath, ...args] = [
    ...prefix,
    process.execPath,
    ...nodeFlags,
    file,
    JSON.stringify(argument),
  ]
  const child = spawn(program, args, {
    env: { ...process.env, NODE_ENV: 'production' },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  const ended = endOf(child)
  ended.catch(() => {})
  return {
    async ask(request) {
      const received = new Promise<Message<Answer>>((resolve) =>
        child.once('message', (message) => resolve(message as Message<Answer>)),
      )
      if (child.connected) child.send(request)
      const message = await Promise.race([received, ended])
      if ('failure' in message) throw new Error(message.failure)
      return message.answer
    },
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return
      const exit = once(child, 'exit')
      if (child.connected) child.disconnect()
      await exit
    },
  }
}

async function endOf(child: ChildProcess): Promise<never> {
  const [code, signal] = await once(child, 'exit')
  throw new Error(`A process of the benchmark ended unexpectedly (${signal ?? `exit ${code}`}).`)
}

/** The child's side: answers every message, and exits when the parent disconnects. */
export function answerParent<Request, Answer>(work: (request: Request) => Promise<Answer>): void {
  process.on('disconnect', () => process.exit())
  process.on('message', (request) => {
    work(request as Request).then(
      (answer) => process.send?.({ answer }),
      (error: unknown) => process.send?.({ failure: error instanceof Error ? error.message : String(error) }),
    )
  })
}
