import type { SessionRecord, StoredRecord, Version } from '../store.ts'
import type { Binding, Dialect, Row } from './database-statements.ts'

/** The statements of the hot path. All compare and write in one step; `now` is always the last binding. */
export interface LayoutSql {
  readonly load: string
  readonly create: string
  readonly save: string
  readonly touch: string
  readonly remove: string
  readonly removeVersion: string
  readonly exists: string
}

/** Several of the same in one statement of SQLite; what they find or change they name by `session_key`. */
export interface LayoutManySql {
  /** With the keys as one JSON text. */
  readonly load: string
  /** With the bindings of that many saves, one after the other; the keys must differ. */
  save(rows: number): string
  touch(rows: number): string
}

/** How a table keeps sessions: its statements, and how their bindings and rows are read. */
export interface Layout {
  readonly sql: LayoutSql
  readonly many: LayoutManySql
  /** What a codec of this layout makes. Anything else (NUL, trailing spaces, megabytes) is in no table. */
  readonly possibleKey: RegExp
  readonly columns: readonly string[]
  /** The names of the two columns that every layout has beside the key. */
  readonly data: string
  readonly expires: string
  /** The condition for rows that are sessions, and not forwards. */
  readonly isSession: string
  /** Whether the table knows user, session id, address, birth and last activity. */
  readonly keepsMetadata: boolean
  time(milliseconds: number): Binding
  forCreate(key: string, record: SessionRecord): Binding[]
  forSave(key: string, version: Version, record: SessionRecord): Binding[]
  forTouch(key: string, version: Version, times: { expires: number; lastActivity: number }): Binding[]
  savedVersion(version: Version, record: SessionRecord): Version
  read(row: Row): StoredRecord
}

/** Makes the layout of a table, for one dialect of SQL. */
export type MakeLayout = (table: string, dialect: Dialect) => Layout

const OWN_COLUMNS = [
  'data',
  'version',
  'expires',
  'created_at',
  'last_activity',
  'user_id',
  'session_id',
  'ip_address',
  'user_agent',
]

/**
 * The project's own table: a version counter, metadata beside the data, times as milliseconds since 1970.
 *
 * @param extraColumns columns of the application's own, written in the same statement
 */
export function ownLayout(table: string, extraColumns: readonly string[] = []): Layout {
  const extra = (record: SessionRecord) => extraColumns.map((name) => record.extra?.[name] ?? null)
  const created = ['session_key', ...OWN_COLUMNS, ...extraColumns]
  const set = ['data', 'expires', 'last_activity', 'user_id', 'session_id', 'ip_address', 'user_agent', ...extraColumns]
  const live = 'expires > ?'
  const asRead = `session_key = ? AND version = ? AND ${live}`
  return {
    possibleKey: /^[\x21-\x7e]{1,64}$/,
    columns: created,
    data: 'data',
    expires: 'expires',
    isSession: "(session_id IS NULL OR session_id <> '')",
    keepsMetadata: true,
    sql: {
      load: `SELECT ${OWN_COLUMNS.join(', ')} FROM ${table} WHERE session_key = ? AND ${live}`,
      create: `INSERT INTO ${table} (${created.join(', ')}) VALUES (${created.map(() => '?').join(', ')})`,
      save: `UPDATE ${table} SET ${set.map((name) => `${name} = ?`).join(', ')}, version = version + 1 WHERE ${asRead}`,
      touch: `UPDATE ${table} SET expires = ?, last_activity = ? WHERE ${asRead}`,
      remove: `DELETE FROM ${table} WHERE session_key = ?`,
      removeVersion: `DELETE FROM ${table} WHERE ${asRead}`,
      exists: `SELECT 1 FROM ${table} WHERE session_key = ? AND ${live}`,
    },
    many: {
      load: `SELECT session_key, ${OWN_COLUMNS.join(', ')} FROM ${table} WHERE ${AMONG} AND ${live}`,
      save: (rows) => changeMany(table, set, ', version = version + 1', 'version', live, rows),
      touch: (rows) => changeMany(table, ['expires', 'last_activity'], '', 'version', live, rows),
    },
    time: (milliseconds) => milliseconds,
    forCreate: (key, record) => {
      const { data, expires, createdAt, lastActivity, userId, sessionId, ipAddress, userAgent } = record
      return [key, data, 1, expires, createdAt, lastActivity, userId, sessionId, ipAddress, userAgent, ...extra(record)]
    },
    forSave: (key, version, record) => {
      const { data, expires, lastActivity, userId, sessionId, ipAddress, userAgent } = record
      return [data, expires, lastActivity, userId, sessionId, ipAddress, userAgent, ...extra(record), key, version]
    },
    forTouch: (key, version, { expires, lastActivity }) => [expires, lastActivity, key, version],
    savedVersion: (version) => Number(version) + 1,
    read: (row) => ({
      data: String(row['data']),
      version: Number(row['version']),
      expires: Number(row['expires']),
      createdAt: Number(row['created_at']),
      lastActivity: Number(row['last_activity']),
      userId: textOrNull(row['user_id']),
      sessionId: textOrNull(row['session_id']),
      ipAddress: textOrNull(row['ip_address']),
      userAgent: textOrNull(row['user_agent']),
    }),
  }
}

/** The rows of many keys. As JSON, because a key is plain ASCII, and one statement then serves for any number of them. */
export const AMONG = 'session_key IN (SELECT value FROM json_each(?))'

/**
 * Changes rows that are as they were read. Each row's bindings are those of one such change: the columns to set, key and
 * version. As bindings, because data through JSON would lose a NUL, and not every text is JSON's.
 */
export function changeMany(
  table: string,
  set: readonly string[],
  andSet: string,
  version: string,
  live: string,
  rows: number,
): string {
  const given = `${table}_given`
  const columns = [...set, 'key', 'version'].map((_name, index) => `c${index}`)
  const row = `(${columns.map(() => '?').join(', ')})`
  const values = Array(rows).fill(row).join(', ')
  const assigned = set.map((name, index) => `${name} = ${given}.c${index}`).join(', ')
  const asRead = `session_key = ${given}.c${set.length} AND ${version} = ${given}.c${set.length + 1}`
  return (
    `WITH ${given} (${columns.join(', ')}) AS (VALUES ${values}) ` +
    `UPDATE ${table} SET ${assigned}${andSet} FROM ${given} WHERE ${asRead} AND ${live} RETURNING session_key`
  )
}

function textOrNull(value: unknown): string | null {
  return typeof value === 'string' ? value : null
}
