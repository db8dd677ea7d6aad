import test from 'ava'
import { migrate, openDatabase } from '../../../src/database.ts'
import { DatabaseStore } from '../../../src/session/stores/database/database.ts'
import { testDatabase } from '../../support/databases.ts'
import { START } from './bench.ts'
import { databaseSuite } from './database-suite.ts'

const database = testDatabase('PostgreSQL')
if (database !== undefined) {
  databaseSuite(database)

  test.serial('PostgreSQL: the number of prepared statements does not grow over time', async (t) => {
    const { url, drop } = await database.fresh()
    const knex = openDatabase(url)
    await migrate(knex)
    const clock = { now: START }
    const store = new DatabaseStore({ knex, table: 'sessions', now: () => clock.now })
    const prepared = async () => (await knex('pg_prepared_statements').where('name', 'like', 'session_%')).length
    const work = async () => {
      clock.now += 1000
      await store.load('a')
      await store.statistics()
      await store.countClearable({ kind: 'expired', before: clock.now })
      await store.listByUser('7')
    }
    await work()
    const first = await prepared()
    t.true(first > 0)
    await work()
    await work()
    t.is(await prepared(), first)
    await knex.destroy()
    await drop()
  })
}
