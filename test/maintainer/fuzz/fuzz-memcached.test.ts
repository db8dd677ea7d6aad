import { randomBytes } from 'node:crypto'
import { MemcachedCache } from '../../../src/session/caches/memcached/memcached.ts'
import { addressesIn } from '../../../src/session/caches/memcached/memcached-servers.ts'
import { CacheStore } from '../../../src/session/stores/cache.ts'
import { CachedStore } from '../../../src/session/stores/cached/cached-database.ts'
import { MemoryStore } from '../../../src/session/stores/memory.ts'
import { serviceUrl } from '../../support/services.ts'
import { fuzz } from './fuzz.ts'

const url = serviceUrl('memcached')

if (url !== undefined) {
  const caches = (now: () => number) => {
    const both = [0, 1].map(() => new MemcachedCache({ servers: addressesIn(url), now }))
    const prefix = `fuzz-${randomBytes(6).toString('hex')}`
    return { prefix, both, close: async () => void (await Promise.all(both.map((cache) => cache.close()))) }
  }

  fuzz('cache on Memcached', { keepsMetadata: true, knowsUsers: false }, async (now) => {
    const { prefix, both, close } = caches(now)
    const [one, other] = both.map((cache) => new CacheStore({ cache, prefix }))
    if (one === undefined || other === undefined) throw new Error('two caches')
    return { stores: [one, other], close }
  })

  fuzz('cached_db on Memcached', { keepsMetadata: true, knowsUsers: true, keepsCopies: true }, async (now) => {
    const { prefix, both, close } = caches(now)
    const database = new MemoryStore({ now })
    const [one, other] = both.map((cache) => new CachedStore({ database, cache, prefix, now }))
    if (one === undefined || other === undefined) throw new Error('two caches')
    return { stores: [one, other], close }
  })
}
