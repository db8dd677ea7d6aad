import { CachedStore } from '../../src/session/stores/cached/cached-database.ts'
import { MemoryStore } from '../../src/session/stores/memory.ts'
import { serviceUrl } from '../support/services.ts'
import { STRATEGIES } from './cached-db.ts'
import { engineContract } from './contract.ts'
import { redisSetup } from './redis.ts'

const url = serviceUrl('redis')

if (url !== undefined) {
  for (const strategy of [...STRATEGIES, 'write_behind'] as const) {
    engineContract(
      `cached_db on Redis, ${strategy}`,
      strategy === 'write_behind' ? {} : { bridgesOutages: true },
      async (now) => {
        const database = new MemoryStore({ now })
        return await redisSetup({ address: url, database: 15 }, now, (cache) => {
          return new CachedStore({ database, cache, now, strategy })
        })
      },
    )
  }
}
