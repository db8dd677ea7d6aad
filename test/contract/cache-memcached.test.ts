import { MemcachedCache } from '../../src/session/caches/memcached/memcached.ts'
import { CacheStore } from '../../src/session/stores/cache.ts'
import { tcpProxy } from '../session/stores/tcp-proxy.ts'
import { serviceUrl } from '../support/services.ts'
import { answering } from './answering.ts'
import { engineContract } from './contract.ts'
import { sealed } from './sealed.ts'
import { storedOn } from './stored.ts'

const url = serviceUrl('memcached')
// An outage resets connections, so that nothing waits for these.
const LONG_TIMEOUTS = { connectTimeout: 10_000, commandTimeout: 10_000 }

if (url !== undefined) {
  engineContract('cache on Memcached', {}, async (now) => {
    const [first = ''] = url.replace('memcached://', '').split(',')
    const [host = '', port = ''] = first.split(':')
    const way = await tcpProxy(host, Number(port))
    const caches: MemcachedCache[] = []
    return storedOn({
      codec: sealed,
      store() {
        const cache = new MemcachedCache({ servers: [{ host: '127.0.0.1', port: way.port }], ...LONG_TIMEOUTS, now })
        caches.push(cache)
        return new CacheStore({ cache, prefix: `contract${process.pid}` })
      },
      outage: {
        begin: () => way.cut(),
        async end() {
          way.repair()
          await Promise.all(caches.map((cache) => answering(cache)))
        },
      },
      async close() {
        await Promise.all(caches.map((cache) => cache.close()))
        way.close()
      },
    })
  })
}
