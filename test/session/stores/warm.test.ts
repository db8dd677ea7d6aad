import test from 'ava'
import { openDatabase } from '../../../src/database.ts'
import { MemoryCache } from '../../../src/session/caches/memory.ts'
import { CachedStore } from '../../../src/session/stores/cached/cached-database.ts'
import { DatabaseStore } from '../../../src/session/stores/database/database.ts'
import { MemoryStore } from '../../../src/session/stores/memory.ts'
import { NotSupportedError } from '../../../src/session/stores/store.ts'
import { steer, versionsIn } from '../../support/caches.ts'
import { migratedSqlite } from '../../support/databases.ts'
import { HOUR, record, START } from './bench.ts'

test('warming fills the cache with recently active sessions and keeps existing copies', async (t) => {
  const knex = openDatabase(await migratedSqlite(t))
  t.teardown(() => knex.destroy())
  const now = () => START
  const database = new DatabaseStore({ knex, table: 'sessions', now })
  const names = Array.from({ length: 40 }, (_, n) => `s${n}`)
  await Promise.all(names.map((name, n) => database.create(name, record({ lastActivity: START - n * 1000 }))))
  await database.create('anonymous', record({ userId: null }))

  const memory = new MemoryCache({ now })
  const cache = steer(memory)
  const store = new CachedStore({ database, cache: cache.steered, now })
  const which = { activeSince: START - 29_000, authenticated: true }
  t.is(await store.warm(which), 30)
  t.deepEqual(await versionsIn(database, memory, 's0', 's29', 's30', 'anonymous'), ['1', '1', undefined, undefined])
  t.is(await store.warm(which), 0, 'they are there already')
  t.is(await store.warm({ activeSince: START - HOUR }, 5), 1, 'the latest five are the four there and one more')

  cache.out = true
  const asked = steer(database)
  const out = new CachedStore({ database: asked.steered, cache: cache.steered, now })
  t.is(await out.warm({ activeSince: START - HOUR }), 0)
  t.deepEqual(asked.calls, ['recentKeys'], 'while the cache is down no record is read in vain')
})

test('warming waits for the cache that follows another one', async (t) => {
  const knex = openDatabase(await migratedSqlite(t))
  t.teardown(() => knex.destroy())
  const table = new DatabaseStore({ knex, table: 'sessions', now: () => START })
  await table.create('a', record({}))
  const before = new CachedStore({ database: table, cache: new MemoryCache(), prefix: 'before', now: () => START })
  t.is((await before.load('a'))?.version, 1)
  const store = new CachedStore({ database: table, cache: new MemoryCache(), prefix: 'after', now: () => START })
  t.is(await store.warm({ activeSince: START - HOUR }), 1)
})

test('warming copies only the sessions that the given function chooses', async (t) => {
  const knex = openDatabase(await migratedSqlite(t))
  t.teardown(() => knex.destroy())
  const now = () => START
  const database = new DatabaseStore({ knex, table: 'sessions', now })
  await database.create('returned', record({ createdAt: START - 2 * HOUR }))
  await database.create('new', record({}))
  const cache = new MemoryCache({ now })
  const store = new CachedStore({ database, cache, now })
  const where = ({ createdAt, lastActivity }: { createdAt: number; lastActivity: number }) =>
    lastActivity - createdAt > HOUR
  t.is(await store.warm({ activeSince: START - HOUR, where }), 1)
  t.deepEqual(await versionsIn(database, cache, 'returned', 'new'), ['1', undefined])
})

test('a storage without activity cannot be used for warming', async (t) => {
  const store = new CachedStore({ database: new MemoryStore(), cache: new MemoryCache() })
  await t.throwsAsync(store.warm({ activeSince: 0 }), { instanceOf: NotSupportedError })
})
