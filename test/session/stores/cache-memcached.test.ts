import { randomBytes } from 'node:crypto'
import test from 'ava'
import { MemcachedCache } from '../../../src/session/caches/memcached/memcached.ts'
import { addressesIn } from '../../../src/session/caches/memcached/memcached-servers.ts'
import { SessionTooLargeError } from '../../../src/session/core/errors.ts'
import { CacheStore } from '../../../src/session/stores/cache.ts'
import { CachedStore } from '../../../src/session/stores/cached/cached-database.ts'
import { MemoryStore } from '../../../src/session/stores/memory.ts'
import { testEngine } from '../../support/engine.ts'
import { begun, increment, open as openRequest, read } from '../../support/requests.ts'
import { serviceUrl } from '../../support/services.ts'
import { ownMemcached } from '../caches/memcached-wire.ts'
import { EVERYTHING, record, START, type Traits } from './bench.ts'
import { storeContract } from './contract.ts'
import { tcpProxy } from './tcp-proxy.ts'

const url = serviceUrl('memcached')
const server = url === undefined ? undefined : addressesIn(url)[0]

/**
 * What Memcached cannot do: it lists no keys, so it cannot clear, count, or find the sessions of a user. And it may
 * evict, which no trait excuses: the tests below assert that an evicted session is an anonymous visitor.
 */
const MEMCACHED: Traits = { ...EVERYTHING, clears: false, knowsUsers: false, counts: false }

if (server !== undefined) {
  const bench = async (now: () => number) => {
    const proxy = await tcpProxy(server.host, server.port)
    const open = (port: number) => new MemcachedCache({ servers: [{ host: server.host, port }], now })
    // The server is shared, and the contract's keys are the same every time.
    return { proxy, open, cache: open(proxy.port), prefix: randomBytes(6).toString('hex') }
  }

  storeContract('cache on memcached', MEMCACHED, async (now) => {
    const { proxy, open, cache, prefix } = await bench(now)
    const caches = [cache]
    return {
      store: new CacheStore({ cache, prefix }),
      async another() {
        const other = open(server.port)
        caches.push(other)
        return new CacheStore({ cache: other, prefix })
      },
      breakIt: async () => proxy.cut(),
      async close() {
        await Promise.all(caches.map((each) => each.close()))
        proxy.close()
      },
    }
  })

  for (const strategy of ['write_through', 'cache_aside'] as const) {
    storeContract(`cached_db on memcached, ${strategy}`, EVERYTHING, async (now) => {
      const { proxy, open, cache, prefix } = await bench(now)
      const database = new MemoryStore({ now })
      const stores: CachedStore[] = []
      const on = (own: MemcachedCache) => {
        const store = new CachedStore({ database, cache: own, prefix, strategy, now })
        stores.push(store)
        return store
      }
      return {
        store: on(cache),
        another: async () => on(open(server.port)),
        async breakIt() {
          await database.close()
          proxy.cut()
        },
        async close() {
          await Promise.all(stores.map((store) => store.close()))
          proxy.close()
        },
      }
    })
  }

  test.serial('a session that the server evicted is an anonymous visitor, not an error', async (t) => {
    const own = await ownMemcached(t, '-m', '2', '-o', 'no_lru_crawler,no_lru_maintainer')
    if (own === undefined) return t.pass('there is no program to start one')
    const cache = new MemcachedCache({ servers: [own], now: () => START })
    t.teardown(() => cache.close())
    const store = new CacheStore({ cache })
    const engine = testEngine({ store })
    const cookie = await begun(engine, { n: 1 })
    const { session, commit } = await openRequest(engine, cookie)
    for (let batch = 0; batch < 20; batch++) {
      await Promise.all(Array.from({ length: 500 }, () => begun(engine, { n: 2 })))
    }
    const [figures] = await cache.serverStats()
    t.true(figures?.up === true && figures.evictions > 0)
    t.deepEqual(await engine.engine.open(cookie), { live: false, suspicion: 'unknown-key' })
    // A request that had read it before may not bring it back.
    session.update('n', increment)
    t.is((await commit()).outcome, 'ended')
    t.deepEqual(await engine.engine.open(cookie), { live: false, suspicion: 'unknown-key' })
    t.is((await read(engine, await begun(engine, { n: 5 })))?.['n'], 5)
  })

  test.serial('a session too large for the server is refused as too large, and stays as it was', async (t) => {
    const { proxy, cache, prefix } = await bench(() => START)
    t.teardown(async () => {
      await cache.close()
      proxy.close()
    })
    const store = new CacheStore({ cache, prefix })
    const version = await store.create('a', record({ data: 'first' }))
    const large = record({ data: 'x'.repeat(2 * 1024 * 1024) })
    await t.throwsAsync(store.save('a', version, large), { instanceOf: SessionTooLargeError })
    await t.throwsAsync(store.create('b', large), { instanceOf: SessionTooLargeError })
    t.is((await store.load('a'))?.data, 'first')
  })
}
