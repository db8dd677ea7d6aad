import { CacheStore } from '../../src/session/stores/cache.ts'
import { serviceUrl } from '../support/services.ts'
import { httpLaws } from './laws.ts'
import { redisGround } from './redis.ts'

const url = serviceUrl('redis')

if (url !== undefined) {
  httpLaws('cache on Redis', {}, (now) => redisGround(url, now, (cache) => new CacheStore({ cache })))
}
