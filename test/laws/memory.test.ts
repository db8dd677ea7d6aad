import { MemoryCache } from '../../src/session/caches/memory.ts'
import { CacheStore } from '../../src/session/stores/cache.ts'
import { CachedStore } from '../../src/session/stores/cached/cached-database.ts'
import { WriteBehindStore } from '../../src/session/stores/cached/write-behind.ts'
import { MemoryStore } from '../../src/session/stores/memory.ts'
import { httpLaws } from './laws.ts'
import { storedOn } from './stored.ts'

httpLaws('memory', {}, async (now) => {
  const store = new MemoryStore({ now })
  return storedOn({ store: () => store })
})

httpLaws('cache in memory', {}, async (now) => {
  const cache = new MemoryCache({ now })
  return storedOn({ store: () => new CacheStore({ cache }) })
})

for (const strategy of ['write_through', 'cache_aside', 'write_behind'] as const) {
  httpLaws(`cached_db, ${strategy}`, {}, async (now) => {
    const options = { truth: new MemoryStore({ now }), cache: new MemoryCache({ now }), now }
    return storedOn({
      store: () =>
        strategy === 'write_behind' ? new WriteBehindStore(options) : new CachedStore({ ...options, strategy }),
    })
  })
}
