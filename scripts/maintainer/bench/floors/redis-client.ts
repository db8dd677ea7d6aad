import { connect } from 'node:net'

/** A connection that sends the commands of one turn together, and understands the few answers that are asked for. */
export function redisClient(url: string): (args: (string | Buffer)[]) => Promise<Buffer | null> {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname).setNoDelay()
  const waiting: ((answer: Buffer | null) => void)[] = []
  let unsent: (string | Buffer)[] = []
  let rest: Buffer = Buffer.alloc(0)
  socket.on('data', (chunk) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    let at = 0
    for (let end = rest.indexOf('\r\n'); end >= 0; end = rest.indexOf('\r\n', at)) {
      const length = rest[at] === 36 ? Number(rest.toString('latin1', at + 1, end)) : -1
      if (length >= 0 && rest.length < end + length + 4) break
      waiting.shift()?.(length < 0 ? null : rest.subarray(end + 2, end + 2 + length))
      at = length < 0 ? end + 2 : end + length + 4
    }
    rest = rest.subarray(at)
  })
  return (args) =>
    new Promise((resolve) => {
      waiting.push(resolve)
      if (unsent.length === 0) {
        setImmediate(() => {
          socket.cork()
          for (const part of unsent) socket.write(part)
          socket.uncork()
          unsent = []
        })
      }
      let text = `*${args.length}\r\n`
      for (const arg of args) {
        text += `$${Buffer.byteLength(arg)}\r\n`
        if (typeof arg === 'string') text += `${arg}\r\n`
        else {
          unsent.push(text, arg)
          text = '\r\n'
        }
      }
      unsent.push(text)
    })
}
