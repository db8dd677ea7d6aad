import test from 'ava'
import { migrate, openDatabase } from '../../../src/database.ts'
import { Changes } from '../../../src/session/changes.ts'
import { sealedCodec } from '../../../src/session/codec/sealed.ts'
import { emptyData, type SessionData } from '../../../src/session/data.ts'
import { StoredEngine } from '../../../src/session/engines/stored.ts'
import { DatabaseStore } from '../../../src/session/stores/database.ts'
import { migratedSqlite, testDatabase } from '../../support/databases.ts'
import { EXPIRY } from '../../support/engine.ts'
import { statementCounter } from '../../support/statements.ts'
import { START } from './contract.ts'

test('each verb of the hot path is exactly one statement', async (t) => {
  const { url, drop } = (await testDatabase('SQLite')?.fresh()) ?? {}
  if (url === undefined) return t.fail('there is no SQLite')
  const knex = openDatabase(url)
  await migrate(knex)
  const counted = await statementCounter(knex)
  const store = new DatabaseStore({ knex, table: 'sessions', layout: 'own', now: () => START })
  const record = {
    data: 'x',
    expires: START + 1000,
    createdAt: START,
    lastActivity: START,
    userId: null,
    ipAddress: null,
    userAgent: null,
  }
  t.is(await counted(() => store.create('a', record)), 1)
  t.is(await counted(() => store.load('a')), 1)
  t.is(await counted(() => store.save('a', 1, record)), 1)
  t.is(await counted(() => store.touch('a', 2, record)), 1)
  t.is(await counted(() => store.delete('a')), 1)
  await knex.destroy()
  await drop?.()
})

test('a column of one own is written with the data, and can be queried', async (t) => {
  const url = await migratedSqlite(t)
  const knex = openDatabase(url)
  t.teardown(() => knex.destroy())
  await knex.schema.alterTable('sessions', (table) => void table.string('account_id', 64).index('sessions_account'))
  const store = new DatabaseStore({ knex, table: 'sessions', layout: 'own', extraColumns: ['account_id'] })
  const codec = sealedCodec({ secrets: ['a secret of the tests: 6f1f0c2b9d8e4a7c'], namespace: 'sessionid' })
  const columns = (data: SessionData) => ({ account_id: typeof data['account'] === 'string' ? data['account'] : null })
  const engine = new StoredEngine({ store, codec, expiry: EXPIRY, columns })
  const client = { ipAddress: null, userAgent: null }
  const changes = new Changes()
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
    t.throws(() => new DatabaseStore({ knex, table, layout: 'own' }), { instanceOf: RangeError })
  }
})
