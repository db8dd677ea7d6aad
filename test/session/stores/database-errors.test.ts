import test from 'ava'
import { openDatabase } from '../../../src/database.ts'
import { isOutage, toStoreError } from '../../../src/session/core/error-codes.ts'
import { StoreUnavailableError } from '../../../src/session/core/errors.ts'
import { DatabaseStore } from '../../../src/session/stores/database/database.ts'
import { migratedSqlite, testDatabase } from '../../support/databases.ts'
import { record } from './bench.ts'
import { databaseErrorsSuite } from './database-errors-suite.ts'

const database = testDatabase('SQLite')
if (database !== undefined) databaseErrorsSuite(database)

test('a lock that is held too long is an outage', async (t) => {
  const url = await migratedSqlite(t)
  const [holder, waiting] = [openDatabase(url), openDatabase(url)]
  t.teardown(() => Promise.all([holder.destroy(), waiting.destroy()]))
  const store = new DatabaseStore({ knex: waiting, table: 'sessions' })
  await waiting.raw('PRAGMA busy_timeout = 10')
  await holder.transaction(async (trx) => {
    await trx('sessions').insert({
      session_key: 'x',
      data: '',
      expires: 1,
      version: 1,
      created_at: 1,
      last_activity: 1,
    })
    await t.throwsAsync(store.create('a', record({})), { instanceOf: StoreUnavailableError })
  })
})

test('an error of the driver is classified by its code', (t) => {
  const made = (error: Error, more: object) => Object.assign(error, more)
  const outages = [
    made(new Error('x'), { code: 'ECONNRESET' }),
    made(new Error('x'), { code: '53100' }),
    made(new Error('x'), { code: '57P01' }),
    made(new Error('x'), { code: '40P01' }),
    made(new Error('x'), { code: 'SQLITE_FULL' }),
    made(new Error('x'), { code: 'ER_LOCK_WAIT_TIMEOUT' }),
    made(new Error('x'), { code: 'ER_UNKNOWN_TO_US', fatal: true }),
    made(new Error('SQLITE_MISUSE: Database is closed'), { code: 'SQLITE_MISUSE' }),
    new Error('Connection terminated unexpectedly'),
    made(new Error('x'), { name: 'KnexTimeoutError' }),
  ]
  for (const error of outages) t.true(toStoreError(error) instanceof StoreUnavailableError, JSON.stringify(error))
  const mistakes = [
    new TypeError('Bind parameters must not contain undefined'),
    made(new Error('x'), { code: '23502' }),
    made(new Error('x'), { code: '08P01' }),
    made(new Error('x'), { code: '42P01' }),
    made(new Error('x'), { code: 'SQLITE_CONSTRAINT' }),
    made(new Error('x'), { code: 'SQLITE_ERROR' }),
    made(new Error('x'), { code: 'ER_NO_SUCH_TABLE', fatal: false }),
    made(new Error('x'), { code: 'ER_DATA_TOO_LONG' }),
  ]
  for (const error of mistakes) t.is(toStoreError(error), error, JSON.stringify(error))
})

test('another error is an outage only if its code says so', (t) => {
  const missing = { code: 'ENOENT' }
  t.true(isOutage(Object.assign(new Error('x'), missing, { syscall: 'connect' })))
  t.false(isOutage(Object.assign(new Error('x'), missing, { syscall: 'open' })))
  t.false(isOutage(new Error('A mistake of a handler')))
  t.false(isOutage('ECONNREFUSED'))
})
