import redis from '../src/storage/caches/redis.ts'
import { outageSuite, shareSuite } from './support/outages.ts'
import { RedisServers } from './support/redis-servers.ts'
import { serviceUrl } from './support/services.ts'

const program = serviceUrl('redisServer')

if (program !== undefined) {
  outageSuite({
    name: redis.name,
    start: (t, port) => new RedisServers(t, program).start([], port),
    url: (port) => `redis://127.0.0.1:${port}`,
  })
  shareSuite({
    name: redis.name,
    async start(t) {
      const servers = await new RedisServers(t, program).cluster()
      // None is replaced while it is silent.
      for (const server of servers) await server.command('CONFIG', 'SET', 'cluster-node-timeout', '60000')
      return { servers, url: `redis-cluster://${servers.map(({ port }) => `127.0.0.1:${port}`).join(',')}` }
    },
  })
}
