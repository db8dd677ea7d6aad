import { MemoryCache } from '../../src/session/caches/memory.ts'
import { CacheStore } from '../../src/session/stores/cache.ts'
import { httpLaws } from './laws.ts'
import { sealed } from './sealed.ts'
import { storedOn } from './stored.ts'

httpLaws('cache in memory', {}, async (now) => {
  const cache = new MemoryCache({ now })
  return storedOn({ codec: sealed, store: () => new CacheStore({ cache }) })
})
