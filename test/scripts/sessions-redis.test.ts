import { randomUUID } from 'node:crypto'
import test from 'ava'
import { examine } from '../../scripts/sessions/doctor.ts'
import { readConfig } from '../../src/config.ts'
import { openServices } from '../../src/services.ts'
import { RedisCache } from '../../src/session/caches/redis/redis.ts'
import { CacheStore } from '../../src/session/stores/cache.ts'
import { CachedStore } from '../../src/session/stores/cached/cached-database.ts'
import { DatabaseStore } from '../../src/session/stores/database/database.ts'
import { record } from '../session/stores/bench.ts'
import { copyName } from '../support/caches.ts'
import { serviceUrl } from '../support/services.ts'
import { SECRET_KEY, sessionsCli } from './sessions-cli.ts'

const url = serviceUrl('redis')
const DAY = 86_400_000

if (url !== undefined) {
  test.serial('redis: warm copies recently active sessions, the latest first', async (t) => {
    const { run, knex } = await sessionsCli(t)
    const store = new DatabaseStore({ knex, table: 'sessions' })
    const now = Date.now()
    const prefix = `warm${now}`
    const create = (key: string, age: number, userId: string | null) =>
      store.create(key, record({ createdAt: now - age, lastActivity: now - age, expires: now + DAY, userId }))
    await create('latest', 1000, '7')
    await create('anonymous', 2000, null)
    await create('older', 2 * DAY, '7')
    await store.create('large', record({ data: 'x'.repeat(5000), lastActivity: now, expires: now + DAY }))
    const cache = new RedisCache({ url })
    await cache.connect()
    t.teardown(() => cache.close())
    const env = { SESSION_ENGINE: 'cached_db', CACHE_URL: url, CACHE_KEY_PREFIX: prefix }
    const there = async () => {
      const keys = ['latest', 'anonymous', 'older', 'large']
      const entries = await Promise.all(
        keys.map(async (key) => cache.get(`${prefix}${(await copyName(store, key)).slice('session'.length)}`)),
      )
      return keys.filter((_, n) => entries[n] !== undefined)
    }
    t.is(
      (await run(['warm', '--authenticated', '--max-bytes', '4999', '--json'], env)).output,
      '{"cache":"redis","copies":1}',
    )
    t.deepEqual(await there(), ['latest'])
    t.regex((await run(['warm', '--since', '3d', '--limit', '3'], env)).output, /^2 sessions copied to redis/)
    t.deepEqual(await there(), ['latest', 'anonymous', 'large'])
    const stats = await run(['stats', '--json'], env)
    t.like(JSON.parse(stats.output), { engine: 'cached_db', live: 4, cache: { name: 'redis', answers: true } })
  })

  test.serial('redis: at the start, selective warming copies the sessions that its rules allow', async (t) => {
    const now = Date.now()
    const copies = async (rules: Record<string, string>) => {
      const { settings, knex } = await sessionsCli(t)
      const store = new DatabaseStore({ knex, table: 'sessions' })
      const create = (key: string, changes: object) =>
        store.create(key, record({ createdAt: now, lastActivity: now, expires: now + DAY, ...changes }))
      await create('small', {})
      await create('large', { data: 'x'.repeat(5000) })
      await create('anonymous', { userId: null })
      await create('older', { lastActivity: now - DAY / 2 })
      const cache = { CACHE_URL: url, CACHE_KEY_PREFIX: randomUUID().slice(0, 8) }
      const warming = { SESSION_CACHE_WARMING: 'selective', ...rules }
      const services = await openServices(
        readConfig({ ...settings, ...cache, ...warming, SESSION_ENGINE: 'cached_db' }),
      )
      try {
        await services.ready()
        return await services.warmAtStart?.()
      } finally {
        await services.close()
      }
    }
    t.is(await copies({}), 2, 'of signed-in users who were active in the last hour')
    t.is(await copies({ SESSION_CACHE_WARMING_MAX_BYTES: '4999' }), 1)
    t.is(await copies({ SESSION_CACHE_WARMING_AGE: '86400' }), 3)
    t.is(await copies({ SESSION_CACHE_WARMING_USERS: 'false' }), 3)
  })

  test.serial(
    'redis: clear ends the sessions of a user, or of all users by age, in a cache with the only records',
    async (t) => {
      const { run } = await sessionsCli(t)
      const now = Date.now()
      const prefix = `clear${now}`
      const cache = new RedisCache({ url, indexPrefix: `${prefix}:1:user:` })
      await cache.connect()
      t.teardown(() => cache.close())
      const store = new CacheStore({ cache, prefix })
      const create = (key: string, age: number, userId: string | null) =>
        store.create(key, record({ createdAt: now - age, lastActivity: now - age, expires: now + DAY, userId }))
      await create('stolen', 1000, '7')
      await create('old', 2 * DAY, '8')
      await create('new', 1000, '8')
      await create('anonymous', 2 * DAY, null)
      const env = { SESSION_ENGINE: 'cache', CACHE_URL: url, CACHE_KEY_PREFIX: prefix }
      t.is((await run(['clear', '--user', '7', '--dry-run', '--json'], env)).output, '{"kind":"user","wouldDelete":1}')
      t.is((await run(['clear', '--user', '7', '--json'], env)).output, '{"kind":"user","deleted":1}')
      t.is(await store.load('stolen'), undefined)
      const cleared = await run(['clear', '--older-than', '1d'], env)
      t.is(cleared.code, 0)
      t.regex(cleared.output, /^1 session deleted \(created\)\nSessions of anonymous visitors were left/)
      t.deepEqual(
        [await store.load('old'), (await store.load('new'))?.userId, (await store.load('anonymous'))?.userId],
        [undefined, '8', null],
      )
      const expired = await run(['clear'], env)
      t.not(expired.code, 0)
      t.regex(expired.output, /nothing to clear in a cache/)
    },
  )

  test.serial('redis: stats count the sessions of a cache with the only records', async (t) => {
    const { run } = await sessionsCli(t)
    const now = Date.now()
    const prefix = `stats${now}`
    const cache = new RedisCache({ url, indexPrefix: `${prefix}:1:user:` })
    await cache.connect()
    t.teardown(() => cache.close())
    const store = new CacheStore({ cache, prefix })
    await store.create('user', record({ createdAt: now, expires: now + DAY }))
    await store.create('anonymous', record({ createdAt: now - 9 * DAY, expires: now + DAY, userId: null }))
    const env = { SESSION_ENGINE: 'cache', CACHE_URL: url, CACHE_KEY_PREFIX: prefix }
    const stats = JSON.parse((await run(['stats', '--json'], env)).output)
    t.like(stats, { engine: 'cache', total: 2, live: 2, authenticated: 1, cache: { name: 'redis', answers: true } })
    t.deepEqual(stats.ages, { underDay: 1, underWeek: 0, overWeek: 1 })
    const { output } = await run(['stats'], env)
    t.regex(output, /^Sessions \(cache\)\n {2}total +2\n/)
    t.regex(output, /4 bytes {2}user 7, since /)
  })

  test.serial('redis: clear deletes everything of an older version or prefix, and nothing else', async (t) => {
    const { run, settings, knex } = await sessionsCli(t)
    const expires = Date.now() + DAY
    const prefix = `keys${Date.now()}`
    const open = async (name: string, generation: number) => {
      const cache = new RedisCache({ url, indexPrefix: `${name}:${generation}:user:` })
      await cache.connect()
      t.teardown(() => cache.close())
      const store = new CacheStore({ cache, prefix: name, generation })
      await store.create('user', record({ expires }))
      for (let n = 0; n < 300; n++) await store.create(`anonymous${n}`, record({ expires, userId: null }))
      return store
    }
    const [first, second, other] = [await open(prefix, 1), await open(prefix, 12), await open(`${prefix}-other`, 1)]
    const env = { SESSION_ENGINE: 'cache', CACHE_URL: url, CACHE_KEY_PREFIX: prefix, CACHE_VERSION: '12' }
    const clear = async (...args: string[]) => await run(['clear', ...args], env)
    const version = ['--version', '1']
    t.is((await clear(...version, '--dry-run')).output, `302 keys that begin with ${prefix}:1: would be deleted`)
    t.is((await first.load('user'))?.userId, '7')
    t.is((await clear(...version)).output, `302 keys that begin with ${prefix}:1: deleted`, 'with the index of users')
    t.deepEqual([await first.load('user'), await first.load('anonymous299')], [undefined, undefined])
    t.is((await clear(...version, '--json')).output, `{"kind":"keys","beginning":"${prefix}:1:","deleted":0}`)
    const refused = await clear('--version', '12')
    t.is(refused.code, 2)
    t.regex(refused.output, /^The application uses this prefix and version: --force/)
    t.is((await second.load('user'))?.userId, '7')
    t.is((await other.load('user'))?.userId, '7')
    t.regex((await clear(...version, '--prefix', `${prefix}-other`)).output, /^302 keys/)
    t.is(await other.load('user'), undefined)
    t.is((await clear('--prefix', prefix)).code, 2, 'without a version')
    t.is((await clear('--prefix', '*', ...version)).code, 2)
    t.is((await clear(...version, '--inactive', '7d')).code, 2)
    t.regex((await clear('--version', '12', '--force')).output, /^302 keys/)
    t.is(await second.load('user'), undefined)
    // Changes that only the cache has.
    const behind = `${prefix}-behind`
    const database = new DatabaseStore({ knex, table: 'sessions' })
    const cache = new RedisCache({ url })
    await cache.connect()
    const cached = new CachedStore({ database, cache, prefix: behind, strategy: 'write_behind', delay: 60_000 })
    const before = await cached.create('changed', record({ expires }))
    await cached.load('changed')
    t.is((await cached.save('changed', before, record({ expires, data: 'change' }))).outcome, 'saved')
    const moved = { ...settings, ...env, SESSION_ENGINE: 'cached_db' }
    const unwritten = await run(['clear', ...version, '--prefix', behind], moved)
    t.is(unwritten.code, 2)
    t.regex(unwritten.output, /^There are changes that are not in the database yet/)
    await cached.close()
    t.is((await run(['clear', ...version, '--prefix', behind], moved)).code, 0)
    t.is((await database.load('changed'))?.data, 'change')
  })

  test.serial('redis: doctor reads the clock and the policy of the server', async (t) => {
    const { url: databaseUrl } = await sessionsCli(t)
    const env = { SECRET_KEY, NODE_ENV: 'test', CACHE_URL: url, DATABASE_URL: databaseUrl }
    const findings = await examine({ ...env, SESSION_ENGINE: 'cache' })
    const of = (item: string) =>
      findings.filter((finding) => finding.item === item).map(({ state, message }) => [state, message])
    t.regex(String(of('clocks')), /ok,The clocks of this machine and Redis at .* agree/)
    t.regex(String(of('cache')), /ok,It answers \(redis\)/)
    t.regex(String(of('eviction')), /noeviction|evicted/)
    const cached = await examine({ ...env, SESSION_ENGINE: 'cached_db' })
    t.like(
      cached.find(({ item }) => item === 'eviction'),
      { state: 'ok' },
    )
    const behind = { ...env, SESSION_ENGINE: 'cached_db', SESSION_CACHE_STRATEGY: 'write_behind' }
    const refused = await examine({ ...behind, CACHE_URL: 'memory:' })
    t.regex(refused.find(({ item }) => item === 'cache')?.message ?? '', /write_behind needs one Redis server/)
    const policy = (await examine(behind)).find(({ item }) => item === 'eviction')
    t.regex(policy?.message ?? '', /evicts nothing|may evict changes that the database does not have yet/)
  })
}
