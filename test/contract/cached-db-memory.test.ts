import { MemoryCache } from '../../src/session/caches/memory.ts'
import { CachedStore } from '../../src/session/stores/cached/cached-database.ts'
import { MemoryStore } from '../../src/session/stores/memory.ts'
import { STRATEGIES } from './cached-db.ts'
import { engineContract } from './contract.ts'
import { sealed } from './sealed.ts'
import { storedOn } from './stored.ts'

for (const strategy of STRATEGIES) {
  engineContract(`cached_db, ${strategy}`, {}, async (now) => {
    const options = { database: new MemoryStore({ now }), cache: new MemoryCache({ now }), now }
    return storedOn({ codec: sealed, store: () => new CachedStore({ ...options, strategy }) })
  })
}
