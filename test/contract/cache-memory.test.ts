import { MemoryCache } from '../../src/session/caches/memory.ts'
import { CacheStore } from '../../src/session/stores/cache.ts'
import { engineContract } from './contract.ts'
import { sealed } from './sealed.ts'
import { storedOn } from './stored.ts'

engineContract('cache in memory', {}, async (now) => {
  const cache = new MemoryCache({ now })
  return storedOn({ codec: sealed, store: () => new CacheStore({ cache }) })
})
