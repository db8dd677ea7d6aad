import { randomBytes } from 'node:crypto'
import { RedisCache } from '../../../src/session/caches/redis/redis.ts'
import { CacheStore } from '../../../src/session/stores/cache.ts'
import { CachedStore } from '../../../src/session/stores/cached/cached-database.ts'
import { MemoryStore } from '../../../src/session/stores/memory.ts'
import { serviceUrl } from '../../support/services.ts'
import { fuzz } from './fuzz.ts'

const url = serviceUrl('redis')
const EVERYTHING = { keepsMetadata: true, knowsUsers: true }

if (url !== undefined) {
  const caches = async (now: () => number) => {
    const prefix = `fuzz-${randomBytes(6).toString('hex')}`
    const open = async () => {
      const cache = new RedisCache({ url, indexPrefix: `${prefix}:users:`, now })
      await cache.connect()
      return cache
    }
    const both = [await open(), await open()] as const
    return { prefix, both, close: async () => void (await Promise.all(both.map((cache) => cache.close()))) }
  }

  fuzz('cache on Redis', EVERYTHING, async (now) => {
    const { prefix, both, close } = await caches(now)
    const [one, other] = both
    return { stores: [new CacheStore({ cache: one, prefix }), new CacheStore({ cache: other, prefix })], close }
  })

  for (const strategy of ['write_through', 'cache_aside'] as const) {
    fuzz(`cached_db on Redis, ${strategy}`, { ...EVERYTHING, keepsCopies: true }, async (now) => {
      const { prefix, both, close } = await caches(now)
      const database = new MemoryStore({ now })
      const on = (cache: RedisCache) => new CachedStore({ database, cache, prefix, strategy, now })
      return { stores: [on(both[0]), on(both[1])], close }
    })
  }
}
