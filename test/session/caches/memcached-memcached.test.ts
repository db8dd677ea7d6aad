import { MemcachedCache } from '../../../src/session/caches/memcached/memcached.ts'
import { addressesIn } from '../../../src/session/caches/memcached/memcached-servers.ts'
import { serviceUrl } from '../../support/services.ts'
import { tcpProxy } from '../stores/tcp-proxy.ts'
import { cacheContract } from './contract.ts'
import { plant } from './memcached-wire.ts'

const url = serviceUrl('memcached')
const server = url === undefined ? undefined : addressesIn(url)[0]

if (server !== undefined) {
  cacheContract('memcached', { users: false, damageable: true }, async (now) => {
    const proxy = await tcpProxy(server.host, server.port)
    const open = (port: number) => new MemcachedCache({ servers: [{ host: server.host, port }], now })
    const cache = open(proxy.port)
    const caches = [cache]
    return {
      cache,
      async another() {
        const other = open(server.port)
        caches.push(other)
        return other
      },
      breakIt: async () => proxy.cut(),
      plant: (key, bytes) => plant(server, key, bytes),
      async close() {
        await Promise.all(caches.map((each) => each.close()))
        proxy.close()
      },
    }
  })
}
