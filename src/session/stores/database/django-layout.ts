import { changeMany, KEY_IN_LIST, type Layout } from './database-layouts.ts'
import type { Binding, Dialect } from './database-statements.ts'

/**
 * Django's table. It has no version, so the stored text is the version; it has no metadata, so
 * birth and last activity read as 0.
 */
export function djangoLayout(table: string, dialect: Dialect): Layout {
  const live = 'expire_date > ?'
  // MySQL's usual collations ignore case, and signed text is all about case.
  const sameText = dialect === 'mysql' ? 'session_data = CAST(? AS BINARY)' : 'session_data = ?'
  const asRead = `session_key = ? AND ${sameText} AND ${live}`
  const time = (milliseconds: number): Binding =>
    dialect === 'postgres' ? new Date(milliseconds) : pythonDateText(milliseconds)
  return {
    // Lower case only: MySQL would find any case in Django's column.
    validKey: /^[a-z0-9]{1,40}$/,
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
      load: `SELECT session_key, session_data, expire_date FROM ${table} WHERE ${KEY_IN_LIST} AND ${live}`,
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

/** `YYYY-MM-DD HH:MM:SS.ffffff` in UTC, the fraction left out when it is 0. */
function pythonDateText(milliseconds: number): string {
  const text = new Date(milliseconds).toISOString().replace('T', ' ').slice(0, 23)
  return text.endsWith('.000') ? text.slice(0, 19) : `${text}000`
}

function pythonDate(value: unknown): number {
  if (value instanceof Date) return value.getTime()
  return Date.parse(`${String(value).slice(0, 23).replace(' ', 'T')}Z`)
}
