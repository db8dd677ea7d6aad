import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { basename, extname, join, resolve } from 'node:path'
import { openDatabase } from '../../../src/database.ts'

/** Why nothing may be removed from this folder now, in one sentence; undefined where it may. */
export function dirtyReason(root: string): string | undefined {
  const { status, stdout } = spawnSync('git', ['status', '--porcelain'], { cwd: root, encoding: 'utf8' })
  if (status !== 0) return 'This folder is not under git, so nothing could be taken back: use --force to go on.'
  return stdout.trim() === '' ? undefined : 'There are changes that are not committed: commit them, or use --force.'
}

/**
 * The migrations that go, and that the configured database has already run.
 *
 * @param url as DATABASE_URL has it
 */
export async function migrationsRun(root: string, deleted: ReadonlySet<string>, url: string): Promise<string[]> {
  const going = [...deleted].filter((file) => file.startsWith('migrations/'))
  const path = sqlitePath(root, url)
  if (going.length === 0 || (path !== undefined && !existsSync(path))) return []
  const knex = openDatabase(url)
  try {
    if (!(await knex.schema.hasTable('knex_migrations'))) return []
    const run = await knex('knex_migrations').pluck<string[]>('name')
    return going.map((file) => basename(file, extname(file))).filter((name) => run.includes(name))
  } finally {
    await knex.destroy()
  }
}

/** The file of a SQLite database; undefined for a server. */
export function sqlitePath(root: string, url: string): string | undefined {
  return url.startsWith('sqlite:') && url !== 'sqlite::memory:' ? resolve(root, url.slice('sqlite:'.length)) : undefined
}

/** The database's file, and the journals beside it. */
export function databaseFiles(path: string): string[] {
  return ['', '-wal', '-shm', '-journal'].map((end) => `${path}${end}`).filter((file) => existsSync(join(file)))
}
