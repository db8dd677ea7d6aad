import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import test, { type ExecutionContext } from 'ava'
import { StoreUnavailableError } from '../../src/session/core/errors.ts'
import redis from '../../src/storage/caches/redis.ts'
import { serviceUrl } from '../support/services.ts'
import { configOf } from '../support/settings.ts'

const url = serviceUrl('redis')
const LONG_TIMEOUTS = { CACHE_CONNECT_TIMEOUT: '10000', CACHE_COMMAND_TIMEOUT: '10000' }

async function open(t: ExecutionContext, address: string, settings: Record<string, string>) {
  const config = configOf({ NODE_ENV: 'test', CACHE_URL: address, ...LONG_TIMEOUTS, ...settings })
  const opened = await redis.open(address, config)
  t.teardown(() => opened.cache.close())
  return opened
}

/** A server that ends every connection, and counts them. */
async function refusing(t: ExecutionContext) {
  const counted = { attempts: 0, address: '' }
  const server = createServer((socket) => {
    counted.attempts++
    socket.destroy()
    server.emit('attempt')
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  counted.address = `redis://127.0.0.1:${(server.address() as AddressInfo).port}`
  return { server, counted }
}

if (url !== undefined) {
  test('CACHE_MAX_PENDING: commands beyond it fail at once, and those before it are answered', async (t) => {
    const { cache, connect } = await open(t, url, { CACHE_MAX_PENDING: '100' })
    await connect()
    const get = (n: number) => cache.get(`pending:${n}`)
    const results = await Promise.allSettled(Array.from({ length: 102 }, (_, n) => get(n)))
    const failed = results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []))
    t.is(failed.length, 2)
    for (const error of failed) {
      t.true(error instanceof StoreUnavailableError)
      t.regex(String(error.cause), /100 commands are waiting for Redis/)
    }
    t.is(await get(102), undefined, 'there is room again')
  })
}

test('CACHE_MAX_RETRY_DELAY: a short one reaches the server more often', async (t) => {
  const [often, seldom] = [await refusing(t), await refusing(t)]
  const caches = [
    await open(t, often.counted.address, { CACHE_MAX_RETRY_DELAY: '50' }),
    await open(t, seldom.counted.address, { CACHE_MAX_RETRY_DELAY: '60000' }),
  ]
  await Promise.all(caches.map(({ connect }) => t.throwsAsync(connect())))
  // The delays of the other one add up to more than 6 seconds by its ninth attempt.
  while (often.counted.attempts < 16) await once(often.server, 'attempt')
  t.true(seldom.counted.attempts < 12, String(seldom.counted.attempts))
})
