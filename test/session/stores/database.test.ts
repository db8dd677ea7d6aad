import test from 'ava'
import { migrate, openDatabase } from '../../../src/database.ts'
import { DatabaseStore } from '../../../src/session/stores/database.ts'
import { testDatabase } from '../../support/databases.ts'
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

test('names that are not plain SQL names are refused', (t) => {
  const knex = openDatabase('sqlite::memory:')
  for (const table of ['', 'a b', 'a;--', '"a"', '1a']) {
    t.throws(() => new DatabaseStore({ knex, table, layout: 'own' }), { instanceOf: RangeError })
  }
})
