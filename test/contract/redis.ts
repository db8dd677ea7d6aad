import { createClient, RESP_TYPES } from 'redis'
import { RedisCache } from '../../src/session/caches/redis/redis.ts'
import type { SessionStore } from '../../src/session/stores/store.ts'
import { tcpProxy } from '../session/stores/tcp-proxy.ts'
import { answering } from './answering.ts'
import type { Setup } from './bench.ts'
import { sealed } from './sealed.ts'
import { storedOn } from './stored.ts'

// An outage resets connections, so that nothing waits for these.
const LONG_TIMEOUTS = { connectTimeout: 10_000, commandTimeout: 10_000 }

/** An empty database of Redis, behind a proxy that can be cut off. No other file may use its number. */
export async function redisSetup(
  { address, database }: { address: string; database: number },
  now: () => number,
  storeOn: (cache: RedisCache) => SessionStore,
): Promise<Setup> {
  const { hostname, port } = new URL(address)
  const raw = await createClient({ url: address, database })
    .withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer })
    .connect()
  await raw.flushDb()
  const way = await tcpProxy(hostname, Number(port))
  const caches: RedisCache[] = []
  const theOnly = async () => String((await raw.keys('session:1:*')).find((key) => !key.includes('user')) ?? '')
  const connected = async () => {
    const url = `redis://127.0.0.1:${way.port}/${database}`
    const cache = new RedisCache({ url, ...LONG_TIMEOUTS, maxRetryDelay: 50, now })
    caches.push(cache)
    await cache.connect()
    return cache
  }
  return storedOn({
    codec: sealed,
    store: async () => storeOn(await connected()),
    record: {
      read: async () => (await raw.get(await theOnly())) ?? Buffer.alloc(0),
      write: async (bytes) => void (await raw.set(await theOnly(), bytes, { expiration: 'KEEPTTL' })),
    },
    outage: {
      begin: () => way.cut(),
      async end() {
        way.repair()
        await Promise.all(caches.map((cache) => answering(cache)))
      },
    },
    async close() {
      await Promise.all(caches.map((cache) => cache.close()))
      raw.destroy()
      way.close()
    },
  })
}
