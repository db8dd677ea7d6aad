import test from 'ava'
import { MemcachedCache } from '../../../src/session/caches/memcached/memcached.ts'
import { addressesIn } from '../../../src/session/caches/memcached/memcached-servers.ts'
import { StoreUnavailableError } from '../../../src/session/core/errors.ts'
import { eventually } from '../../support/eventually.ts'
import { serviceUrl } from '../../support/services.ts'
import { tcpProxy } from '../stores/tcp-proxy.ts'
import { cacheContract } from './contract.ts'
import { ask, ownMemcached, plant } from './memcached-wire.ts'

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

  test('a server that lost its entries has another identity, and a lost connection is replaced by another', async (t) => {
    const own = await ownMemcached(t)
    if (own === undefined) return t.pass('Memcached is on another machine')
    const proxy = await tcpProxy(own.host, own.port)
    const cache = new MemcachedCache({ servers: [{ host: own.host, port: proxy.port }] })
    t.teardown(async () => {
      await cache.close()
      proxy.close()
    })
    const [identity, connection] = [await cache.identity(), cache.connection]
    proxy.cut()
    await t.throwsAsync(cache.identity(), { instanceOf: StoreUnavailableError })
    proxy.repair()
    t.is(await eventually(() => cache.identity()), identity)
    t.not(cache.connection, connection)
    await ask(own, 'flush_all\r\n')
    t.not(await cache.identity(), identity)
  })
}
