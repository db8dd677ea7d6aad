import test from 'ava'
import { migrate, openDatabase } from '../../../src/database.ts'
import { DatabaseStore } from '../../../src/session/stores/database/database.ts'
import { PreparedStatements } from '../../../src/session/stores/database/database-statements.ts'
import { testDatabase } from '../../support/databases.ts'
import { START } from './bench.ts'
import { databaseSuite } from './database-suite.ts'

const database = testDatabase('PostgreSQL')
if (database !== undefined) {
  databaseSuite(database)

  test.serial('PostgreSQL: a job that is refused at its beginning leaves no transaction open', async (t) => {
    const { url, drop } = await database.fresh()
    const [knex, other] = [openDatabase(url, 1000), openDatabase(url)]
    t.teardown(async () => {
      await Promise.all([knex.destroy(), other.destroy()])
      await drop()
    })
    await other.schema.createTable('one', (table) => void table.integer('id'))
    const statements = new PreparedStatements(knex, 1000)
    const connection: { query(it: { text: string }): Promise<unknown> } = await knex.client.acquireConnection()
    const query = connection.query.bind(connection)
    // As if the server had just been stopped for longer than a statement may take.
    const cancelled = "DO $$ BEGIN RAISE EXCEPTION 'cancelled' USING ERRCODE = '57014'; END $$"
    connection.query = (it) => query(it.text.startsWith('SET LOCAL') ? { text: cancelled } : it)
    await knex.client.releaseConnection(connection)
    await t.throwsAsync(statements.run('SELECT 1', [], 2000), { code: '57014' })
    await statements.run('INSERT INTO one (id) VALUES (?)', [1])
    t.deepEqual(await other('one').pluck('id'), [1])
  })

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
