import { MemoryStore } from '../../src/session/stores/memory.ts'
import { serviceUrl } from '../support/services.ts'
import { cachedStore, STRATEGIES } from './cached-db.ts'
import { engineContract } from './contract.ts'
import { redisSetup } from './redis.ts'

const url = serviceUrl('redis')

if (url !== undefined) {
  for (const strategy of STRATEGIES) {
    engineContract(`cached_db on Redis, ${strategy}`, { bridgesOutages: true }, async (now) => {
      const database = new MemoryStore({ now })
      return await redisSetup({ address: url, database: 15 }, now, (cache) =>
        cachedStore(strategy, { database, cache, now }),
      )
    })
  }
}
