import { randomBytes } from 'node:crypto'
import test from 'ava'
import { RedisCache } from '../../../src/session/caches/redis/redis.ts'
import { StoreUnavailableError } from '../../../src/session/core/errors.ts'
import { CacheStore } from '../../../src/session/stores/cache.ts'
import { CachedStore } from '../../../src/session/stores/cached/cached-database.ts'
import { clearSessions } from '../../../src/session/stores/clear.ts'
import { IndexedCacheStore } from '../../../src/session/stores/indexed-cache.ts'
import { MemoryStore } from '../../../src/session/stores/memory.ts'
import { type ClearWhich, NotSupportedError, type SessionRecord } from '../../../src/session/stores/store.ts'
import { serviceUrl } from '../../support/services.ts'
import { EVERYTHING, record } from './bench.ts'
import { storeContract } from './contract.ts'
import { tcpProxy } from './tcp-proxy.ts'

const url = serviceUrl('redis')
const DAY = 86_400_000
const LONG_TIMEOUTS = { connectTimeout: 10_000, commandTimeout: 10_000 }

if (url !== undefined) {
  const { hostname, port } = new URL(url)

  /** Connected caches on keys that no other test has; the way of the first one can be cut. */
  const caches = async (now: () => number) => {
    const prefix = `store-${randomBytes(6).toString('hex')}`
    const proxy = await tcpProxy(hostname, Number(port))
    const opened: RedisCache[] = []
    const on = async (address: string) => {
      const cache = new RedisCache({ url: address, indexPrefix: `${prefix}:users:`, now, ...LONG_TIMEOUTS })
      opened.push(cache)
      await cache.connect()
      return cache
    }
    return {
      prefix,
      proxy,
      first: await on(`redis://127.0.0.1:${proxy.port}`),
      another: async () => await on(url),
      async close() {
        await Promise.all(opened.map((cache) => cache.close()))
        proxy.close()
      },
    }
  }

  storeContract('cache on Redis', { ...EVERYTHING, clears: false, counts: false }, async (now) => {
    const { prefix, proxy, first, another, close } = await caches(now)
    return {
      store: new CacheStore({ cache: first, prefix }),
      another: async () => new CacheStore({ cache: await another(), prefix }),
      breakIt: async () => proxy.cut(),
      close,
    }
  })

  const indexed = (cache: RedisCache, prefix: string, now?: () => number) => {
    const { users, listing } = cache
    if (users.all === undefined) throw new TypeError('Redis lists its users')
    return new IndexedCacheStore({ cache, prefix, users: { ...users, all: users.all }, listing, ...(now && { now }) })
  }

  test('cache on Redis: all sessions are counted, also those of anonymous visitors, and nothing else', async (t) => {
    const now = Date.now()
    const { prefix, first, another, close } = await caches(() => now)
    t.teardown(close)
    const create = (key: string, values: Partial<SessionRecord>) =>
      store.create(key, record({ createdAt: now, expires: now + 1000 * DAY, ...values }))
    const store = indexed(first, prefix, () => now)
    // More than a scan and a portion of reads have.
    const anonymous = Array.from({ length: 1200 }, (_, n) => create(`anonymous-${n}`, { userId: null, data: 'old' }))
    await Promise.all(anonymous)
    await create('week', { createdAt: now - 3 * DAY, data: '💥'.repeat(30) })
    await create('old', { createdAt: now - 30 * DAY, userId: '8' })
    await create('forward', { sessionId: '' })
    await indexed(first, `${prefix}-other`, () => now).create('elsewhere', record({ expires: now + DAY }))
    const { largest, ...counts } = await store.statistics('ol')
    t.deepEqual(counts, {
      total: 1202,
      live: 1202,
      expired: 0,
      authenticated: 2,
      ages: { underDay: 1200, underWeek: 1, overWeek: 1 },
      beginning: 1200,
    })
    t.like(largest[0], { bytes: 120, userId: '7' })
    t.is(largest.length, 10)
    const late = await another()
    t.is((await indexed(late, prefix, () => now + 2000 * DAY).statistics()).live, 0)
    await first.close()
    await t.throwsAsync(store.statistics(), { instanceOf: StoreUnavailableError })
  })

  test('cache on Redis: sessions of users are cleared by user, age and inactivity, batch by batch', async (t) => {
    const now = Date.now()
    const { prefix, first, close } = await caches(() => now)
    t.teardown(close)
    const store = indexed(first, prefix)
    const create = (key: string, values: Partial<SessionRecord>) =>
      store.create(
        key,
        record({ userId: null, createdAt: now, lastActivity: now, expires: now + 1000 * DAY, ...values }),
      )
    await create('anonymous', { createdAt: now - 9 * DAY, lastActivity: now - 9 * DAY })
    for (let n = 0; n < 7; n++) {
      await create(`old-${n}`, { userId: `u*${n % 2}`, createdAt: now - 9 * DAY, lastActivity: now - n * DAY })
    }
    await create('new', { userId: 'u*0' })
    const live = async () => {
      const keys = ['anonymous', 'new', ...Array.from({ length: 7 }, (_, n) => `old-${n}`)]
      const found = await Promise.all(keys.map(async (key) => (await store.load(key)) !== undefined))
      return keys.filter((_, n) => found[n])
    }

    const inactive: ClearWhich = { kind: 'inactive', before: now - 4.5 * DAY }
    t.is(await store.countClearable(inactive), 2)
    t.is(await clearSessions(store, inactive, { batch: 1, pause: 0 }), 2)
    t.deepEqual(await live(), ['anonymous', 'new', 'old-0', 'old-1', 'old-2', 'old-3', 'old-4'])
    t.is(await clearSessions(store, { kind: 'user', userId: 'u*1' }, { batch: 1, pause: 0 }), 2)
    t.deepEqual(await live(), ['anonymous', 'new', 'old-0', 'old-2', 'old-4'])
    const old: ClearWhich = { kind: 'created', before: now - DAY }
    t.is(await store.countClearable(old), 3)
    t.is(await clearSessions(store, old, { batch: 2, pause: 0 }), 3)
    t.deepEqual(await live(), ['anonymous', 'new'], 'the index has no anonymous visitors')
    t.is(await clearSessions(store, { kind: 'expired', before: now }), 0)
    await t.throwsAsync(store.countClearable({ kind: 'orphaned' }), { instanceOf: NotSupportedError })
    first.close()
    await t.throwsAsync(store.countClearable(old), { instanceOf: StoreUnavailableError })
  })

  // With a delay of 0 the contract runs while writes go on behind it; with none within the test, on the cache alone.
  for (const [strategy, delay] of [
    ['write_through', 0],
    ['cache_aside', 0],
    ['write_behind', 0],
    ['write_behind', 60_000],
  ] as const) {
    storeContract(`cached_db on Redis, ${strategy}, ${delay} ms`, EVERYTHING, async (now) => {
      const { prefix, proxy, first, another, close } = await caches(now)
      const database = new MemoryStore({ now })
      const on = (cache: RedisCache) => new CachedStore({ database, cache, prefix, strategy, delay, now })
      return {
        store: on(first),
        another: async () => on(await another()),
        async breakIt() {
          await database.close()
          proxy.cut()
        },
        close,
      }
    })
  }
}
