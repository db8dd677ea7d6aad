import { randomBytes } from 'node:crypto'
import { RedisCache } from '../../../src/session/caches/redis/redis.ts'
import { CacheStore } from '../../../src/session/stores/cache.ts'
import { CachedStore } from '../../../src/session/stores/cached/cached-database.ts'
import { MemoryStore } from '../../../src/session/stores/memory.ts'
import { serviceUrl } from '../../support/services.ts'
import { EVERYTHING } from './bench.ts'
import { storeContract } from './contract.ts'
import { tcpProxy } from './tcp-proxy.ts'

const url = serviceUrl('redis')
const LONG_TIMEOUTS = { connectTimeout: 10_000, commandTimeout: 10_000 }

if (url !== undefined) {
  const { hostname, port } = new URL(url)

  /** Connected caches on keys that no other test has; the way of the first one can be cut. */
  const caches = async (now: () => number) => {
    const prefix = `store-${randomBytes(6).toString('hex')}`
    const proxy = await tcpProxy(hostname, Number(port))
    const opened: RedisCache[] = []
    const on = async (address: string) => {
      const cache = new RedisCache({ url: address, indexPrefix: `${prefix}:users:`, now, ...LONG_TIMEOUTS })
      opened.push(cache)
      await cache.connect()
      return cache
    }
    return {
      prefix,
      proxy,
      first: await on(`redis://127.0.0.1:${proxy.port}`),
      another: async () => await on(url),
      async close() {
        await Promise.all(opened.map((cache) => cache.close()))
        proxy.close()
      },
    }
  }

  storeContract('cache on Redis', { ...EVERYTHING, clears: false, counts: false }, async (now) => {
    const { prefix, proxy, first, another, close } = await caches(now)
    return {
      store: new CacheStore({ cache: first, prefix }),
      another: async () => new CacheStore({ cache: await another(), prefix }),
      breakIt: async () => proxy.cut(),
      close,
    }
  })

  // With a delay of 0 the contract runs while writes go on behind it; with none within the test, on the cache alone.
  for (const [strategy, delay] of [
    ['write_through', 0],
    ['cache_aside', 0],
    ['write_behind', 0],
    ['write_behind', 60_000],
  ] as const) {
    storeContract(`cached_db on Redis, ${strategy}, ${delay} ms`, EVERYTHING, async (now) => {
      const { prefix, proxy, first, another, close } = await caches(now)
      const database = new MemoryStore({ now })
      const on = (cache: RedisCache) => new CachedStore({ database, cache, prefix, strategy, delay, now })
      return {
        store: on(first),
        another: async () => on(await another()),
        async breakIt() {
          await database.close()
          proxy.cut()
        },
        close,
      }
    })
  }
}
