import { MemoryCache } from '../../../src/session/caches/memory.ts'
import { CacheStore } from '../../../src/session/stores/cache.ts'
import { EVERYTHING } from './bench.ts'
import { storeContract } from './contract.ts'

storeContract('cache in memory', { ...EVERYTHING, clears: false, counts: false }, async (now) => {
  const cache = new MemoryCache({ now })
  const store = new CacheStore({ cache })
  return {
    store,
    another: async () => new CacheStore({ cache }),
    breakIt: () => cache.close(),
    close: () => cache.close(),
  }
})
