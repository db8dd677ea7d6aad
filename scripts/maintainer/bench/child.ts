import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'

/** A program of the benchmark in a process of its own, which answers each message with one message. */
export interface Child<Request, Answer> {
  /** Ask one thing at a time. Rejects when the program has ended, and with what went wrong in it. */
  ask(request: Request): Promise<Answer>
  stop(): Promise<void>
}

type Message<Answer> = { readonly answer: Answer } | { readonly failure: string }

/**
 * Starts a JavaScript file.
 *
 * @param prefix a command that runs the command after it, such as `taskset -c 0`
 * @param argument what the file finds, as JSON, in `process.argv[2]`
 */
export function startChild<Request extends object, Answer>(
  file: string,
  { prefix = [], argument = null }: { prefix?: readonly string[]; argument?: unknown } = {},
): Child<Request, Answer> {
  const [program = process.execPath, ...args] = [...prefix, process.execPath, file, JSON.stringify(argument)]
  const child = spawn(program, args, {
    env: { ...process.env, NODE_ENV: 'production' },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  const ended = endOf(child)
  ended.catch(() => {})
  return {
    async ask(request) {
      const heard = new Promise<Message<Answer>>((resolve) =>
        child.once('message', (message) => resolve(message as Message<Answer>)),
      )
      if (child.connected) child.send(request)
      const message = await Promise.race([heard, ended])
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
  throw new Error(`A process of the benchmark ended unasked (${signal ?? `exit ${code}`}).`)
}

/** The other side: answers every message, and ends when the process that asks has ended or hung up. */
export function answerParent<Request, Answer>(work: (request: Request) => Promise<Answer>): void {
  process.on('disconnect', () => process.exit())
  process.on('message', (request) => {
    work(request as Request).then(
      (answer) => process.send?.({ answer }),
      (error: unknown) => process.send?.({ failure: error instanceof Error ? error.message : String(error) }),
    )
  })
}
