import type { ExecutionContext } from 'ava'
import { openDatabase } from '../../src/database.ts'
import db from '../../src/storage/engines/db.ts'
import { migratedSqlite } from '../support/databases.ts'
import { startProcess, TYPESCRIPT } from '../support/processes.ts'

export const SECRET_KEY = 'kP3v9QzX7mW2sL5tR8yB1nC4dF6gH0jA'

/** The real command on the sessions table of a separate migrated SQLite database. */
export async function sessionsCli(t: ExecutionContext) {
  const url = await migratedSqlite(t)
  const knex = openDatabase(url)
  t.teardown(() => knex.destroy())
  const run = async (args: readonly string[], env: Record<string, string> = {}) => {
    const settings = {
      NODE_ENV: 'test',
      SESSION_ENGINE: db.name,
      DATABASE_URL: url,
      SECRET_KEY,
      LOG_LEVEL: 'silent',
      ...env,
    }
    const process = startProcess([TYPESCRIPT, 'scripts/sessions.ts', ...args], { env: settings })
    return { code: await process.ended(), output: process.output().trim() }
  }
  return { url, knex, run }
}
