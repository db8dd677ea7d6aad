import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import type { ExecutionContext } from 'ava'
import { deferred } from '../../support/handlers.ts'

/** Accepts one mail; says nothing before `greeting` resolves. */
export async function smtpServer(
  t: ExecutionContext,
  greeting: Promise<void> = Promise.resolve(),
): Promise<{ url: string; connected: Promise<void>; received: Promise<string> }> {
  const { promise: received, resolve } = deferred()
  const { promise: connected, resolve: connect } = deferred()
  let mail = ''
  const server = createServer((socket) => {
    connect()
    let data = ''
    let inData = false
    void greeting.then(() => socket.write('220 test\r\n'))
    socket.on('data', (chunk) => {
      const text = String(chunk)
      if (inData) {
        data += text
        if (!data.endsWith('\r\n.\r\n')) return
        inData = false
        mail = data
        resolve()
        socket.write('250 accepted\r\n')
      } else if (/^DATA/i.test(text)) {
        inData = true
        socket.write('354 go on\r\n')
      } else socket.write(/^QUIT/i.test(text) ? '221 bye\r\n' : '250 ok\r\n')
    })
    socket.on('error', () => {})
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const url = `smtp://127.0.0.1:${(server.address() as AddressInfo).port}`
  return { url, connected, received: received.then(() => mail) }
}
