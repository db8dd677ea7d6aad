import test from 'ava'
import { examine } from '../../scripts/sessions/doctor.ts'
import { RedisCache } from '../../src/session/caches/redis/redis.ts'
import { CacheStore } from '../../src/session/stores/cache.ts'
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
    const cache = new RedisCache({ url })
    await cache.connect()
    t.teardown(() => cache.close())
    const env = { SESSION_ENGINE: 'cached_db', CACHE_URL: url, CACHE_KEY_PREFIX: prefix }
    const there = async () => {
      const keys = ['latest', 'anonymous', 'older']
      const entries = await Promise.all(
        keys.map(async (key) => cache.get(`${prefix}${(await copyName(store, key)).slice('session'.length)}`)),
      )
      return keys.filter((_, n) => entries[n] !== undefined)
    }
    t.is((await run(['warm', '--authenticated', '--json'], env)).output, '{"cache":"redis","copies":1}')
    t.deepEqual(await there(), ['latest'])
    t.regex((await run(['warm', '--since', '3d', '--limit', '2'], env)).output, /^1 session copied to redis/)
    t.deepEqual(await there(), ['latest', 'anonymous'])
    const stats = await run(['stats', '--json'], env)
    t.like(JSON.parse(stats.output), { engine: 'cached_db', live: 3, cache: { name: 'redis', answers: true } })
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
