import test from 'ava'
import { migrate, openDatabase } from '../../../src/database.ts'
import { DatabaseStore } from '../../../src/session/stores/database/database.ts'
import { layout as django } from '../../storage/formats/django.ts'
import type { TestDatabase } from '../../support/databases.ts'
import { HOUR, record, START } from './bench.ts'

/** What concerns Django's table on this kind of database, beside the contract of every layout. */
export function djangoTableSuite({ name, fresh }: TestDatabase): void {
  const { table, layout } = django
  test.serial(`${name}: dates of Django are read, and dates are written as Django writes them`, async (t) => {
    const { url, drop } = await fresh()
    const knex = openDatabase(url)
    t.teardown(async () => {
      await knex.destroy()
      await drop()
    })
    await migrate(knex)
    await t.throwsAsync(new DatabaseStore({ knex, table }).assertReady(), { message: /npm run migrate/ })
    const store = new DatabaseStore({ knex, table, layout, now: () => START })
    await t.notThrowsAsync(store.assertReady())
    const moment = name === 'PostgreSQL' ? '2026-03-01 13:00:00.250999+00' : '2026-03-01 13:00:00.250999'
    await knex.raw(`INSERT INTO ${table} VALUES ('a', 'text', '${moment}')`)
    t.is((await store.load('a'))?.expires, START + HOUR + 250)
    await store.create('b', record({ expires: START + HOUR }))
    await store.create('c', record({ expires: START + HOUR + 250 }))
    const text = name === 'PostgreSQL' ? "expire_date AT TIME ZONE 'UTC'" : 'expire_date'
    const moments = knex.raw(`CAST(${text} AS CHAR(26)) AS moment`)
    const written = await knex(table).whereNot('session_key', 'a').orderBy('session_key').select(moments)
    // Only SQLite keeps the very text; the servers print what they keep.
    const whole = name === 'MariaDB' ? '2026-03-01 13:00:00.000000' : '2026-03-01 13:00:00'
    const fraction = name === 'PostgreSQL' ? '2026-03-01 13:00:00.25' : '2026-03-01 13:00:00.250000'
    t.deepEqual(
      written.map(({ moment }) => String(moment).trim()),
      [whole, fraction],
    )
  })
}
