import { accessSync, constants, readdirSync } from 'node:fs'
import { basename, dirname, extname, join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import createKnex, { type Knex } from 'knex'
import { sqlitePath } from './database-address.ts'
import { projectRoot } from './paths.ts'
import { makePrivateDatabase, makePrivateFolder } from './private-files.ts'
import { ConfigError } from './settings.ts'

const ACQUIRE_TIMEOUT = 5000
const STATEMENT_TIMEOUT = 10_000
const POOL = { min: 0, max: 10 }

// Whatever fails is thrown as well, and told by the application's own log, which keeps secrets out.
const SILENT = { warn() {}, error() {}, deprecate() {}, debug() {} }

/**
 * Opens a database. Knex connects on the first query.
 *
 * @param url `sqlite:./path`, `sqlite::memory:`, `postgres://…` or `mysql://…`
 * @throws ConfigError when SQLite's folder cannot be written, or the package of the database is not installed
 */
export function openDatabase(url: string): Knex {
  const knex = connect(databaseConfig(url))
  // The text with its placeholders: the driver's own property may have the values in it.
  knex.on('query-error', (error: Error, { sql }: { sql: string }) => void Object.assign(error, { statement: sql }))
  return knex
}

function connect(config: Knex.Config & { client: string }): Knex {
  try {
    return createKnex(config)
  } catch (error) {
    // Knex has caught what require threw, and says it in several lines.
    if (!(error instanceof Error && error.message.includes('npm install'))) throw error
    throw new ConfigError(`The database needs the package ${config.client}: run "npm install ${config.client}".`)
  }
}

/** The same, as Knex's own command line wants it. */
export function databaseConfig(url: string): Knex.Config & { client: string } {
  const common = {
    acquireConnectionTimeout: ACQUIRE_TIMEOUT,
    migrations: { migrationSource },
    log: SILENT,
    // Otherwise the message of an error repeats every value of the statement: hashes, addresses, carts.
    compileSqlOnError: false,
  }
  const path = sqlitePath(url)
  // Knex loads the package of the client that it is given, and of no other.
  if (path !== undefined) return { ...common, ...sqlite(path) }
  if (url.startsWith('mysql:')) {
    // Dates are UTC on both sides; never the zone of whoever runs the server.
    return {
      ...common,
      client: 'mysql2',
      connection: { uri: url, timezone: 'Z' } as Knex.MySql2ConnectionConfig,
      pool: POOL,
    }
  }
  const limits = { query_timeout: STATEMENT_TIMEOUT, statement_timeout: STATEMENT_TIMEOUT }
  return { ...common, client: 'pg', connection: { connectionString: url, ...limits }, pool: POOL }
}

function sqlite(path: string): Knex.Config & { client: string } {
  const filename = path === ':memory:' ? path : resolve(projectRoot, path)
  if (filename !== ':memory:') {
    requireWritable(dirname(filename))
    makePrivateDatabase(filename)
  }
  return {
    client: 'sqlite3',
    connection: { filename },
    useNullAsDefault: true,
    // One connection: SQLite has one writer anyway, and so nobody in this process ever finds the file locked.
    pool: {
      min: 1,
      max: 1,
      afterCreate(connection: SqliteConnection, done: Done) {
        rollBackFailedCommits(connection)
        connection.exec(
          'PRAGMA journal_mode = WAL; PRAGMA busy_timeout = 5000; PRAGMA foreign_keys = ON; PRAGMA synchronous = NORMAL;',
          done,
        )
      },
    },
  }
}

type Done = (error: Error | null, rows?: unknown) => void
interface SqliteConnection {
  exec(sql: string, done: Done): void
  all(sql: string, bindings: unknown, done: Done): void
}

/**
 * A COMMIT that meets a lock leaves its transaction open. Knex would give the connection back all the same, and
 * whatever anybody writes on it would be part of a transaction that nobody ends.
 */
function rollBackFailedCommits(connection: SqliteConnection): void {
  const all = connection.all.bind(connection)
  connection.all = (sql, bindings, done) => {
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

// Beside src/, wherever the code runs: in the sources, in dist/ and compiled for the tests.
const migrationsFolder = join(import.meta.dirname, '../migrations')

/**
 * Migrations of all owners' folders in the order of their numbers. Their names have neither folder nor extension: a
 * database stays migrated when a file changes its owner, and in development and production alike.
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

/** Brings the database to the newest shape; answers the names of the migrations that ran. */
export async function migrate(knex: Knex): Promise<string[]> {
  const [, names]: [number, string[]] = await knex.migrate.latest({ migrationSource })
  return names
}
