import { connect } from 'node:net'

const LOCAL = '127.0.0.1'
const TIMEOUT_MS = 20_000

type Reply = string | number | null | Error | Reply[]

/**
 * Sends one command to a Redis on a separate connection, without the package redis, which a project may have removed.
 *
 * @throws Error that Redis replies, or that the connection has
 */
export async function redisCommand(
  port: number,
  password: string | undefined,
  args: readonly string[],
): Promise<unknown> {
  const commands = [...(password === undefined ? [] : [['AUTH', password]]), args]
  const socket = connect(port, LOCAL)
  socket.setTimeout(TIMEOUT_MS, () => socket.destroy(new Error(`Redis did not reply to ${args[0]} in time`)))
  socket.write(commands.map(encode).join(''))
  let read = Buffer.alloc(0)
  try {
    for await (const chunk of socket) {
      read = Buffer.concat([read, chunk])
      const replies = parseReplies(read, 0, commands.length)?.value
      if (replies === undefined) continue
      for (const reply of replies) if (reply instanceof Error) throw reply
      return replies.at(-1)
    }
    throw new Error(`Redis closed the connection before its reply to ${args[0]}`)
  } finally {
    socket.destroy()
  }
}

function encode(args: readonly string[]): string {
  return `*${args.length}\r\n${args.map((arg) => `$${Buffer.byteLength(arg)}\r\n${arg}\r\n`).join('')}`
}

/** Undefined while they are not complete. */
function parseReplies(read: Buffer, start: number, count: number): { value: Reply[]; next: number } | undefined {
  const value: Reply[] = []
  let next = start
  for (let n = 0; n < count; n++) {
    const reply = parseReply(read, next)
    if (reply === undefined) return undefined
    value.push(reply.value)
    next = reply.next
  }
  return { value, next }
}

function parseReply(read: Buffer, start: number): { value: Reply; next: number } | undefined {
  const end = read.indexOf('\r\n', start)
  if (end === -1) return undefined
  const [kind, line, next] = [read.toString('utf8', start, start + 1), read.toString('utf8', start + 1, end), end + 2]
  if (kind === '+') return { value: line, next }
  if (kind === '-') return { value: new Error(line), next }
  if (kind === ':') return { value: Number(line), next }
  const size = Number(line)
  if (size < 0) return { value: null, next }
  if (kind === '*') return parseReplies(read, next, size)
  return read.length < next + size + 2
    ? undefined
    : { value: read.toString('utf8', next, next + size), next: next + size + 2 }
}
