import test, { type ExecutionContext } from 'ava'
import { migrate, openDatabase } from '../../../src/database.ts'
import { isDuplicate } from '../../../src/session/core/error-codes.ts'
import { StoreUnavailableError } from '../../../src/session/core/errors.ts'
import { StoredEngine } from '../../../src/session/engines/stored.ts'
import { DatabaseStore } from '../../../src/session/stores/database/database.ts'
import { DatabaseRevocations } from '../../../src/session/stores/database/database-revocations.ts'
import type { TestDatabase } from '../../support/databases.ts'
import { testEngine } from '../../support/engine.ts'
import { application } from '../../support/handlers.ts'
import { record } from './bench.ts'

/** What the database refuses is a mistake, and what keeps it from answering is an outage. */
export function databaseErrorsSuite({ name: kind, fresh }: TestDatabase): void {
  const bench = async (t: ExecutionContext) => {
    const { url, drop } = await fresh()
    const knex = openDatabase(url)
    t.teardown(async () => {
      await knex.destroy()
      await drop()
    })
    await migrate(knex)
    return { knex, url, store: new DatabaseStore({ knex, table: 'sessions' }) }
  }
  const live = () => record({ expires: Date.now() + 3_600_000 })

  test(`${kind}: what the table refuses is the driver's error, not an outage; others in the same batch are saved`, async (t) => {
    const { knex, store } = await bench(t)
    await knex.schema.alterTable('sessions', (table) => void table.integer('of_a_newer_release').notNullable())
    const error = await t.throwsAsync(store.create('a', live()))
    t.false(error instanceof StoreUnavailableError)
    t.false(isDuplicate(error))
    await knex.schema.alterTable('sessions', (table) => void table.dropColumn('of_a_newer_release'))
    await knex.schema.alterTable('sessions', (table) => void table.check("user_agent <> 'refused'", [], 'no_such'))
    const versions = await Promise.all(['b', 'c', 'd'].map((key) => store.create(key, live())))
    const [first, refused, last] = await Promise.allSettled(
      ['b', 'c', 'd'].map((key, n) =>
        store.save(key, versions[n] ?? 0, { ...live(), userAgent: key === 'c' ? 'refused' : 'taken' }),
      ),
    )
    t.deepEqual([first?.status, refused?.status, last?.status], ['fulfilled', 'rejected', 'fulfilled'])
    t.false(refused?.status === 'rejected' && refused.reason instanceof StoreUnavailableError)
  })

  test(`${kind}: a missing table is not an outage; a missing database is`, async (t) => {
    const { knex, store } = await bench(t)
    const revocations = new DatabaseRevocations({ knex })
    await knex.schema.dropTable('sessions')
    await knex.schema.dropTable('session_revocations')
    for (const work of [() => store.load('a'), () => revocations.check('7', 'a')]) {
      const error = await t.throwsAsync(work)
      t.false(error instanceof StoreUnavailableError)
    }
    await knex.destroy()
    for (const work of [() => store.load('a'), () => revocations.check('7', 'a')]) {
      await t.throwsAsync(work, { instanceOf: StoreUnavailableError })
    }
  })

  test(`${kind}: over HTTP, an error of the table is a 500 without a cookie, and the session is unchanged`, async (t) => {
    const { knex, store } = await bench(t)
    const { codec, expiry } = testEngine()
    const engine = new StoredEngine({ store, codec, expiry })
    const { get, begin } = await application(t, {}, { engine, now: Date.now })
    const cookie = await begin()
    await knex.schema.alterTable('sessions', (table) => void table.check('version < 2', [], 'no_second'))
    const refused = await get('/increment', cookie)
    t.deepEqual([refused.status, refused.setCookie, refused.text], [500, '', 'Internal Server Error'])
    t.is((await get('/read', cookie)).text, '{"n":1}')
  })
}
