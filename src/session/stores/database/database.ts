import type { Knex } from 'knex'
import { driverFailure, isDuplicate } from '../../core/error-codes.ts'
import { KeyTakenError, StoreUnavailableError } from '../../core/errors.ts'
import { derivedSessionId } from '../../core/key.ts'
import type { Outcome } from '../../core/outcome.ts'
import {
  type ClearableStore,
  type ClearWhich,
  NotSupportedError,
  type RecentStore,
  type RecentWhich,
  type SaveOutcome,
  type SessionRecord,
  type SessionStore,
  type StatisticsStore,
  type StoredRecord,
  type StoreStatistics,
  sessionIdOf,
  type UserSession,
  type UserSessionStore,
  type Version,
} from '../store.ts'
import { type Layout, type MakeLayout, ownLayout } from './database-layouts.ts'
import {
  type Binding,
  type Dialect,
  dialectOf,
  PreparedStatements,
  type Result,
  type Row,
  type Statement,
} from './database-statements.ts'
import { tableStatistics } from './database-statistics.ts'
import { SqliteBatches } from './sqlite-batches.ts'

/** What a {@link DatabaseStore} is made of. */
export interface DatabaseStoreOptions {
  /** Opened, and later closed, by the caller: SQLite, PostgreSQL, MySQL or MariaDB. */
  readonly knex: Knex
  /** A plain SQL name; it stands in the statements as it is. */
  readonly table: string
  /** How the table keeps sessions: the project's table by default; `djangoLayout` for Django's. */
  readonly layout?: MakeLayout | undefined
  /** The table whose `id` is the user's; without it there is no telling which sessions are orphaned. */
  readonly usersTable?: string
  /** Columns of the application's own in the default layout; the engine's `columns` fills them. */
  readonly extraColumns?: readonly string[]
  /** Milliseconds that PostgreSQL or MySQL have to answer a request before the store is unavailable; 5000 by default. */
  readonly timeout?: number
  /** Milliseconds since 1970. */
  readonly now?: () => number
}

const SQL_NAME = /^[A-Za-z_][A-Za-z0-9_]{0,62}$/
const TIMEOUT = 5000
// For what goes through the whole table, and has nobody waiting for a page.
const UNHURRIED = Number.POSITIVE_INFINITY

/**
 * Sessions in a table, over any Knex. Each operation of the hot path is one prepared statement; on SQLite one is for all
 * that wait.
 */
export class DatabaseStore implements SessionStore, ClearableStore, UserSessionStore, StatisticsStore, RecentStore {
  readonly name = 'db'
  readonly #knex: Knex
  readonly #statements: PreparedStatements
  readonly #dialect: Dialect
  readonly #layout: Layout
  readonly #batches: SqliteBatches | undefined
  readonly #table: string
  readonly #usersTable: string | undefined
  readonly #now: () => number

  /** @throws RangeError for a table name that is not a plain SQL name, or a database of another kind */
  constructor(options: DatabaseStoreOptions) {
    const { knex, table, layout, usersTable, extraColumns = [], timeout = TIMEOUT, now = Date.now } = options
    for (const name of [table, usersTable ?? table, ...extraColumns]) {
      if (!SQL_NAME.test(name)) throw new RangeError(`"${name}" is not a plain SQL name`)
    }
    this.#knex = knex
    this.#statements = new PreparedStatements(knex, timeout)
    this.#dialect = dialectOf(knex)
    this.#layout = layout?.(table, this.#dialect) ?? ownLayout(table, extraColumns)
    this.#table = table
    this.#usersTable = usersTable
    this.#now = now
    if (this.#dialect !== 'sqlite') return
    this.#batches = new SqliteBatches(
      this.#layout,
      () => this.#time(),
      (make) => this.#send(make),
    )
  }

  /** @throws Error saying what to do when the table is not there as it should be; StoreUnavailableError */
  async assertReady(): Promise<void> {
    try {
      await this.#knex(this.#table)
        .select(...this.#layout.columns)
        .limit(1)
    } catch (error) {
      await this.#knex.raw('SELECT 1').catch((reason: unknown) => {
        throw new StoreUnavailableError(reason)
      })
      throw new Error(`The table "${this.#table}" is missing or has other columns: run "npm run migrate".`, {
        cause: error,
      })
    }
  }

  async load(key: string): Promise<StoredRecord | undefined> {
    if (!this.#layout.possibleKey.test(key)) return undefined
    const row = await (this.#batches?.load(key) ?? this.#row(key))
    return row && this.#layout.read(row)
  }

  async create(key: string, record: SessionRecord): Promise<Version> {
    if (!this.#layout.possibleKey.test(key)) throw new RangeError('This is not a key that a codec makes')
    await this.#run(this.#layout.sql.create, this.#layout.forCreate(key, record))
    return this.#layout.savedVersion(0, record)
  }

  async save(key: string, version: Version, record: SessionRecord): Promise<SaveOutcome> {
    const outcome = await this.#change('save', key, this.#layout.forSave(key, version, record))
    return outcome === 'done' ? { outcome: 'saved', version: this.#layout.savedVersion(version, record) } : { outcome }
  }

  async touch(key: string, version: Version, times: { expires: number; lastActivity: number }): Promise<Outcome> {
    return await this.#change('touch', key, this.#layout.forTouch(key, version, times))
  }

  async delete(key: string, version?: Version): Promise<Outcome> {
    if (version !== undefined) return await this.#change('removeVersion', key, [key, version])
    if (!this.#layout.possibleKey.test(key)) return 'missing'
    const { changes } = await this.#run(this.#layout.sql.remove, [key])
    return changes > 0 ? 'done' : 'missing'
  }

  async countClearable(which: ClearWhich): Promise<number> {
    const { condition, bindings } = this.#condition(which)
    const sql = `SELECT COUNT(*) AS count FROM ${this.#table} WHERE ${condition}`
    const { rows } = await this.#run(sql, bindings, UNHURRIED)
    return Number(rows[0]?.['count'] ?? 0)
  }

  async clearBatch(which: ClearWhich, limit: number, onCleared?: (keys: readonly string[]) => void): Promise<number> {
    const { condition, bindings } = this.#condition(which)
    const bounded = Math.max(1, Math.floor(limit))
    const chosen = `SELECT session_key FROM ${this.#table} WHERE ${condition} LIMIT ${bounded}`
    // The condition stands twice: between choosing and deleting, a session may have been touched.
    if (this.#dialect !== 'mysql') {
      const returning = onCleared === undefined ? '' : ' RETURNING session_key'
      const sql = `DELETE FROM ${this.#table} WHERE session_key IN (${chosen}) AND ${condition}${returning}`
      const { rows, changes } = await this.#run(sql, [...bindings, ...bindings], UNHURRIED)
      if (onCleared === undefined) return changes
      onCleared(rows.map((row) => String(row['session_key'])))
      return rows.length
    }
    if (onCleared === undefined) {
      const sql = `DELETE FROM ${this.#table} WHERE ${condition} LIMIT ${bounded}`
      return (await this.#run(sql, bindings, UNHURRIED)).changes
    }
    // MySQL cannot return what it deletes, nor delete from a table that it is choosing from with a limit.
    const keys = (await this.#run(chosen, bindings, UNHURRIED)).rows.map((row) => String(row['session_key']))
    if (keys.length === 0) return 0
    const among = `session_key IN (${keys.map(() => '?').join(', ')})`
    const sql = `DELETE FROM ${this.#table} WHERE ${among} AND ${condition}`
    const { changes } = await this.#run(sql, [...keys, ...bindings], UNHURRIED)
    onCleared(keys)
    return changes
  }

  async listByUser(userId: string): Promise<UserSession[]> {
    this.#requireMetadata('It keeps no user beside the data.')
    const columns = 'session_key, session_id, created_at, last_activity, expires, ip_address, user_agent'
    const { rows } = await this.#run(
      `SELECT ${columns} FROM ${this.#table} WHERE user_id = ? AND expires > ? ORDER BY last_activity DESC`,
      [userId, this.#now()],
    )
    return rows.map((row) => {
      const key = String(row['session_key'])
      const record = this.#layout.read(row)
      const { createdAt, lastActivity, expires, ipAddress, userAgent } = record
      return { key, id: sessionIdOf(key, record), createdAt, lastActivity, expires, ipAddress, userAgent }
    })
  }

  async endByUser(userId: string, exceptId?: string): Promise<number> {
    this.#requireMetadata('It keeps no user beside the data.')
    const sql = `DELETE FROM ${this.#table} WHERE user_id = ?`
    if (exceptId === undefined) return (await this.#run(sql, [userId])).changes
    const others = `${sql} AND (session_id IS NULL OR session_id <> ?) AND session_key <> ?`
    return (await this.#run(others, [userId, exceptId, await this.#olderKey(userId, exceptId)])).changes
  }

  /** The key of the session with this id where an older version wrote its row, and no id; empty for none. */
  async #olderKey(userId: string, id: string): Promise<string> {
    const sql = `SELECT session_key FROM ${this.#table} WHERE user_id = ? AND session_id IS NULL`
    const keys = (await this.#run(sql, [userId])).rows.map((row) => String(row['session_key']))
    return keys.find((key) => derivedSessionId(key) === id) ?? ''
  }

  async recentKeys({ activeSince, authenticated = false }: RecentWhich, limit: number): Promise<string[]> {
    this.#requireMetadata('It keeps no activity beside the data.')
    const signedIn = authenticated ? ' AND user_id IS NOT NULL' : ''
    const recent = `expires > ? AND last_activity >= ? AND ${this.#layout.isSession}${signedIn}`
    const which = `${recent} ORDER BY last_activity DESC LIMIT ${Math.floor(limit)}`
    const sql = `SELECT session_key FROM ${this.#table} WHERE ${which}`
    const { rows } = await this.#run(sql, [this.#now(), activeSince], UNHURRIED)
    return rows.map((row) => String(row['session_key']))
  }

  async statistics(): Promise<StoreStatistics> {
    const query = async (sql: string, bindings: readonly Binding[]) => (await this.#run(sql, bindings, UNHURRIED)).rows
    return await tableStatistics(query, this.#table, this.#layout, this.#now())
  }

  async #row(key: string): Promise<Row | undefined> {
    return (await this.#run(this.#layout.sql.load, [key, this.#time()])).rows[0]
  }

  /** A change of a record as it was read; a second statement only to tell why nothing matched. */
  async #change(kind: 'save' | 'touch' | 'removeVersion', key: string, bindings: readonly Binding[]): Promise<Outcome> {
    if (!this.#layout.possibleKey.test(key)) return 'missing'
    const changed =
      this.#batches !== undefined && kind !== 'removeVersion'
        ? await this.#batches.change(kind, key, bindings)
        : (await this.#run(this.#layout.sql[kind], [...bindings, this.#time()])).changes > 0
    if (changed) return 'done'
    const { rows } = await this.#run(this.#layout.sql.exists, [key, this.#time()])
    return rows.length > 0 ? 'conflict' : 'missing'
  }

  #condition(which: ClearWhich): { condition: string; bindings: Binding[] } {
    if (which.kind === 'expired') {
      return { condition: `${this.#layout.expires} <= ?`, bindings: [this.#layout.time(which.before)] }
    }
    this.#requireMetadata('It keeps no age and no user beside the data.')
    const { isSession } = this.#layout
    if (which.kind === 'created') return { condition: `created_at < ? AND ${isSession}`, bindings: [which.before] }
    if (which.kind === 'inactive') return { condition: `last_activity < ? AND ${isSession}`, bindings: [which.before] }
    if (which.kind === 'user') return { condition: 'user_id = ?', bindings: [which.userId] }
    if (this.#usersTable === undefined) {
      throw new NotSupportedError('Sessions and users are in different databases, so orphans cannot be told.')
    }
    // As bytes on MySQL, where the two columns may have collations that cannot be compared.
    const [user, text] = this.#dialect === 'mysql' ? ['BINARY user_id', 'BINARY'] : ['user_id', 'TEXT']
    const known = `SELECT CAST(id AS ${text}) FROM ${this.#usersTable}`
    return { condition: `user_id IS NOT NULL AND ${user} NOT IN (${known})`, bindings: [] }
  }

  #requireMetadata(reason: string): void {
    if (!this.#layout.keepsMetadata) throw new NotSupportedError(`This table has no columns for that. ${reason}`)
  }

  #time(): Binding {
    return this.#layout.time(this.#now())
  }

  async #run(sql: string, bindings: readonly Binding[], timeout?: number): Promise<Result> {
    return await this.#send(() => ({ sql, bindings }), timeout)
  }

  async #send(make: () => Statement, timeout?: number): Promise<Result> {
    try {
      return await this.#statements.compose(make, timeout)
    } catch (error) {
      throw isDuplicate(error) ? new KeyTakenError() : driverFailure(error)
    }
  }
}
