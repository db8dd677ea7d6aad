import test from 'ava'
import { migrate, openDatabase } from '../../../src/database.ts'
import { DatabaseStore } from '../../../src/session/stores/database.ts'
import type { TestDatabase } from '../../support/databases.ts'
import { storeContract } from './contract.ts'

const LAYOUTS = [
  { layout: 'own', table: 'sessions', keepsMetadata: true },
  { layout: 'django', table: 'django_session', keepsMetadata: false },
] as const

/** The contract on both layouts, and what concerns this kind of database alone. */
export function databaseSuite({ name, fresh }: TestDatabase): void {
  let shared: Promise<Awaited<ReturnType<TestDatabase['fresh']>>> | undefined
  const migrated = () => {
    shared ??= fresh().then(async (database) => {
      const knex = openDatabase(database.url)
      await migrate(knex)
      await knex.destroy()
      return database
    })
    return shared
  }
  test.after.always(async () => await (await shared)?.drop())

  for (const { layout, table, keepsMetadata } of LAYOUTS) {
    const traits = { keepsMetadata, canTellOrphans: keepsMetadata }
    storeContract(`database on ${name}, ${layout} layout`, traits, async (now) => {
      const { url } = await migrated()
      const knex = openDatabase(url)
      await knex(table).delete()
      const others = [knex]
      const on = (own: typeof knex) => new DatabaseStore({ knex: own, table, layout, usersTable: 'users', now })
      return {
        store: on(knex),
        another: async () => {
          const other = openDatabase(url)
          others.push(other)
          return on(other)
        },
        breakIt: () => knex.destroy(),
        close: async () => void (await Promise.all(others.map((other) => other.destroy()))),
      }
    })
  }

  test.serial(`${name}: every migration can be undone and done again`, async (t) => {
    const { url, drop } = await fresh()
    const knex = openDatabase(url)
    const all = await migrate(knex)
    t.true(all.length >= 6)
    t.deepEqual(await migrate(knex), [])
    await knex.migrate.rollback(undefined, true)
    t.false(await knex.schema.hasTable('sessions'))
    t.deepEqual(await migrate(knex), all)
    await knex.destroy()
    await drop()
  })

  test.serial(`${name}: a missing table is a sentence that says what to do`, async (t) => {
    const { url } = await migrated()
    const knex = openDatabase(url)
    const store = new DatabaseStore({ knex, table: 'not_there', layout: 'own' })
    await t.throwsAsync(store.assertReady(), { message: /npm run migrate/ })
    await knex.destroy()
  })

  test.serial(`${name}: the indexes that the commands and pages rely on are there`, async (t) => {
    const { url } = await migrated()
    const knex = openDatabase(url)
    // Making an index of a name that is there fails, whatever the database.
    for (const index of ['expires', 'last_activity', 'user_expires', 'address_expires']) {
      const again = knex.schema.alterTable('sessions', (table) => void table.index(['version'], `sessions_${index}`))
      await t.throwsAsync(again, undefined, index)
    }
    await knex.destroy()
  })
}
