import test from 'ava'
import { migrate, openDatabase } from '../../../src/database.ts'
import { StoreUnavailableError } from '../../../src/session/core/errors.ts'
import { DatabaseStore } from '../../../src/session/stores/database/database.ts'
import { testDatabase } from '../../support/databases.ts'
import { eventually } from '../../support/eventually.ts'
import { record } from './bench.ts'
import { databaseSuite } from './database-suite.ts'

const database = testDatabase('MariaDB')
if (database !== undefined) {
  databaseSuite(database)

  test('MariaDB: a change that waits for a lock is given up by the server, not only here', async (t) => {
    const { url, drop } = await database.fresh()
    const [knex, other] = [openDatabase(url), openDatabase(url)]
    t.teardown(async () => {
      await Promise.all([knex.destroy(), other.destroy()])
      await drop()
    })
    await migrate(knex)
    const store = new DatabaseStore({ knex, table: 'sessions', timeout: 100 })
    await store.create('a', record({}))
    const holder = await other.transaction()
    t.teardown(async () => void (holder.isCompleted() || (await holder.rollback())))
    await holder('sessions').where({ session_key: 'a' }).forUpdate()
    await t.throwsAsync(store.delete('a'), { instanceOf: StoreUnavailableError })
    const waiting = async () =>
      (await other('information_schema.PROCESSLIST').where('INFO', 'like', 'DELETE FROM sessions%').select('ID')).length
    await eventually(waiting, (count) => count === 1)
    await eventually(waiting, (count) => count === 0)
    await holder.commit()
    t.is((await other('sessions').select('session_key')).length, 1)
  })
}
