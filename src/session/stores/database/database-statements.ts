import { createHash } from 'node:crypto'
import type { Knex } from 'knex'
import { isDeadlock } from '../../core/error-codes.ts'
import { retryOnError } from '../../core/retry.ts'
import { TimeoutError, withTimeout } from '../../core/timeout.ts'

/** A value for a `?`. */
export type Binding = string | number | null | Date
/** A row as the driver returns it, not validated. */
export type Row = Record<string, unknown>

/** A statement with a binding for each `?`. */
export interface Statement {
  readonly sql: string
  readonly bindings: readonly Binding[]
}

/** The result of a statement: its rows, and the number of changed rows. */
export interface Result {
  readonly rows: Row[]
  readonly changes: number
}

// Only the used methods of each driver, so that an application needs no types of other drivers.
type Done<T> = (error: Error | null, value: T) => void
interface SqliteStatement {
  all(bindings: readonly Binding[], done: Done<Row[]>): void
  run(bindings: readonly Binding[], done: (this: { changes: number }, error: Error | null) => void): void
  reset(done: () => void): void
  finalize(): void
}
interface SqliteConnection {
  prepare(sql: string, done: (error: Error | null) => void): SqliteStatement
}
interface PostgresConnection {
  query(query: { name: string; text: string; values: Binding[] }): Promise<{ rows: Row[]; rowCount: number | null }>
  end(): Promise<void>
}
interface MysqlConnection {
  execute(sql: string, bindings: Binding[], done: Done<Row[] | { affectedRows: number }>): void
  destroy(): void
  readonly stream?: { destroy(): void }
}

/** The supported kinds of database; MariaDB is `mysql`. */
export type Dialect = 'sqlite' | 'postgres' | 'mysql'

/** The dialect of a connection. @throws RangeError for any other driver */
export function dialectOf(knex: Knex): Dialect {
  const name: unknown = knex.client.driverName
  if (name === 'sqlite3') return 'sqlite'
  if (name === 'pg') return 'postgres'
  if (name === 'mysql2') return 'mysql'
  throw new RangeError(`The database drivers sqlite3, pg and mysql2 are supported, not ${String(name)}`)
}

const MAX_ATTEMPTS = 4

/** Milliseconds for a statement that scans the whole table and on which no request waits. */
export const JOB_TIMEOUT_MS = 10_000

interface Driver {
  run(connection: unknown, sql: string, bindings: readonly Binding[]): Promise<Result>
  /** Closes a connection after a timeout, so that the pool opens another. */
  abandon(connection: unknown): void | Promise<void>
  /** Statements around one that may take longer than the connection allows, and what is put before it. */
  readonly slow?: (milliseconds: number) => { readonly before?: readonly string[]; readonly prefix?: string }
}

const DRIVERS: Record<Dialect, Driver> = {
  // SQLite has no server that could hang, and busy_timeout limits the wait for a lock.
  sqlite: { run: runOnSqlite, abandon: () => {} },
  postgres: {
    run: runOnPostgres,
    abandon: (connection) => (connection as PostgresConnection).end(),
    // In a transaction, so that it ends with it also behind a connection pooler.
    slow: (milliseconds) => ({ before: ['BEGIN', `SET LOCAL statement_timeout = ${milliseconds}`] }),
  },
  mysql: {
    run: runOnMysql,
    abandon(connection) {
      const { stream } = connection as MysqlConnection
      ;(connection as MysqlConnection).destroy()
      // Otherwise the socket stays until a server that is silent closes it.
      stream?.destroy()
    },
    // MySQL ignores it, as it has no such limit for statements that write.
    slow: (milliseconds) => ({ prefix: `/*M!100101 SET STATEMENT max_statement_time=${milliseconds / 1000} FOR */ ` }),
  },
}

/**
 * Runs prepared statements on connections of Knex's pool, prepared once per connection by the driver. The query builder
 * would build and parse each of them again, which takes several times as long as SQLite's answer.
 */
export class PreparedStatements {
  readonly #knex: Knex
  readonly #driver: Driver
  readonly #isServer: boolean
  readonly #timeout: number

  /** @param timeout milliseconds for a connection and the answer of PostgreSQL or MySQL */
  constructor(knex: Knex, timeout: number) {
    const dialect = dialectOf(knex)
    this.#knex = knex
    this.#driver = DRIVERS[dialect]
    this.#timeout = timeout
    this.#isServer = dialect !== 'sqlite'
    // SQLite refuses to close a connection that has prepared statements, and Knex does not pass that on.
    if (dialect === 'sqlite') knex.client.pool?.on('destroyRequest', (_id: number, gone: object) => finalizeAll(gone))
  }

  /**
   * Runs a statement.
   *
   * @param sql with `?` for each binding; must not contain values, because every text stays prepared
   * @param timeout milliseconds; the constructor's by default. A longer one is for work that no visitor waits for
   */
  async run(sql: string, bindings: readonly Binding[], timeout?: number): Promise<Result> {
    return await this.compose(() => ({ sql, bindings }), timeout)
  }

  /** The same for a statement that is composed when a connection is available. */
  async compose(make: () => Statement, timeout = this.#timeout): Promise<Result> {
    return await retryOnError(isDeadlock, () => this.#send(make, timeout), MAX_ATTEMPTS)
  }

  async #send(make: () => Statement, timeout: number): Promise<Result> {
    const start = performance.now()
    const connection: unknown = await this.#knex.client.acquireConnection()
    let statement: string | undefined
    try {
      const { sql, bindings } = make()
      statement = sql
      if (!this.#isServer) return await this.#driver.run(connection, sql, bindings)
      if (timeout > this.#timeout) return await this.#slowly(connection, { sql, bindings }, timeout)
      const left = Math.max(1, Math.ceil(timeout - (performance.now() - start)))
      return await this.#inTime(connection, this.#driver.run(connection, sql, bindings), left)
    } catch (error) {
      throw error instanceof Error ? Object.assign(error, { statement }) : error
    } finally {
      await this.#knex.client.releaseConnection(connection)
    }
  }

  /** Runs a statement with a longer limit than that of the connection. */
  async #slowly(connection: unknown, { sql, bindings }: Statement, timeout: number): Promise<Result> {
    const { before = [], prefix = '' } = this.#driver.slow?.(timeout) ?? {}
    const run = (text: string, values: readonly Binding[] = []) =>
      this.#inTime(connection, this.#driver.run(connection, text, values), timeout)
    if (before.length === 0) return await run(prefix + sql, bindings)
    try {
      for (const text of before) await run(text)
      const result = await run(prefix + sql, bindings)
      await run('COMMIT')
      return result
    } catch (error) {
      await run('ROLLBACK').catch(() => {})
      throw error
    }
  }

  async #inTime(connection: unknown, running: Promise<Result>, timeout: number): Promise<Result> {
    try {
      return await withTimeout(running, timeout)
    } catch (error) {
      if (!(error instanceof TimeoutError)) throw error
      await this.#driver.abandon(connection)
      throw new Error(`The database gave no answer within ${timeout} ms`, { cause: error })
    }
  }
}

const onSqlite = new WeakMap<object, Map<string, SqliteStatement>>()

function runOnSqlite(connection: unknown, sql: string, bindings: readonly Binding[]): Promise<Result> {
  const database = connection as SqliteConnection
  const known = onSqlite.get(database) ?? new Map<string, SqliteStatement>()
  onSqlite.set(database, known)
  return new Promise((resolve, reject) => {
    let statement = known.get(sql)
    if (statement === undefined) {
      statement = database.prepare(sql, (error) => {
        if (error !== null) {
          known.delete(sql)
          reject(error)
        }
      })
      known.set(sql, statement)
    }
    const prepared = statement
    // After an error such as a lock the statement is still active. Until it is reset, SQLite does not really commit later
    // writes on this connection and rolls them back in the end, so the connection is only released after the reset.
    const fail = (error: Error) => prepared.reset(() => reject(error))
    if (sql.startsWith('SELECT') || sql.includes(' RETURNING ')) {
      prepared.all(bindings, (error, rows) => (error === null ? resolve({ rows, changes: 0 }) : fail(error)))
    } else {
      prepared.run(bindings, function (error) {
        if (error === null) resolve({ rows: [], changes: this.changes })
        else fail(error)
      })
    }
  })
}

function finalizeAll(connection: object): void {
  for (const statement of onSqlite.get(connection)?.values() ?? []) statement.finalize()
  onSqlite.delete(connection)
}

const onPostgres = new Map<string, { name: string; text: string }>()

async function runOnPostgres(connection: unknown, sql: string, bindings: readonly Binding[]): Promise<Result> {
  const prepared = onPostgres.get(sql) ?? { name: statementName(sql), text: numbered(sql) }
  onPostgres.set(sql, prepared)
  const { rows, rowCount } = await (connection as PostgresConnection).query({ ...prepared, values: [...bindings] })
  return { rows, changes: rowCount ?? 0 }
}

/** A hash of the text, so that processes behind a connection pooler never use one name for different statements. */
function statementName(sql: string): string {
  return `session_${createHash('sha256').update(sql).digest('hex').slice(0, 32)}`
}

function numbered(sql: string): string {
  let index = 0
  return sql.replace(/\?/g, () => `$${++index}`)
}

function runOnMysql(connection: unknown, sql: string, bindings: readonly Binding[]): Promise<Result> {
  return new Promise((resolve, reject) => {
    ;(connection as MysqlConnection).execute(sql, [...bindings], (error, outcome) => {
      if (error !== null) reject(error)
      else resolve(Array.isArray(outcome) ? { rows: outcome, changes: 0 } : { rows: [], changes: outcome.affectedRows })
    })
  })
}
