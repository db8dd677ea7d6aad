import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import createKnex, { type Knex } from 'knex'
import type { Config, StorageConfig } from '../../../src/config.ts'
import { databaseConfig } from '../../../src/database.ts'
import { sqlitePath } from '../../../src/database-address.ts'
import { DELETE_DEMO_USERS, openDemoAccounts } from '../../../src/demo-users.ts'
import { projectRoot } from '../../../src/paths.ts'
import { DatabaseStore } from '../../../src/session/stores/database/database.ts'
import { dialectOf, PreparedStatements } from '../../../src/session/stores/database/database-statements.ts'
import { clockFinding, type Finding, fail, ok, warn } from '../../../src/storage/finding.ts'
import { factsOf, newestPrefix, sessionTables } from '../../../src/storage/open.ts'
import { messageOf } from '../../../src/storage/records.ts'
import { causeOf } from '../run.ts'
import type { Settings } from './settings.ts'

interface Table {
  readonly name: string
  readonly indexes: readonly (readonly string[])[]
  /** Set for tables of sessions. */
  readonly storage?: StorageConfig
}

const TIMEOUT_MS = 5000
const DAY_MS = 86_400_000
// More rows that expired over a day ago mean that no clean-up runs.
const MAX_EXPIRED = 1000

/** Checks whether the databases answer, their migrations, tables, indexes and clocks, and accounts for demo passwords. */
export async function databaseFindings({ config, isValid }: Settings): Promise<Finding[]> {
  if (!isValid('DATABASE_URL')) return []
  const { databaseUrl, session } = config
  const isSeparate = session.databaseUrl !== databaseUrl
  const tables = isValid(
    'SESSION_ENGINE',
    'SESSION_FORMAT',
    'SESSION_TABLE',
    'SESSION_MOVING_FROM',
    'SESSION_MOVING_TO',
  )
    ? tablesOf(config)
    : []
  const other = await otherFindings(config)
  if (!isSeparate) {
    const all = await examineDatabase('database', databaseUrl, 'npm run migrate', async (knex) => [
      ...(await accountFindings(knex, config)),
      ...(await sessionFindings(knex, config, tables)),
    ])
    return [...all, ...other]
  }
  const first = await examineDatabase('database', databaseUrl, 'npm run migrate', (knex) =>
    accountFindings(knex, config),
  )
  if (!isValid('SESSION_DATABASE_URL')) return [...first, ...other]
  const migrateSessions = 'DATABASE_URL="$SESSION_DATABASE_URL" npm run migrate'
  const second = await examineDatabase('session database', session.databaseUrl, migrateSessions, (knex) =>
    sessionFindings(knex, config, tables),
  )
  return [...first, ...second, ...other]
}

/** Checks the other database while sessions migrate, and says what is left to migrate. */
async function otherFindings(config: Config): Promise<Finding[]> {
  const { migrating, databaseUrl, table } = config.session
  if (migrating === undefined) return []
  const { moves, other, databaseUrl: url } = migrating
  const facts = factsOf(other, config)
  const isShared = url === databaseUrl && other.table === table && factsOf(config.session, config).table
  const left = async (knex: Knex) =>
    facts.table && facts.inCookies === 'none' && !isShared
      ? (await new DatabaseStore({ knex, table: other.table, layout: facts.format.layout }).statistics()).live
      : undefined
  const counted: { left?: number | undefined } = {}
  const migrate = `DATABASE_URL="$SESSION_MOVING_DATABASE_URL" npm run migrate`
  const findings = await examineDatabase('other database', url, migrate, async (knex) => {
    counted.left = await left(knex)
    return []
  })
  return [...(url === databaseUrl ? [] : findings), migrationFinding(moves, other.engine, counted.left)]
}

function migrationFinding(moves: boolean, engine: string, left: number | undefined): Finding {
  if (!moves) {
    const message = `Sessions are found in ${engine} as well, and none migrates yet.`
    return warn('migration', message, 'When every process has SESSION_MOVING_TO, go on with docs/sessions.md')
  }
  if (left === undefined) return ok('migration', `Sessions migrate from ${engine}, where they are not counted.`)
  if (left > 0) return ok('migration', `${left} sessions are left in ${engine}.`)
  return warn('migration', `Nothing is left in ${engine}.`, 'Remove SESSION_MOVING_FROM, if every process has it')
}

async function examineDatabase(
  item: string,
  url: string,
  migrate: string,
  more: (knex: Knex) => Promise<Finding[]>,
): Promise<Finding[]> {
  const file = sqlitePath(url)
  // Opening it would create it.
  if (file !== undefined && !existsSync(resolve(projectRoot, file)))
    return [fail(item, 'The database file does not exist yet.', migrate)]
  let knex: Knex | undefined
  try {
    knex = createKnex(databaseConfig(url))
    await knex.raw('SELECT 1')
    const answers = ok(item, 'It answers.')
    const pending = await pendingMigrations(knex, url)
    const migrated =
      pending > 0
        ? fail('migrations', `${pending} ${pending === 1 ? 'migration has' : 'migrations have'} not run.`, migrate)
        : ok('migrations', 'All have run.')
    return [answers, migrated, await clockOf(knex), ...(await more(knex))]
  } catch (error) {
    const message = `It cannot be used: ${messageOf(causeOf(error))}`
    return [
      fail(item, message, `Start it, or correct ${item === 'database' ? 'DATABASE_URL' : 'SESSION_DATABASE_URL'}`),
    ]
  } finally {
    await knex?.destroy()
  }
}

async function pendingMigrations(knex: Knex, url: string): Promise<number> {
  const source = databaseConfig(url).migrations?.migrationSource
  const all = (await source?.getMigrations([])) ?? []
  // Knex's own function would create its tables.
  if (!(await knex.schema.hasTable('knex_migrations'))) return all.length
  const done = new Set<unknown>(await knex('knex_migrations').pluck('name'))
  return all.filter((migration) => !done.has(source?.getMigrationName(migration))).length
}

async function clockOf(knex: Knex): Promise<Finding> {
  const dialect = dialectOf(knex)
  if (dialect === 'sqlite') return ok('clocks', 'SQLite uses the clock of this machine.')
  const sql =
    dialect === 'postgres'
      ? 'SELECT EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS time'
      : 'SELECT UNIX_TIMESTAMP(NOW(6)) * 1000 AS time'
  const statements = new PreparedStatements(knex, TIMEOUT_MS)
  return await clockFinding('clocks', 'the database', async () =>
    Number((await statements.run(sql, [])).rows[0]?.['time']),
  )
}

function tablesOf(config: Config): Table[] {
  const storages = sessionTables(config).map((storage) => ({ storage, facts: factsOf(storage, config) }))
  return [
    ...storages
      .filter(({ facts }) => facts.table)
      .map(({ storage, facts: { format } }) => ({ name: storage.table, indexes: format.indexes, storage })),
    ...(storages.some(({ facts }) => facts.inCookies !== 'none')
      ? [{ name: 'session_revocations', indexes: [['expires']] }]
      : []),
    ...(storages.some(({ facts }) => facts.cached === 'copies') ? [{ name: 'session_epochs', indexes: [] }] : []),
    { name: 'session_leases', indexes: [] },
  ]
}

async function accountFindings(knex: Knex, { production }: Config): Promise<Finding[]> {
  if (!(await knex.schema.hasTable('users'))) return []
  const open = await openDemoAccounts(knex)
  if (open.length === 0) return [ok('accounts', 'None accepts a demo password.')]
  const names = open.map(({ username }) => username).join(' and ')
  const message = `Anybody can sign in as ${names} with a published demo password: production refuses to start.`
  return [production ? fail('accounts', message, DELETE_DEMO_USERS) : ok('accounts', message)]
}

async function sessionFindings(knex: Knex, config: Config, tables: readonly Table[]): Promise<Finding[]> {
  const findings: Finding[] = []
  for (const table of tables) {
    if (!(await knex.schema.hasTable(table.name))) {
      findings.push(fail('tables', `The table ${table.name} is missing.`, 'npm run migrate, or correct SESSION_TABLE'))
      continue
    }
    const found = table.storage === undefined ? [] : await sessionTableFindings(knex, config, table.storage)
    findings.push(...found, ...(await indexFindings(knex, table)))
  }
  return findings
}

async function sessionTableFindings(knex: Knex, config: Config, storage: StorageConfig): Promise<Finding[]> {
  const { table } = storage
  const store = new DatabaseStore({ knex, table, layout: factsOf(storage, config).format.layout })
  try {
    await store.assertReady()
  } catch (error) {
    return [fail('tables', messageOf(causeOf(error)), 'npm run migrate')]
  }
  const secrets = await secretFindings(store, config, storage)
  const count = await store.countClearable({ kind: 'expired', before: Date.now() - DAY_MS })
  if (count <= MAX_EXPIRED) return [...secrets, ok('expired', `${table} has few expired rows.`)]
  const reason =
    config.session.cleanupInterval === 0
      ? ', and with SESSION_CLEANUP_INTERVAL=0 the application does not clear them'
      : ''
  const message = `${count} rows of ${table} expired more than a day ago${reason}.`
  return [...secrets, warn('expired', message, 'npm run sessions -- clear')]
}

async function secretFindings(store: DatabaseStore, config: Config, { format }: StorageConfig): Promise<Finding[]> {
  const prefix = newestPrefix(config)
  if (prefix === undefined || format !== config.session.format) return []
  const { live, beginning = 0 } = await store.statistics(prefix)
  if (live > beginning) return [ok('keys', `${live - beginning} sessions still need SECRET_KEY_FALLBACKS.`)]
  const fix = 'Remove the old secret, if every process has the new SECRET_KEY'
  return [warn('keys', 'No session in the table needs SECRET_KEY_FALLBACKS.', fix)]
}

async function indexFindings(knex: Knex, { name, indexes }: Table): Promise<Finding[]> {
  const existing = await indexesOf(knex, name)
  const missing = indexes.filter((columns) => !existing.some((has) => columns.every((column, n) => has[n] === column)))
  if (missing.length === 0) return [ok('tables', `${name} exists${indexes.length > 0 ? ' with its indexes' : ''}.`)]
  return missing.map((columns) =>
    fail(
      'tables',
      `${name} has no index on ${columns.join(', ')}: queries on it read the whole table.`,
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
  const { rows } = await new PreparedStatements(knex, TIMEOUT_MS).run(INDEX_SQL[dialectOf(knex)], [table])
  const columns = new Map<unknown, string[]>()
  for (const row of rows) columns.set(row['name'], [...(columns.get(row['name']) ?? []), String(row['col'])])
  return [...columns.values()]
}
