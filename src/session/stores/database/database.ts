import type { Knex } from 'knex'
import { isDuplicate, toStoreError } from '../../core/error-codes.ts'
import { KeyTakenError, StoreUnavailableError } from '../../core/errors.ts'
import { derivedSessionId } from '../../core/key.ts'
import type { Outcome } from '../../core/outcome.ts'
import {
  type ClearableStore,
  type ClearWhich,
  type CopiedStore,
  type Descendant,
  NotSupportedError,
  type RecentStore,
  type RecentWhich,
  type SaveOutcome,
  type SessionRecord,
  type StatisticsStore,
  type StoredRecord,
  type StoreStatistics,
  sessionIdOf,
  type UserSession,
  type UserSessionStore,
  type Version,
} from '../store.ts'
import { type Condition, ofUser, toClear } from './database-conditions.ts'
import { DatabaseEpochs } from './database-epochs.ts'
import { type Layout, type MakeLayout, ownLayout } from './database-layouts.ts'
import {
  type Binding,
  type Dialect,
  dialectOf,
  JOB_TIMEOUT_MS,
  PreparedStatements,
  type Result,
  type Row,
  type Statement,
} from './database-statements.ts'
import { tableStatistics } from './database-statistics.ts'
import { SqliteBatches } from './sqlite-batches.ts'

/** Options for {@link DatabaseStore}. */
export interface DatabaseStoreOptions {
  /** SQLite, PostgreSQL, MySQL or MariaDB; opened and closed by the caller. */
  readonly knex: Knex
  /** A plain SQL name: letters, digits and underscores. */
  readonly table: string
  /** How the table keeps sessions: the project's table by default; `djangoLayout` for Django's. */
  readonly layout?: MakeLayout | undefined
  /** The table whose `id` is the user id; without it orphaned sessions cannot be found. */
  readonly usersTable?: string
  /** Custom columns in the default layout, filled by the engine's `columns`; none by default. */
  readonly extraColumns?: readonly string[]
  /** Milliseconds for an answer of PostgreSQL or MySQL; 5000 by default. */
  readonly timeout?: number
  /** Returns milliseconds since 1970; Date.now by default. */
  readonly now?: () => number
}

const SQL_NAME = /^[A-Za-z_][A-Za-z0-9_]{0,62}$/
const DEFAULT_TIMEOUT_MS = 5000

/**
 * Keeps sessions in a table. Each operation of a request is one prepared statement; on SQLite one statement serves all
 * requests that are waiting.
 */
export class DatabaseStore implements CopiedStore, ClearableStore, UserSessionStore, StatisticsStore, RecentStore {
  readonly name = 'db'
  readonly epochs: DatabaseEpochs
  readonly #knex: Knex
  readonly #statements: PreparedStatements
  readonly #dialect: Dialect
  readonly #layout: Layout
  readonly #batches: SqliteBatches | undefined
  readonly #table: string
  readonly #usersTable: string | undefined
  readonly #now: () => number

  /** @throws RangeError for a name that is not a plain SQL name, or another kind of database */
  constructor(options: DatabaseStoreOptions) {
    const { knex, table, layout, usersTable, extraColumns = [], timeout = DEFAULT_TIMEOUT_MS, now = Date.now } = options
    for (const name of [table, usersTable ?? table, ...extraColumns]) {
      if (!SQL_NAME.test(name)) throw new RangeError(`"${name}" is not a plain SQL name`)
    }
    this.#knex = knex
    this.#statements = new PreparedStatements(knex, timeout)
    this.epochs = new DatabaseEpochs(knex, this.#statements, table)
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

  /** Checks the table. @throws Error that says what to do if it is missing or has other columns; StoreUnavailableError */
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
    if (!this.#layout.validKey.test(key)) return undefined
    const row = await (this.#batches?.load(key) ?? this.#row(key))
    return row && this.#layout.read(row)
  }

  async create(key: string, record: SessionRecord): Promise<Version> {
    if (!this.#layout.validKey.test(key)) throw new RangeError('This is not a key of a codec')
    await this.#run(this.#layout.sql.create, this.#layout.forCreate(key, record))
    return this.#layout.savedVersion(0, record)
  }

  async save(key: string, version: Version, record: SessionRecord): Promise<SaveOutcome> {
    const outcome = await this.#change('save', key, this.#layout.forSave(key, version, record))
    return outcome === 'done' ? { outcome: 'saved', version: this.#layout.savedVersion(version, record) } : { outcome }
  }

  async saveOver(key: string, to: Descendant, epoch: string, { live }: { live: boolean }): Promise<Outcome> {
    if (!this.#layout.validKey.test(key)) return 'missing'
    const { saveOver } = this.#layout
    if (saveOver === undefined) throw new NotSupportedError('This table has no column for a version.')
    const time = this.#layout.time(live ? this.#now() : 0)
    const { sql, bindings } = this.epochs.named(epoch)
    const saved = await this.#run(`${saveOver.sql(to.from.length)} AND ${sql}`, [
      ...saveOver.bindings(key, to, time),
      ...bindings,
    ])
    if (saved.changes > 0) return 'done'
    const [row] = (await this.#run(this.#layout.sql.exists, [key, time])).rows
    if (row === undefined) return 'missing'
    return Number(row['version']) === to.version ? 'done' : 'conflict'
  }

  async touch(key: string, version: Version, times: { expires: number; lastActivity: number }): Promise<Outcome> {
    return await this.#change('touch', key, this.#layout.forTouch(key, version, times))
  }

  async delete(key: string, version?: Version): Promise<Outcome> {
    if (version !== undefined) return await this.#change('removeVersion', key, [key, version])
    if (!this.#layout.validKey.test(key)) return 'missing'
    const { changes } = await this.#run(this.#layout.sql.remove, [key])
    return changes > 0 ? 'done' : 'missing'
  }

  async countClearable(which: ClearWhich): Promise<number> {
    const { condition, bindings } = this.#toClear(which)
    const sql = `SELECT COUNT(*) AS count FROM ${this.#table} WHERE ${condition}`
    const { rows } = await this.#run(sql, bindings, JOB_TIMEOUT_MS)
    return Number(rows[0]?.['count'] ?? 0)
  }

  async clearBatch(
    which: ClearWhich,
    limit: number,
    prepare?: (keys: readonly string[]) => Promise<void>,
  ): Promise<number> {
    const { condition, bindings } = this.#toClear(which)
    const clear = async (where: string, values: readonly Binding[]) =>
      (await this.#run(`DELETE FROM ${this.#table} WHERE ${where}`, values, JOB_TIMEOUT_MS)).changes
    const chosen = `SELECT session_key FROM ${this.#table} WHERE ${condition} LIMIT ${Math.max(1, Math.floor(limit))}`
    // The condition is repeated: a session may have been touched between SELECT and DELETE.
    if (prepare !== undefined) {
      const keys = (await this.#run(chosen, bindings, JOB_TIMEOUT_MS)).rows.map((row) => String(row['session_key']))
      if (keys.length === 0) return 0
      await prepare(keys)
      return await clear(`session_key IN (${keys.map(() => '?').join(', ')}) AND ${condition}`, [...keys, ...bindings])
    }
    // MySQL cannot delete from a table in a subquery with a limit.
    if (this.#dialect === 'mysql') return await clear(`${condition} LIMIT ${Math.max(1, Math.floor(limit))}`, bindings)
    return await clear(`session_key IN (${chosen}) AND ${condition}`, [...bindings, ...bindings])
  }

  async listByUser(userId: string): Promise<UserSession[]> {
    this.#requireMetadata('It has no column for the user.')
    const columns = 'session_key, session_id, created_at, last_activity, expires, ip_address, user_agent'
    const { condition, bindings } = ofUser(userId, this.#dialect)
    const { rows } = await this.#run(
      `SELECT ${columns} FROM ${this.#table} WHERE ${condition} AND expires > ? ORDER BY last_activity DESC`,
      [...bindings, this.#now()],
    )
    return rows.map((row) => {
      const key = String(row['session_key'])
      const record = this.#layout.read(row)
      const { createdAt, lastActivity, expires, ipAddress, userAgent } = record
      return { key, id: sessionIdOf(key, record), createdAt, lastActivity, expires, ipAddress, userAgent }
    })
  }

  async endByUser(userId: string, exceptId?: string): Promise<number> {
    this.#requireMetadata('It has no column for the user.')
    const { condition, bindings } = ofUser(userId, this.#dialect)
    const sql = `DELETE FROM ${this.#table} WHERE ${condition}`
    if (exceptId === undefined) return (await this.#run(sql, bindings)).changes
    const others = `${sql} AND (session_id IS NULL OR session_id <> ?) AND session_key <> ?`
    return (await this.#run(others, [...bindings, exceptId, await this.#olderKey(userId, exceptId)])).changes
  }

  /** The key of the session with this id, if an older version wrote its row without an id; otherwise empty. */
  async #olderKey(userId: string, id: string): Promise<string> {
    const { condition, bindings } = ofUser(userId, this.#dialect)
    const sql = `SELECT session_key FROM ${this.#table} WHERE ${condition} AND session_id IS NULL`
    const keys = (await this.#run(sql, bindings)).rows.map((row) => String(row['session_key']))
    return keys.find((key) => derivedSessionId(key) === id) ?? ''
  }

  async recentKeys({ activeSince, authenticated = false, maxBytes }: RecentWhich, limit: number): Promise<string[]> {
    this.#requireMetadata('It has no column for the activity.')
    const signedIn = authenticated ? ' AND user_id IS NOT NULL' : ''
    const small = maxBytes === undefined ? '' : ` AND OCTET_LENGTH(${this.#layout.data}) <= ?`
    const recent = `expires > ? AND last_activity >= ? AND ${this.#layout.isSession}${signedIn}${small}`
    const which = `${recent} ORDER BY last_activity DESC LIMIT ${Math.floor(limit)}`
    const sql = `SELECT session_key FROM ${this.#table} WHERE ${which}`
    const { rows } = await this.#run(
      sql,
      [this.#now(), activeSince, ...(maxBytes === undefined ? [] : [maxBytes])],
      JOB_TIMEOUT_MS,
    )
    return rows.map((row) => String(row['session_key']))
  }

  async statistics(prefix?: string): Promise<StoreStatistics> {
    const query = async (sql: string, bindings: readonly Binding[]) =>
      (await this.#run(sql, bindings, JOB_TIMEOUT_MS)).rows
    return await tableStatistics(query, this.#table, this.#layout, this.#now(), prefix)
  }

  async #row(key: string): Promise<Row | undefined> {
    return (await this.#run(this.#layout.sql.load, [key, this.#time()])).rows[0]
  }

  /** Changes a record at its version; a second statement finds out why no row matched. */
  async #change(kind: 'save' | 'touch' | 'removeVersion', key: string, bindings: readonly Binding[]): Promise<Outcome> {
    if (!this.#layout.validKey.test(key)) return 'missing'
    const changed =
      this.#batches !== undefined && kind !== 'removeVersion'
        ? await this.#batches.change(kind, key, bindings)
        : (await this.#run(this.#layout.sql[kind], [...bindings, this.#time()])).changes > 0
    if (changed) return 'done'
    const { rows } = await this.#run(this.#layout.sql.exists, [key, this.#time()])
    return rows.length > 0 ? 'conflict' : 'missing'
  }

  #toClear(which: ClearWhich): Condition {
    if (which.kind !== 'expired') this.#requireMetadata('It has no columns for age and user.')
    return toClear(which, { dialect: this.#dialect, layout: this.#layout, usersTable: this.#usersTable })
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
      throw isDuplicate(error) ? new KeyTakenError() : toStoreError(error)
    }
  }
}
