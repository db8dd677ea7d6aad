import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import test, { type ExecutionContext } from 'ava'
import type { Knex } from 'knex'
import { examine } from '../../scripts/sessions/doctor.ts'
import { openDatabase } from '../../src/database.ts'
import { projectRoot } from '../../src/paths.ts'
import { sealedCodec } from '../../src/session/codec/sealed/sealed.ts'
import { emptyData, type SessionData } from '../../src/session/core/data.ts'
import { Operations } from '../../src/session/core/operations.ts'
import { StoredEngine } from '../../src/session/engines/stored.ts'
import { DatabaseStore } from '../../src/session/stores/database/database.ts'
import { has } from '../storage/present.ts'
import { migratedSqlite } from '../support/databases.ts'
import { runSessions } from '../support/sessions-command.ts'

const SECRET_KEY = 'kP3v9QzX7mW2sL5tR8yB1nC4dF6gH0jA'
const EXPIRY = { cookieAge: 3600, atBrowserClose: false, touchAfter: 0.1 }

const document = await readFile(join(projectRoot, 'docs', 'operating.md'), 'utf8')

/** The code block with this file name in the document. */
async function printed<T>(t: ExecutionContext, name: string): Promise<T> {
  const code = document.split('```ts\n').find((block) => block.startsWith(`// ${name}\n`))
  if (code === undefined) throw new Error(`docs/operating.md has no ${name}`)
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-document-'))
  t.teardown(() => rm(folder, { recursive: true }))
  const file = join(folder, basename(name).replace('.ts', '.mts'))
  await writeFile(file, code.slice(0, code.indexOf('```')))
  return (await import(pathToFileURL(file).href)) as T
}

test.serial('the custom column of docs/operating.md is created, filled, queried and dropped', async (t) => {
  const knex = openDatabase(await migratedSqlite(t))
  t.teardown(() => knex.destroy())
  const migration = await printed<Knex.Migration>(t, 'migrations/session/20270101000001_session_account.ts')
  const { accountColumns, liveSessionsOf } = await printed<{
    accountColumns(data: SessionData): Record<string, string | null>
    liveSessionsOf(knex: Knex, accountId: string): Promise<number>
  }>(t, 'src/session-accounts.ts')
  t.regex(document, /extraColumns: \['account_id'\]/)
  t.regex(document, /columns: accountColumns/)

  await migration.up(knex)
  const store = new DatabaseStore({ knex, table: 'sessions', extraColumns: ['account_id'] })
  const codec = sealedCodec({ secrets: [SECRET_KEY], namespace: 'sessionid' })
  const engine = new StoredEngine({ store, codec, expiry: EXPIRY, columns: accountColumns })
  const begin = async (values: SessionData) => {
    const client = { ipAddress: null, userAgent: null }
    const data = Object.assign(emptyData(), values)
    const changes = new Operations()
    return await engine.commit({ write: 'create', loaded: undefined, data, changes, client, restartClock: false })
  }
  await begin({ account: 'acme' })
  await begin({ account: 'acme' })
  await begin({ account: 'other' })
  await begin({})
  t.is(await liveSessionsOf(knex, 'acme'), 2)
  await knex('sessions').where({ account_id: 'acme' }).update({ expires: 1 })
  t.is(await liveSessionsOf(knex, 'acme'), 0)
  await migration.down?.(knex)
  t.false(await knex.schema.hasColumn('sessions', 'account_id'))
})

if (has('db', 'sealed')) {
  test.serial('sessions in a separate database are counted and checked there', async (t) => {
    const [DATABASE_URL, SESSION_DATABASE_URL] = [await migratedSqlite(t), await migratedSqlite(t)]
    const env = { NODE_ENV: 'test', DATABASE_URL, SESSION_DATABASE_URL, SECRET_KEY, LOG_LEVEL: 'silent' }
    const knex = openDatabase(SESSION_DATABASE_URL)
    t.teardown(() => knex.destroy())
    const row = { data: 'x', version: 1, created_at: 1, last_activity: 1 }
    await knex('sessions').insert({ ...row, session_key: 'a', expires: Date.now() + 1e9 })
    const run = (...args: string[]) => runSessions(args, env)
    t.like(JSON.parse((await run('stats', '--json')).output), { live: 1 })
    const orphaned = await run('clear', '--orphaned')
    t.is(orphaned.code, 2)
    t.regex(orphaned.output, /Sessions and users are in different databases/)
    await knex.schema.dropTable('sessions')
    const found = await examine(env)
    t.deepEqual(
      found.filter(({ state }) => state === 'fail').map(({ item, message }) => `${item}: ${message}`),
      ['tables: The table sessions is missing.'],
    )
    t.true(found.some(({ item, state }) => item === 'session database' && state === 'ok'))
  })
}
