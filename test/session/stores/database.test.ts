import { existsSync } from 'node:fs'
import test from 'ava'
import createKnex from 'knex'
import { openDatabase } from '../../../src/database.ts'
import { sealedCodec } from '../../../src/session/codec/sealed/sealed.ts'
import { emptyData, type SessionData } from '../../../src/session/core/data.ts'
import { StoreUnavailableError } from '../../../src/session/core/errors.ts'
import { Operations } from '../../../src/session/core/operations.ts'
import { StoredEngine } from '../../../src/session/engines/stored.ts'
import { DatabaseStore } from '../../../src/session/stores/database/database.ts'
import type { Version } from '../../../src/session/stores/store.ts'
import { LAYOUTS } from '../../storage/layouts.ts'
import { migratedSqlite } from '../../support/databases.ts'
import { EXPIRY } from '../../support/engine.ts'
import { statementCounter } from '../../support/statements.ts'
import { HOUR, record, START } from './bench.ts'

for (const { name, layout, table } of LAYOUTS) {
  test(`each operation of a request is exactly one statement, ${name} layout`, async (t) => {
    const knex = openDatabase(await migratedSqlite(t))
    t.teardown(() => knex.destroy())
    const counted = await statementCounter(knex)
    const store = new DatabaseStore({ knex, table, layout, now: () => START })
    const stale = layout === undefined ? 7 : 'stale'
    let version: Version = stale
    const create = async () => {
      version = await store.create('a', record({}))
    }
    t.is(await counted(create), 1)
    t.is(await counted(() => store.load('a')), 1)
    t.is(await counted(() => store.touch('a', version, record({ expires: START + 2 * HOUR }))), 1)
    t.is(await counted(() => store.save('a', version, record({ data: 'second' }))), 1)
    t.is(
      await counted(() => store.save('a', stale, record({}))),
      2,
      'and one more to distinguish a conflict from an ended session',
    )
    t.is(await counted(() => store.delete('a')), 1)
    t.is(await counted(() => store.load("' OR 1=1--")), 0, 'an invalid key is not looked up')
  })
}

test('a writer that holds the lock makes saves unavailable, but not reads, and nothing is lost', async (t) => {
  const url = await migratedSqlite(t)
  const [knex, other] = [openDatabase(url), openDatabase(url)]
  t.teardown(async () => void (await Promise.all([knex.destroy(), other.destroy()])))
  await knex.raw('PRAGMA busy_timeout = 1')
  const store = new DatabaseStore({ knex, table: 'sessions', now: () => START })
  const version = await store.create('a', record({ data: 'first' }))
  await other.raw('BEGIN IMMEDIATE')
  await t.throwsAsync(store.save('a', version, record({ data: 'second' })), { instanceOf: StoreUnavailableError })
  await t.throwsAsync(store.delete('a'), { instanceOf: StoreUnavailableError })
  t.is((await store.load('a'))?.data, 'first')
  await other.raw('ROLLBACK')
  t.is((await store.save('a', version, record({ data: 'second' }))).outcome, 'saved')
})

test('closing the database closes the file, whatever was prepared on it', async (t) => {
  const url = await migratedSqlite(t)
  const knex = openDatabase(url)
  const store = new DatabaseStore({ knex, table: 'sessions' })
  await store.create('a', record({}))
  const log = `${url.slice('sqlite:'.length)}-wal`
  t.true(existsSync(log))
  await knex.destroy()
  // SQLite folds the log into the file when the last connection closes.
  t.false(existsSync(log))
})

test('other drivers are refused', (t) => {
  const knex = createKnex({ client: 'better-sqlite3', useNullAsDefault: true })
  t.throws(() => new DatabaseStore({ knex, table: 'sessions' }), { instanceOf: RangeError })
})

test('a custom column is written with the data and can be queried', async (t) => {
  const url = await migratedSqlite(t)
  const knex = openDatabase(url)
  t.teardown(() => knex.destroy())
  await knex.schema.alterTable('sessions', (table) => void table.string('account_id', 64).index('sessions_account'))
  const store = new DatabaseStore({ knex, table: 'sessions', extraColumns: ['account_id'] })
  const codec = sealedCodec({ secrets: ['a secret of the tests: 6f1f0c2b9d8e4a7c'], namespace: 'sessionid' })
  const columns = (data: SessionData) => ({ account_id: typeof data['account'] === 'string' ? data['account'] : null })
  const engine = new StoredEngine({ store, codec, expiry: EXPIRY, columns })
  const client = { ipAddress: null, userAgent: null }
  const changes = new Operations()
  const data = Object.assign(emptyData(), { account: 'acme' })
  const begun = await engine.commit({ write: 'create', loaded: undefined, data, changes, client, restartClock: false })
  t.is((await knex('sessions').where({ account_id: 'acme' })).length, 1)
  if (begun.outcome !== 'saved') return t.fail()
  const moved = Object.assign(emptyData(), { account: 'other' })
  await engine.commit({ write: 'save', loaded: begun.loaded, data: moved, changes, client, restartClock: false })
  t.deepEqual(await knex('sessions').pluck('account_id'), ['other'])
})

test('names that are not plain SQL names are refused', (t) => {
  const knex = openDatabase('sqlite::memory:')
  for (const table of ['', 'a b', 'a;--', '"a"', '1a']) {
    t.throws(() => new DatabaseStore({ knex, table }), { instanceOf: RangeError })
  }
})
