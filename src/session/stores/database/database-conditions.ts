import { type ClearWhich, NotSupportedError } from '../store.ts'
import type { Layout } from './database-layouts.ts'
import type { Binding, Dialect } from './database-statements.ts'

/** A condition of SQL with its bindings. */
export interface Condition {
  readonly condition: string
  readonly bindings: readonly Binding[]
}

/** The sessions of a user. MySQL's collations ignore case, accents and spaces at the end, so bytes are compared as well. */
export function ofUser(userId: string, dialect: Dialect): Condition {
  if (dialect !== 'mysql') return { condition: 'user_id = ?', bindings: [userId] }
  return { condition: 'user_id = ? AND CAST(user_id AS BINARY) = ?', bindings: [userId, userId] }
}

/**
 * The records that a clear deletes.
 *
 * @throws NotSupportedError for orphaned sessions without the table of users
 */
export function toClear(
  which: ClearWhich,
  { dialect, layout, usersTable }: { dialect: Dialect; layout: Layout; usersTable: string | undefined },
): Condition {
  const { isSession, expires, time } = layout
  if (which.kind === 'expired') return { condition: `${expires} <= ?`, bindings: [time(which.before)] }
  if (which.kind === 'created') return { condition: `created_at < ? AND ${isSession}`, bindings: [which.before] }
  if (which.kind === 'inactive') return { condition: `last_activity < ? AND ${isSession}`, bindings: [which.before] }
  if (which.kind === 'user') return ofUser(which.userId, dialect)
  if (usersTable === undefined) {
    throw new NotSupportedError('Sessions and users are in different databases, so orphaned sessions cannot be found.')
  }
  // As bytes on MySQL, where the columns may have different collations.
  const [user, text] = dialect === 'mysql' ? ['CAST(user_id AS BINARY)', 'BINARY'] : ['user_id', 'TEXT']
  const known = `SELECT CAST(id AS ${text}) FROM ${usersTable}`
  return { condition: `user_id IS NOT NULL AND ${user} NOT IN (${known})`, bindings: [] }
}
