import type { Descendant, SessionRecord, StoredRecord, Version } from '../store.ts'
import type { Binding, Dialect, Row } from './database-statements.ts'

/** The statements used by requests. All compare and write in one step; `now` is always the last binding. */
export interface LayoutSql {
  readonly load: string
  readonly create: string
  readonly save: string
  readonly touch: string
  readonly remove: string
  readonly removeVersion: string
  readonly exists: string
}

/** Several operations in one statement of SQLite; they return the `session_key` of rows found or changed. */
export interface LayoutManySql {
  /** The keys are one binding, a JSON list. */
  readonly load: string
  /** The time, then the bindings of at most that many saves; the keys must differ. */
  save(rows: number): string
  touch(rows: number): string
}

/** The schema of a table: its statements, their bindings, and how rows are read. */
export interface Layout {
  readonly sql: LayoutSql
  readonly many: LayoutManySql
  /** The keys that codecs make for this layout. Others (NUL, trailing spaces, megabytes) are never looked up. */
  readonly validKey: RegExp
  readonly columns: readonly string[]
  /** The names of the two columns that every layout has beside the key. */
  readonly data: string
  readonly expires: string
  /** The condition for rows that are sessions, not forwards. */
  readonly isSession: string
  /** Whether the table has user, session id, address, creation time and last activity. */
  readonly keepsMetadata: boolean
  /** The statement that saves over any of several versions, if the table has a column for the version. */
  readonly saveOver?: {
    sql(versions: number): string
    bindings(key: string, to: Descendant, now: Binding): Binding[]
  }
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
 * @param extraColumns custom columns, written in the same statement; none by default
 */
export function ownLayout(table: string, extraColumns: readonly string[] = []): Layout {
  const extra = (record: SessionRecord) => extraColumns.map((name) => record.extra?.[name] ?? null)
  const created = ['session_key', ...OWN_COLUMNS, ...extraColumns]
  const set = ['data', 'expires', 'last_activity', 'user_id', 'session_id', 'ip_address', 'user_agent', ...extraColumns]
  const forSet = (record: SessionRecord): Binding[] => {
    const { data, expires, lastActivity, userId, sessionId, ipAddress, userAgent } = record
    return [data, expires, lastActivity, userId, sessionId, ipAddress, userAgent, ...extra(record)]
  }
  const live = 'expires > ?'
  const asRead = `session_key = ? AND version = ? AND ${live}`
  return {
    validKey: /^[\x21-\x7e]{1,64}$/,
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
      exists: `SELECT version FROM ${table} WHERE session_key = ? AND ${live}`,
    },
    many: {
      load: `SELECT session_key, ${OWN_COLUMNS.join(', ')} FROM ${table} WHERE ${KEY_IN_LIST} AND ${live}`,
      save: (rows) => changeMany(table, set, ', version = version + 1', 'version', live, rows),
      touch: (rows) => changeMany(table, ['expires', 'last_activity'], '', 'version', live, rows),
    },
    saveOver: {
      sql(versions) {
        const anyOf = Array(roomFor(versions)).fill('?').join(', ')
        const assigned = [...set, 'version'].map((name) => `${name} = ?`).join(', ')
        return `UPDATE ${table} SET ${assigned} WHERE session_key = ? AND version IN (${anyOf}) AND ${live}`
      },
      bindings(key, { from, version, record }, now) {
        const more = Array<number | null>(roomFor(from.length) - from.length).fill(null)
        return [...forSet(record), version, key, ...from, ...more, now]
      },
    },
    time: (milliseconds) => milliseconds,
    forCreate: (key, record) => {
      const { data, expires, createdAt, lastActivity, userId, sessionId, ipAddress, userAgent } = record
      return [key, data, 1, expires, createdAt, lastActivity, userId, sessionId, ipAddress, userAgent, ...extra(record)]
    },
    forSave: (key, version, record) => [...forSet(record), key, version],
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

/** The rows of many keys: as JSON, so that one statement serves for any number of keys, which are plain ASCII. */
export const KEY_IN_LIST = 'session_key IN (SELECT value FROM json_each(?))'

/**
 * Updates rows that still have the version that was read. The first binding is that of `live`; then, for each row, the
 * columns to set, key and version. Rows without bindings are NULL and match nothing. Not as JSON, which would lose a NUL
 * and invalid surrogates.
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
  // A plain "?" has the number after the highest before it.
  const values = Array(rows).fill(row).join(', ').replace('?', '?2')
  const assigned = set.map((name, index) => `${name} = ${given}.c${index}`).join(', ')
  const asRead = `session_key = ${given}.c${set.length} AND ${version} = ${given}.c${set.length + 1}`
  return (
    `WITH ${given} (${columns.join(', ')}) AS (VALUES ${values}) ` +
    `UPDATE ${table} SET ${assigned}${andSet} FROM ${given} WHERE ${asRead} AND ${live.replace('?', '?1')} RETURNING session_key`
  )
}

/** Powers of two, so that few different statements are prepared. */
function roomFor(versions: number): number {
  return 2 ** Math.ceil(Math.log2(versions))
}

function textOrNull(value: unknown): string | null {
  return typeof value === 'string' ? value : null
}
