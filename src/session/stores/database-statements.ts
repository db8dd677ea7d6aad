import type { Knex } from 'knex'

export type Binding = string | number | null | Date
export type Row = Record<string, unknown>

/** What a statement gave: its rows, and how many it changed. */
export interface Result {
  readonly rows: Row[]
  readonly changes: number
}

// The few methods used of each driver, so that an application with one database needs no types of the others.
type Done<T> = (error: Error | null, value: T) => void
interface SqliteStatement {
  all(bindings: readonly Binding[], done: Done<Row[]>): void
  run(bindings: readonly Binding[], done: (this: { changes: number }, error: Error | null) => void): void
}
interface SqliteConnection {
  prepare(sql: string, done: (error: Error | null) => void): SqliteStatement
}
interface PostgresConnection {
  query(query: { name: string; text: string; values: Binding[] }): Promise<{ rows: Row[]; rowCount: number | null }>
}
interface MysqlConnection {
  execute(sql: string, bindings: Binding[], done: Done<Row[] | { affectedRows: number }>): void
}

export type Dialect = 'sqlite' | 'postgres' | 'mysql'

/** Which of the three the connection speaks. @throws RangeError for any other */
export function dialectOf(knex: Knex): Dialect {
  const name: unknown = knex.client.driverName
  if (name === 'sqlite3' || name === 'better-sqlite3') return 'sqlite'
  if (name === 'pg') return 'postgres'
  if (name === 'mysql2' || name === 'mysql') return 'mysql'
  throw new RangeError(`Sessions are not kept in ${String(name)} databases`)
}

/**
 * Runs statements on Knex's pooled connections, prepared once per connection by the driver itself. The query builder
 * would build and parse each of them anew, which costs several times what SQLite needs to answer.
 */
export class PreparedStatements {
  readonly #knex: Knex
  readonly #run: (connection: unknown, sql: string, bindings: readonly Binding[]) => Promise<Result>

  constructor(knex: Knex) {
    this.#knex = knex
    this.#run = { sqlite: runOnSqlite, postgres: runOnPostgres, mysql: runOnMysql }[dialectOf(knex)]
  }

  /** @param sql with `?` for each binding; the same text each time, or preparing it is wasted */
  async run(sql: string, bindings: readonly Binding[]): Promise<Result> {
    const connection: unknown = await this.#knex.client.acquireConnection()
    try {
      return await this.#run(connection, sql, bindings)
    } finally {
      await this.#knex.client.releaseConnection(connection)
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
    if (sql.startsWith('SELECT')) {
      statement.all(bindings, (error, rows) => (error === null ? resolve({ rows, changes: 0 }) : reject(error)))
    } else {
      statement.run(bindings, function (error) {
        if (error === null) resolve({ rows: [], changes: this.changes })
        else reject(error)
      })
    }
  })
}

const onPostgres = new Map<string, { name: string; text: string }>()

async function runOnPostgres(connection: unknown, sql: string, bindings: readonly Binding[]): Promise<Result> {
  const prepared = onPostgres.get(sql) ?? { name: `holdfast_${onPostgres.size}`, text: numbered(sql) }
  onPostgres.set(sql, prepared)
  const { rows, rowCount } = await (connection as PostgresConnection).query({ ...prepared, values: [...bindings] })
  return { rows, changes: rowCount ?? 0 }
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
