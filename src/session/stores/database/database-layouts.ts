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

/**
 * Django's table. It has no version, so the stored text is the version; it has no metadata, so
 * birth and last activity read as 0.
 */
export function djangoLayout(table: string, dialect: Dialect): Layout {
  const live = 'expire_date > ?'
  // MySQL's usual collations ignore case, and signed text is all about case.
  const sameText = dialect === 'mysql' ? 'session_data = BINARY ?' : 'session_data = ?'
  const asRead = `session_key = ? AND ${sameText} AND ${live}`
  const time = (milliseconds: number): Binding =>
    dialect === 'postgres' ? new Date(milliseconds) : pythonDateText(milliseconds)
  return {
    // Lower case only: MySQL would find any case in Django's column.
    possibleKey: /^[a-z0-9]{1,40}$/,
    columns: ['session_key', 'session_data', 'expire_date'],
    data: 'session_data',
    expires: 'expire_date',
    isSession: '1 = 1',
    keepsMetadata: false,
    sql: {
      load: `SELECT session_data, expire_date FROM ${table} WHERE session_key = ? AND ${live}`,
      create: `INSERT INTO ${table} (session_key, session_data, expire_date) VALUES (?, ?, ?)`,
      save: `UPDATE ${table} SET session_data = ?, expire_date = ? WHERE ${asRead}`,
      touch: `UPDATE ${table} SET expire_date = ? WHERE ${asRead}`,
      remove: `DELETE FROM ${table} WHERE session_key = ?`,
      removeVersion: `DELETE FROM ${table} WHERE ${asRead}`,
      exists: `SELECT 1 FROM ${table} WHERE session_key = ? AND ${live}`,
    },
    many: {
      load: `SELECT session_key, session_data, expire_date FROM ${table} WHERE ${AMONG} AND ${live}`,
      save: (rows) => changeMany(table, ['session_data', 'expire_date'], '', 'session_data', live, rows),
      touch: (rows) => changeMany(table, ['expire_date'], '', 'session_data', live, rows),
    },
    time,
    forCreate: (key, record) => [key, record.data, time(record.expires)],
    forSave: (key, version, record) => [record.data, time(record.expires), key, version],
    forTouch: (key, version, { expires }) => [time(expires), key, version],
    savedVersion: (_version, record) => record.data,
    read: (row) => ({
      data: String(row['session_data']),
      version: String(row['session_data']),
      expires: pythonDate(row['expire_date']),
      createdAt: 0,
      lastActivity: 0,
      userId: null,
      sessionId: null,
      ipAddress: null,
      userAgent: null,
    }),
  }
}

// As JSON, because a key is plain ASCII, and one statement then serves for any number of them.
const AMONG = 'session_key IN (SELECT value FROM json_each(?))'

/**
 * Changes rows that are as they were read. Each row's bindings are those of one such change: the columns to set, key and
 * version. As bindings, because data through JSON would lose a NUL, and not every text is JSON's.
 */
function changeMany(
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

/** `YYYY-MM-DD HH:MM:SS.ffffff` in UTC, the fraction left out when it is 0. */
function pythonDateText(milliseconds: number): string {
  const text = new Date(milliseconds).toISOString().replace('T', ' ').slice(0, 23)
  return text.endsWith('.000') ? text.slice(0, 19) : `${text}000`
}

function pythonDate(value: unknown): number {
  if (value instanceof Date) return value.getTime()
  return Date.parse(`${String(value).slice(0, 23).replace(' ', 'T')}Z`)
}

function textOrNull(value: unknown): string | null {
  return typeof value === 'string' ? value : null
}
