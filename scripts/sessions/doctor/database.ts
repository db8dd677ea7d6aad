import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import createKnex, { type Knex } from 'knex'
import type { Config, SessionHome } from '../../../src/config.ts'
import { databaseConfig } from '../../../src/database.ts'
import { sqlitePath } from '../../../src/database-address.ts'
import { DELETE_DEMO_USERS, openDemoAccounts } from '../../../src/demo-users.ts'
import { projectRoot } from '../../../src/paths.ts'
import { DatabaseStore } from '../../../src/session/stores/database/database.ts'
import { dialectOf, PreparedStatements } from '../../../src/session/stores/database/database-statements.ts'
import { clockFinding, type Finding, ok, warn, wrong } from '../../../src/storage/finding.ts'
import { factsOf, homesOf } from '../../../src/storage/open.ts'
import { causeOf, messageOf } from '../run.ts'
import type { Settings } from './settings.ts'

interface Table {
  readonly name: string
  readonly indexes: readonly (readonly string[])[]
  /** A table of sessions. */
  readonly home?: SessionHome
}

// Knex would print each outage with its stack.
const SILENT = { warn: () => {}, error: () => {}, debug: () => {}, deprecate: () => {} }
const TIMEOUT = 5000
const DAY = 86_400_000
// What a day's clean-ups have left over is not left over by chance.
const MANY_EXPIRED = 1000

/** The databases: whether they answer, are migrated, have tables and indexes, keep the same time, and have no demo users. */
export async function databaseFindings({ config, meant }: Settings): Promise<Finding[]> {
  if (!meant('DATABASE_URL')) return []
  const { databaseUrl, session } = config
  const own = session.databaseUrl !== databaseUrl
  const tables = meant('SESSION_ENGINE', 'SESSION_FORMAT', 'SESSION_TABLE', 'SESSION_MOVING_FROM')
    ? tablesOf(config)
    : []
  if (!own)
    return await look('database', databaseUrl, 'npm run migrate', async (knex) => [
      ...(await accountFindings(knex, config)),
      ...(await sessionFindings(knex, config, tables)),
    ])
  const first = await look('database', databaseUrl, 'npm run migrate', (knex) => accountFindings(knex, config))
  if (!meant('SESSION_DATABASE_URL')) return first
  const migrateOwn = 'DATABASE_URL="$SESSION_DATABASE_URL" npm run migrate'
  const second = await look('session database', session.databaseUrl, migrateOwn, (knex) =>
    sessionFindings(knex, config, tables),
  )
  return [...first, ...second]
}

async function look(
  item: string,
  url: string,
  migrate: string,
  more: (knex: Knex) => Promise<Finding[]>,
): Promise<Finding[]> {
  const file = sqlitePath(url)
  // Opening it would make it.
  if (file !== undefined && !existsSync(resolve(projectRoot, file)))
    return [wrong(item, 'The file of the database is not there yet.', migrate)]
  let knex: Knex | undefined
  try {
    knex = createKnex({ ...databaseConfig(url), log: SILENT })
    await knex.raw('SELECT 1')
    const answers = ok(item, 'It answers.')
    const pending = await pendingMigrations(knex, url)
    const migrated =
      pending > 0
        ? wrong('migrations', `${pending} ${pending === 1 ? 'migration has' : 'migrations have'} not run.`, migrate)
        : ok('migrations', 'All of them have run.')
    return [answers, migrated, await clockOf(knex), ...(await more(knex))]
  } catch (error) {
    const says = `It does not answer as it should: ${messageOf(causeOf(error))}`
    return [wrong(item, says, `Start it, or correct ${item === 'database' ? 'DATABASE_URL' : 'SESSION_DATABASE_URL'}`)]
  } finally {
    await knex?.destroy()
  }
}

async function pendingMigrations(knex: Knex, url: string): Promise<number> {
  const source = databaseConfig(url).migrations?.migrationSource
  const all = (await source?.getMigrations([])) ?? []
  // Asking Knex itself would make its tables.
  if (!(await knex.schema.hasTable('knex_migrations'))) return all.length
  const done = new Set<unknown>(await knex('knex_migrations').pluck('name'))
  return all.filter((migration) => !done.has(source?.getMigrationName(migration))).length
}

async function clockOf(knex: Knex): Promise<Finding> {
  const dialect = dialectOf(knex)
  if (dialect === 'sqlite') return ok('clocks', 'SQLite has the clock of this machine.')
  const sql =
    dialect === 'postgres'
      ? 'SELECT EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS time'
      : 'SELECT UNIX_TIMESTAMP(NOW(6)) * 1000 AS time'
  const statements = new PreparedStatements(knex, TIMEOUT)
  return await clockFinding('clocks', 'the database', async () =>
    Number((await statements.run(sql, [])).rows[0]?.['time']),
  )
}

function tablesOf(config: Config): Table[] {
  const homes = homesOf(config).map((home) => ({ home, facts: factsOf(home, config) }))
  return [
    ...homes
      .filter(({ facts }) => facts.table)
      .map(({ home, facts: { format } }) => ({ name: home.table, indexes: format.indexes, home })),
    ...(homes.some(({ facts }) => facts.inCookies !== 'none')
      ? [{ name: 'session_revocations', indexes: [['expires']] }]
      : []),
    { name: 'session_leases', indexes: [] },
  ]
}

async function accountFindings(knex: Knex, { production }: Config): Promise<Finding[]> {
  if (!(await knex.schema.hasTable('users'))) return []
  const open = await openDemoAccounts(knex)
  if (open.length === 0) return [ok('accounts', 'None accepts a demo password.')]
  const names = open.map(({ username }) => username).join(' and ')
  const says = `Anybody can sign in as ${names} with a published demo password: production does not start with these accounts.`
  return [production ? wrong('accounts', says, DELETE_DEMO_USERS) : ok('accounts', says)]
}

async function sessionFindings(knex: Knex, config: Config, tables: readonly Table[]): Promise<Finding[]> {
  const findings: Finding[] = []
  for (const table of tables) {
    if (!(await knex.schema.hasTable(table.name))) {
      findings.push(wrong('tables', `The table ${table.name} is missing.`, 'npm run migrate, or correct SESSION_TABLE'))
      continue
    }
    const found = table.home === undefined ? [] : await homeFindings(knex, config, table.home)
    findings.push(...found, ...(await indexFindings(knex, table)))
  }
  return findings
}

async function homeFindings(knex: Knex, config: Config, home: SessionHome): Promise<Finding[]> {
  const { table } = home
  const store = new DatabaseStore({ knex, table, layout: factsOf(home, config).format.layout })
  try {
    await store.assertReady()
  } catch (error) {
    return [wrong('tables', messageOf(causeOf(error)), 'npm run migrate')]
  }
  const count = await store.countClearable({ kind: 'expired', before: Date.now() - DAY })
  if (count <= MANY_EXPIRED) return [ok('expired', `No heap of expired rows in ${table}.`)]
  const reason = config.session.cleanupInterval === 0 ? ', and SESSION_CLEANUP_INTERVAL=0 leaves them to cron' : ''
  const says = `${count} rows of ${table} have been expired for more than a day${reason}.`
  return [warn('expired', says, 'npm run sessions -- clear')]
}

async function indexFindings(knex: Knex, { name, indexes }: Table): Promise<Finding[]> {
  const there = await indexesOf(knex, name)
  const missing = indexes.filter((columns) => !there.some((has) => columns.every((column, n) => has[n] === column)))
  if (missing.length === 0) return [ok('tables', `${name} is there${indexes.length > 0 ? ', with its indexes' : ''}.`)]
  return missing.map((columns) =>
    wrong(
      'tables',
      `${name} has no index on ${columns.join(', ')}: what looks for it reads the whole table.`,
      `CREATE INDEX ${name}_${columns.join('_')} ON ${name} (${columns.join(', ')});`,
    ),
  )
}

const INDEX_SQL = {
  sqlite:
    'SELECT list.name AS name, info.name AS col FROM pragma_index_list(?) AS list, pragma_index_info(list.name) AS info ' +
    'ORDER BY list.name, info.seqno',
  postgres:
    'SELECT i.indexrelid AS name, a.attname AS col FROM pg_index i ' +
    'CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY AS k(attnum, n) ' +
    'JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum ' +
    'WHERE i.indrelid = CAST(CAST(? AS text) AS regclass) AND i.indisvalid ORDER BY i.indexrelid, k.n',
  mysql:
    'SELECT index_name AS name, column_name AS col FROM information_schema.statistics ' +
    'WHERE table_schema = DATABASE() AND table_name = ? ORDER BY index_name, seq_in_index',
} as const

/** The columns of each index, in their order. */
async function indexesOf(knex: Knex, table: string): Promise<string[][]> {
  const { rows } = await new PreparedStatements(knex, TIMEOUT).run(INDEX_SQL[dialectOf(knex)], [table])
  const columns = new Map<unknown, string[]>()
  for (const row of rows) columns.set(row['name'], [...(columns.get(row['name']) ?? []), String(row['col'])])
  return [...columns.values()]
}
