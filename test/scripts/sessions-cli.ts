import type { ExecutionContext } from 'ava'
import { openDatabase } from '../../src/database.ts'
import db from '../../src/storage/engines/db.ts'
import { migratedSqlite } from '../support/databases.ts'
import { runSessions } from '../support/sessions-command.ts'

export const SECRET_KEY = 'kP3v9QzX7mW2sL5tR8yB1nC4dF6gH0jA'

/** `npm run sessions` on the sessions table of a separate migrated SQLite database. */
export async function sessionsCli(t: ExecutionContext) {
  const url = await migratedSqlite(t)
  const knex = openDatabase(url)
  t.teardown(() => knex.destroy())
  const settings = { NODE_ENV: 'test', SESSION_ENGINE: db.name, DATABASE_URL: url, SECRET_KEY, LOG_LEVEL: 'silent' }
  const run = (args: readonly string[], env: Record<string, string> = {}, input = '') =>
    runSessions(args, { ...settings, ...env }, input)
  return { url, knex, run, settings }
}
