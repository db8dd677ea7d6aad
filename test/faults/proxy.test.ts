import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import test, { type ExecutionContext } from 'ava'
import { type TcpFaults, tcpProxy } from '../session/stores/tcp-proxy.ts'

const TEXT = 'a question of some length'

/** A server that answers with what it is asked, and a proxy in front of it. */
async function bench(t: ExecutionContext) {
  const received: string[] = []
  const server = createServer((socket) => {
    socket.on('error', () => {})
    socket.on('data', (bytes) => {
      received.push(String(bytes))
      socket.write(bytes)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const proxy = await tcpProxy('127.0.0.1', (server.address() as AddressInfo).port)
  t.teardown(() => {
    proxy.close()
    server.close()
  })
  /** Asks on a new connection; what came back, and how it ended. */
  const ask = async (whenAsked = () => {}) => {
    const socket = connect(proxy.port, '127.0.0.1')
    let answer = ''
    let reset = false
    socket.on('error', () => {
      reset = true
    })
    socket.on('data', (bytes) => {
      answer += String(bytes)
      if (answer === TEXT) socket.end()
    })
    socket.write(TEXT, whenAsked)
    await new Promise((resolve) => socket.once('close', resolve))
    return { answer, reset }
  }
  return { proxy, received, ask }
}

const whole: Readonly<Record<string, TcpFaults>> = {
  'nothing wrong': {},
  'latency and jitter': { requests: { latency: 5, jitter: 5 }, answers: { latency: 5 } },
  'one byte at a time': { requests: { slice: true }, answers: { slice: true } },
  'a cut that is not reached': { answers: { cutAfter: 1000 } },
  'a text to hold back that is not there': { requests: { hold: 'no question' } },
}
for (const [name, faults] of Object.entries(whole)) {
  test(`with ${name} everything arrives`, async (t) => {
    const { proxy, received, ask } = await bench(t)
    proxy.fail(faults)
    t.deepEqual(await ask(), { answer: TEXT, reset: false })
    t.is(received.join(''), TEXT)
  })
}

test('a connection is cut after so many bytes of one side', async (t) => {
  const { proxy, received, ask } = await bench(t)
  proxy.fail({ requests: { cutAfter: 4 } })
  await ask()
  t.true(TEXT.slice(0, 4).startsWith(received.join('')), 'no more than these')
  received.length = 0
  proxy.fail({ answers: { cutAfter: 4 } })
  const { answer } = await ask()
  t.true(TEXT.slice(0, 4).startsWith(answer))
  t.is(received.join(''), TEXT)
})

test('an answer is dropped after the server has received everything', async (t) => {
  const { proxy, received, ask } = await bench(t)
  proxy.fail({ answers: { drop: true } })
  t.deepEqual(await ask(), { answer: '', reset: true })
  t.is(received.join(''), TEXT)
})

for (const hold of [true, 'question']) {
  test(`what is held back arrives after the repair: ${hold}`, async (t) => {
    const { proxy, received, ask } = await bench(t)
    proxy.fail({ requests: { hold } })
    const answered = await ask(() => {
      t.deepEqual(received, [])
      setImmediate(() => proxy.repair())
    })
    t.deepEqual(answered, { answer: TEXT, reset: false })
  })
}
