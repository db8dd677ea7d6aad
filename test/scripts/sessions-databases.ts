import test from 'ava'
import { examine } from '../../scripts/sessions/doctor.ts'
import { migrate, openDatabase } from '../../src/database.ts'
import { DatabaseLease } from '../../src/session/stores/database/lease.ts'
import { testDatabase } from '../support/databases.ts'
import { runSessions } from '../support/sessions-command.ts'
import { SECRET_KEY } from './sessions-cli.ts'

/** The commands with SQL of a dialect, on that database. */
export function databaseCommands(name: 'PostgreSQL' | 'MariaDB'): void {
  const database = testDatabase(name)
  if (database === undefined) return

  test.serial(`${name}: clear, maintain and doctor`, async (t) => {
    const { url, drop } = await database.fresh()
    const knex = openDatabase(url)
    t.teardown(async () => {
      await knex.destroy()
      await drop()
    })
    const look = async () => {
      const found = await examine({ SECRET_KEY, NODE_ENV: 'test', DATABASE_URL: url })
      return found.filter(({ state }) => state !== 'ok').map(({ item, message }) => `${item}: ${message}`)
    }
    t.regex((await look()).join(), /\d+ migrations have not run/)
    await migrate(knex)
    t.deepEqual(await look(), [])
    await knex.schema.alterTable('sessions', (table) => void table.dropIndex([], 'sessions_address_expires'))
    t.regex((await look()).join(), /^tables: sessions has no index on ip_address, expires/)

    const row = { data: 'x', version: 1, expires: 1, created_at: 1, last_activity: 1 }
    await knex.batchInsert(
      'sessions',
      Array.from({ length: 250 }, (_, n) => ({ ...row, session_key: `k${n}` })),
    )
    const run = (...args: string[]) => runSessions(args, { DATABASE_URL: url, SECRET_KEY })
    t.is((await run('clear', '--batch', '100', '--json')).output, '{"kind":"expired","deleted":250}')
    const maintained = await run('maintain', '--json')
    t.is(maintained.code, 0, maintained.output)
    const [{ name: table, before, after }] = JSON.parse(maintained.output)
    t.is(table, 'sessions')
    t.true(before > 0 && after > 0)
  })

  test.serial(`${name}: of 20 concurrent requests for a lease one gets it`, async (t) => {
    const { url, drop } = await database.fresh()
    const knex = openDatabase(url)
    t.teardown(async () => {
      await knex.destroy()
      await drop()
    })
    await migrate(knex)
    for (let round = 0; round < 3; round++) {
      const leases = Array.from({ length: 20 }, () => new DatabaseLease({ knex, name: 'work' }))
      const taken = await Promise.all(leases.map((lease) => lease.take()))
      t.is(taken.filter((has) => has).length, 1)
      const owner = leases[taken.indexOf(true)]
      await Promise.all(leases.filter((lease) => lease !== owner).map((lease) => lease.release()))
      t.false(await new DatabaseLease({ knex, name: 'work' }).take(), 'nobody else can give it back')
      await owner?.finish()
      t.false(await new DatabaseLease({ knex, name: 'work' }).take(Date.now() - 1000), 'it was finished since')
    }
  })
}
