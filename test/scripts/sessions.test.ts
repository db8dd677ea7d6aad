// These commands are about the table of the engine db.
import '../../src/storage/engines/db.ts'
import test, { type ExecutionContext } from 'ava'
import type { Knex } from 'knex'
import { openDatabase } from '../../src/database.ts'
import { migratedSqlite } from '../support/databases.ts'
import { runSessions, startSessions } from '../support/sessions-command.ts'

const DAY = 86_400_000

async function bench(t: ExecutionContext) {
  const url = await migratedSqlite(t)
  const knex = openDatabase(url)
  t.teardown(() => knex.destroy())
  const env = { DATABASE_URL: url, SECRET_KEY: 'kP3v9QzX7mW2sL5tR8yB1nC4dF6gH0jA', LOG_LEVEL: 'silent' }
  const run = (...args: string[]) => runSessions(args, env)
  const start = (...args: string[]) => startSessions(args, env)
  return { knex, run, start }
}

async function insert(knex: Knex, count: number, values: Record<string, unknown>): Promise<void> {
  const now = Date.now()
  const rows = Array.from({ length: count }, (_, n) => ({
    session_key: `k${Math.random()}${n}`,
    data: 'x',
    version: 1,
    expires: now + DAY,
    created_at: now,
    last_activity: now,
    user_id: null,
    ...values,
  }))
  await knex.batchInsert('sessions', rows, 50)
}

const left = async (knex: Knex) => Number((await knex('sessions').count({ count: '*' }).first())?.['count'])

test.serial('clear deletes expired sessions in batches; --dry-run only counts', async (t) => {
  const { knex, run } = await bench(t)
  await insert(knex, 250, { expires: Date.now() - 1 })
  await insert(knex, 3, {})
  t.deepEqual(await run('clear', '--dry-run'), { code: 0, output: '250 sessions would be deleted (expired)' })
  t.is(await left(knex), 253)
  t.deepEqual(await run('clear', '--batch', '100', '--json'), { code: 0, output: '{"kind":"expired","deleted":250}' })
  t.is(await left(knex), 3)
  t.deepEqual(await run('clear'), { code: 0, output: '0 sessions deleted (expired)' })
})

test.serial('clear by age, inactivity, user and orphans (ASVS 7.4.5)', async (t) => {
  const { knex, run } = await bench(t)
  await insert(knex, 2, { created_at: Date.now() - 31 * DAY })
  await insert(knex, 3, { last_activity: Date.now() - 8 * DAY })
  await insert(knex, 4, { user_id: '999' })
  t.is((await run('clear', '--older-than', '30d')).output, '2 sessions deleted (created)')
  t.is((await run('clear', '--inactive', '7d')).output, '3 sessions deleted (inactive)')
  t.is((await run('clear', '--orphaned', '--dry-run')).output, '4 sessions would be deleted (orphaned)')
  t.is((await run('clear', '--user', '999')).output, '4 sessions deleted (user)')
  t.is(await left(knex), 0)
})

test.serial('two concurrent clears delete each record once, and no live session', async (t) => {
  const { knex, start } = await bench(t)
  await insert(knex, 400, { expires: Date.now() - 1 })
  await insert(knex, 5, {})
  const runs = await Promise.all([start('clear', '--batch', '20', '--json'), start('clear', '--batch', '20', '--json')])
  t.deepEqual(
    runs.map(({ code }) => code),
    [0, 0],
  )
  t.is(
    runs.reduce((sum, { output }) => sum + JSON.parse(output).deleted, 0),
    400,
  )
  t.is(await left(knex), 5)
})

test.serial('stats as a table and as JSON, without any key', async (t) => {
  const { knex, run } = await bench(t)
  await insert(knex, 2, { user_id: '1', data: 'x'.repeat(500) })
  await insert(knex, 1, { expires: Date.now() - 1 })
  const { code, output } = await run('stats', '--json')
  t.is(code, 0)
  t.like(JSON.parse(output), {
    engine: 'db',
    total: 3,
    live: 2,
    expired: 1,
    authenticated: 2,
    ages: { underDay: 2, underWeek: 0, overWeek: 0 },
  })
  const table = (await run('stats')).output
  t.regex(table, /live\s+2/)
  t.regex(table, /500 bytes {2}user 1/)
  const [{ session_key }] = await knex('sessions').select('session_key')
  t.false((table + output).includes(session_key))
})

test.serial('a usage error is one sentence and exit 2; help is exit 0; an outage is exit 1', async (t) => {
  const { run, start, knex } = await bench(t)
  for (const args of [
    ['clear', '--older-than', 'yesterday'],
    ['clear', '--nonsense'],
    ['nonsense'],
    ['clear', '--batch', '0'],
    ['clear', '--user', '1', '--orphaned'],
  ]) {
    const { code, output } = await run(...args)
    t.is(code, 2, args.join(' '))
    t.notRegex(output, /\n\s+at /)
  }
  for (const args of [['--help'], ['clear', '--help'], ['stats', '--help']]) {
    const { code, output } = await run(...args)
    t.is(code, 0)
    t.regex(output, /Usage: sessions/)
  }
  const { output: help } = await run('warm', '--help')
  t.regex(help, /--since <age> .*\(24h, 30m, 2d\)\s+\(default: 24h\)/)
  t.is((await start('nonsense')).code, 2)
  t.is((await start('--help')).code, 0)
  await knex.schema.dropTable('sessions')
  const { code, output } = await start('stats')
  t.is(code, 1)
  t.is(output.split('\n').length, 1)
})
