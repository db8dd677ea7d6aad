import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { basename, extname, resolve } from 'node:path'
import { openDatabase } from '../../../src/database.ts'
import { sqlitePath } from '../../../src/database-address.ts'

/** Why nothing may be removed from this folder now, in one sentence; undefined where it may. */
export function dirtyReason(root: string): string | undefined {
  const { status, stdout } = spawnSync('git', ['status', '--porcelain'], { cwd: root, encoding: 'utf8' })
  if (status !== 0) return 'This folder is not under git, so nothing could be taken back: use --force to go on.'
  return stdout.trim() === '' ? undefined : 'There are changes that are not committed: commit them, or use --force.'
}

/**
 * The migrations that go, and that a database has already run.
 *
 * @param url as DATABASE_URL has it
 * @throws Error if the database cannot be read
 */
export async function migrationsRun(root: string, deleted: ReadonlySet<string>, url: string): Promise<string[]> {
  const going = [...deleted].filter((file) => file.startsWith('migrations/'))
  const file = sqliteFile(root, url)
  if (going.length === 0 || (file !== undefined && !existsSync(file))) return []
  const knex = openDatabase(url)
  try {
    if (!(await knex.schema.hasTable('knex_migrations'))) return []
    const run = await knex('knex_migrations').pluck<string[]>('name')
    return going.map((file) => basename(file, extname(file))).filter((name) => run.includes(name))
  } finally {
    await knex.destroy()
  }
}

/** The file of an SQLite database; undefined for a server. */
export function sqliteFile(root: string, url: string): string | undefined {
  const path = sqlitePath(url)
  return path === undefined || path === ':memory:' ? undefined : resolve(root, path)
}

/** The file of an SQLite database, and the journals beside it. */
export function databaseFiles(file: string): string[] {
  return ['', '-wal', '-shm', '-journal'].map((end) => `${file}${end}`).filter((name) => existsSync(name))
}
