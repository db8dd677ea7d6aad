import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import type { ExecutionContext } from 'ava'
import {
  findProgram,
  freePort,
  startServer,
  stopServer,
  whenListening,
} from '../../../scripts/test-services/processes.mjs'
import type { MemcachedAddress } from '../../../src/session/caches/memcached/memcached-connection.ts'

/** What a server answers to these bytes, sent past the client under test. */
export async function ask({ host, port }: MemcachedAddress, bytes: string | Buffer): Promise<string> {
  const socket = connect(port, host)
  socket.end(Buffer.concat([Buffer.from(bytes), Buffer.from('quit\r\n')]))
  let answer = ''
  socket.setEncoding('latin1').on('data', (text) => {
    answer += text
  })
  await once(socket, 'close')
  return answer
}

/** Leaves these bytes under the key. */
export async function plant(server: MemcachedAddress, key: string, bytes: Buffer): Promise<void> {
  const command = [Buffer.from(`ms ${key} ${bytes.length} T60\r\n`), bytes, Buffer.from('\r\n')]
  const answer = await ask(server, Buffer.concat(command))
  if (answer !== 'HD\r\n') throw new Error(`memcached refused: ${answer}`)
}

/** A way to a server that notes what is sent, and where a test can change what is answered. */
export interface Wiretap {
  readonly address: MemcachedAddress
  /** All that clients have sent, as latin1. */
  sent(): string
  /** The pieces in which an answer is passed on; as they are by default. */
  answer: (bytes: Buffer) => readonly Buffer[]
}

export async function wiretap(t: ExecutionContext, to: MemcachedAddress): Promise<Wiretap> {
  let sent = ''
  const server = createServer((client) => {
    const upstream = connect(to.port, to.host)
    client.setNoDelay(true)
    client.on('data', (bytes) => {
      sent += bytes.toString('latin1')
      upstream.write(bytes)
    })
    upstream.on('data', (bytes) => {
      for (const piece of tap.answer(bytes)) client.write(piece)
    })
    client.on('close', () => upstream.destroy()).on('error', () => {})
    upstream.on('close', () => client.destroy()).on('error', () => {})
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const { port } = server.address() as AddressInfo
  const tap: Wiretap = { address: { host: '127.0.0.1', port }, sent: () => sent, answer: (bytes) => [bytes] }
  return tap
}

/** A memcached of the test's own; undefined where the program is on another machine. */
export async function ownMemcached(t: ExecutionContext, ...settings: string[]): Promise<MemcachedAddress | undefined> {
  const program = findProgram(['memcached'])
  if (program === undefined) return undefined
  const port = await freePort()
  const user = process.getuid?.() === 0 ? ['-u', 'nobody'] : []
  const child = startServer(program, ['-l', '127.0.0.1', '-p', String(port), '-U', '0', ...user, ...settings])
  t.teardown(() => stopServer(child))
  await whenListening(port, child)
  return { host: '127.0.0.1', port }
}
