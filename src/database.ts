import { accessSync, constants, readdirSync } from 'node:fs'
import { basename, dirname, extname, join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import createKnex, { type Knex } from 'knex'
import { sqlitePath } from './database-address.ts'
import { DatabaseWaits } from './database-waits.ts'
import { projectRoot } from './paths.ts'
import { makePrivateDatabase, makePrivateFolder } from './private-files.ts'
import { ConfigError } from './settings.ts'

// For commands and migrations, for which no visitor waits: for a connection or a lock, and for a statement of PostgreSQL.
const COMMAND_TIMEOUT_MS = 5000
const COMMAND_STATEMENT_TIMEOUT_MS = 10_000
const POOL = { min: 0, max: 10 }

// Knex would print errors with their values. They are thrown as well, and the application's log leaves secrets out.
const SILENT = { warn() {}, error() {}, deprecate() {}, debug() {} }

/**
 * Opens a database. Knex connects on the first query.
 *
 * @param url `sqlite:./path`, `sqlite::memory:`, `postgres://…` or `mysql://…`
 * @param timeout milliseconds that a statement or transaction of a request waits: for a connection, for locks and for the
 *   answers together. On the server a statement ends after as long, so that nothing takes effect long after. Without it,
 *   5 seconds for a connection and for a lock, and 10 for a statement of PostgreSQL
 * @throws ConfigError when SQLite's folder cannot be written, or the package of the database is not installed
 */
export function openDatabase(url: string, timeout?: number): Knex {
  const waits = timeout === undefined ? undefined : new DatabaseWaits(timeout)
  const knex = connect(databaseConfig(url, waits))
  waits?.measure(knex)
  // The text with placeholders: the driver's property may contain the values.
  knex.on('query-error', (error: Error, { sql }: { sql: string }) => void Object.assign(error, { statement: sql }))
  return knex
}

function connect(config: Knex.Config & { client: string }): Knex {
  try {
    return createKnex(config)
  } catch (error) {
    // Knex turns the error of require into several lines.
    if (!(error instanceof Error && error.message.includes('npm install'))) throw error
    throw new ConfigError(`The database needs the package ${config.client}: run "npm install ${config.client}".`)
  }
}

/**
 * The configuration of Knex for this database.
 *
 * @param waits limits them, for requests
 */
export function databaseConfig(url: string, waits?: DatabaseWaits): Knex.Config & { client: string } {
  const timeout = waits?.timeout ?? COMMAND_TIMEOUT_MS
  const common = {
    acquireConnectionTimeout: timeout,
    migrations: { migrationSource },
    log: SILENT,
    // Otherwise error messages contain every value of the statement: hashes, addresses, carts.
    compileSqlOnError: false,
  }
  const path = sqlitePath(url)
  // Knex only loads the package of this client.
  if (path !== undefined) return { ...common, ...sqlite(path, timeout) }
  if (url.startsWith('mysql:')) {
    // Dates are UTC on both sides, whatever the time zone of the server.
    return {
      ...common,
      client: 'mysql2',
      connection: { uri: url, timezone: 'Z', connectTimeout: timeout } as Knex.MySql2ConnectionConfig,
      pool: {
        ...POOL,
        createTimeoutMillis: timeout,
        afterCreate(connection: MysqlConnection, done: Done) {
          connection.query(mysqlLimits(timeout, waits), (error: Error | null) => {
            waits?.limit(connection, closeMysql)
            done(error)
          })
        },
      },
    }
  }
  return {
    ...common,
    client: 'pg',
    connection: {
      connectionString: url,
      connectionTimeoutMillis: timeout,
      ...(waits === undefined
        ? { statement_timeout: COMMAND_STATEMENT_TIMEOUT_MS, query_timeout: COMMAND_STATEMENT_TIMEOUT_MS }
        : { statement_timeout: timeout }),
    },
    pool: {
      ...POOL,
      createTimeoutMillis: timeout,
      afterCreate(connection: PostgresConnection, done: Done) {
        waits?.limit(connection, closePostgres)
        done(null)
      },
    },
  }
}

/** The lock wait is in whole seconds, 50 by default; MySQL ignores the limit of MariaDB. */
function mysqlLimits(timeout: number, waits: DatabaseWaits | undefined): string {
  const lockWait = `SET SESSION innodb_lock_wait_timeout = ${Math.max(1, Math.floor(timeout / 1000))}`
  // A migration may take long.
  return waits === undefined ? lockWait : `${lockWait} /*M!100101 , max_statement_time = ${timeout / 1000} */`
}

function closeMysql(connection: MysqlConnection): void {
  connection.destroy()
  // Otherwise the socket stays until a server that is silent closes it.
  connection.stream.destroy()
}

async function closePostgres(connection: PostgresConnection): Promise<void> {
  await connection.end().catch(() => {})
}

function sqlite(path: string, timeout: number): Knex.Config & { client: string } {
  const filename = path === ':memory:' ? path : resolve(projectRoot, path)
  if (filename !== ':memory:') {
    requireWritable(dirname(filename))
    makePrivateDatabase(filename)
  }
  return {
    client: 'sqlite3',
    connection: { filename },
    useNullAsDefault: true,
    // One connection: SQLite has one writer anyway, and so this process never locks itself out.
    pool: {
      min: 1,
      max: 1,
      afterCreate(connection: SqliteConnection, done: Done) {
        endFailedTransactions(connection)
        connection.exec(
          `PRAGMA busy_timeout = ${timeout}; PRAGMA journal_mode = WAL; PRAGMA foreign_keys = ON; PRAGMA synchronous = NORMAL;`,
          done,
        )
      },
    },
  }
}

interface MysqlConnection {
  query(...args: unknown[]): unknown
  destroy(): void
  readonly stream: { destroy(): void }
}
interface PostgresConnection {
  query(...args: unknown[]): unknown
  end(): Promise<void>
}

type Done = (error: Error | null, rows?: unknown) => void
interface SqliteConnection {
  exec(sql: string, done: Done): void
  all(sql: string, bindings: unknown, done: Done): void
}

/**
 * A COMMIT that fails on a lock leaves its transaction open. Knex would return the connection to the pool all the same,
 * and later writes would be part of a transaction that never ends. A full disk ends it at once, and then Knex would
 * report the ROLLBACK that fails instead of its reason.
 */
function endFailedTransactions(connection: SqliteConnection): void {
  const all = connection.all.bind(connection)
  connection.all = (sql, bindings, done) => {
    if (/^ROLLBACK$/i.test(sql)) {
      return all(sql, bindings, (error, rows) => {
        const isOver = error?.message.includes('no transaction is active') === true
        done(isOver ? null : error, isOver ? [] : rows)
      })
    }
    if (!/^COMMIT\b/i.test(sql)) return all(sql, bindings, done)
    all(sql, bindings, (error, rows) => {
      if (error === null) done(null, rows)
      else connection.exec('ROLLBACK', () => done(error))
    })
  }
}

function requireWritable(folder: string): void {
  try {
    makePrivateFolder(folder)
    accessSync(folder, constants.W_OK)
  } catch {
    throw new ConfigError(`The folder "${folder}" is not writable: DATABASE_URL puts the database there.`)
  }
}

// Beside src/, in the sources and in dist/ alike.
const migrationsFolder = join(import.meta.dirname, '../migrations')

/**
 * Migrations of all folders, ordered by number. Names have neither folder nor extension, so that a database stays
 * migrated when a file moves to another folder, and in development and production alike.
 */
const migrationSource: Knex.MigrationSource<string> = {
  async getMigrations() {
    return readdirSync(migrationsFolder, { recursive: true, encoding: 'utf8' })
      .filter((file) => /(?<!\.d)\.(ts|js)$/.test(file))
      .sort((one, other) => (migrationName(one) < migrationName(other) ? -1 : 1))
  },
  getMigrationName: migrationName,
  async getMigration(file) {
    return (await import(pathToFileURL(join(migrationsFolder, file)).href)) as Knex.Migration
  },
}

function migrationName(file: string): string {
  return basename(file, extname(file))
}

/** Runs the pending migrations, and returns their names. */
export async function migrate(knex: Knex): Promise<string[]> {
  const [, names]: [number, string[]] = await knex.migrate.latest({ migrationSource })
  return names
}
