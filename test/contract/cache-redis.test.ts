import { CacheStore } from '../../src/session/stores/cache.ts'
import { serviceUrl } from '../support/services.ts'
import { engineContract } from './contract.ts'
import { redisSetup } from './redis.ts'

const url = serviceUrl('redis')

if (url !== undefined) {
  engineContract('cache on Redis', {}, (now) =>
    redisSetup({ address: url, database: 14 }, now, (cache) => new CacheStore({ cache })),
  )
}
