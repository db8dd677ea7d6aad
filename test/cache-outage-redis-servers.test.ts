import redis from '../src/storage/caches/redis.ts'
import { outageSuite } from './support/outages.ts'
import { RedisServers } from './support/redis-servers.ts'
import { serviceUrl } from './support/services.ts'

const program = serviceUrl('redisServer')

if (program !== undefined) {
  outageSuite({
    name: redis.name,
    start: (t, port) => new RedisServers(t, program).start([], port),
    url: (port) => `redis://127.0.0.1:${port}`,
  })
}
