import { chmodSync, closeSync, existsSync, lstatSync, mkdirSync, openSync, realpathSync, statSync } from 'node:fs'
import { join, relative } from 'node:path'
import { projectRoot } from './paths.ts'

/** The folder of the application's own files. */
export const DATA_FOLDER = join(projectRoot, 'data')
/** SQLite's files beside a database. They get the mode of the database, but only when they are created. */
export const JOURNALS = ['-wal', '-shm', '-journal']

/**
 * Makes a folder that only its owner can enter. An existing one keeps its mode, because others may need it, except for
 * `data/`, which belongs to the application.
 */
export function makePrivateFolder(folder: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const inDataFolder = !relative(DATA_FOLDER, folder).startsWith('..')
  if (inDataFolder && lstatSync(DATA_FOLDER, { throwIfNoEntry: false })?.isDirectory()) restrictMode(DATA_FOLDER, 0o700)
}

/** Removes the permissions of everybody but the owner. Does nothing if the file is missing or belongs to another user. */
export function makePrivateFile(file: string): void {
  if (statSync(file, { throwIfNoEntry: false })?.isFile()) restrictMode(file, 0o600)
}

/** Creates the file of an SQLite database, because SQLite would make it readable for everybody. */
export function makePrivateDatabase(file: string): void {
  try {
    // Never an existing one: closing it would drop the locks that SQLite holds on it in this process. Not 'ax', which
    // refuses a link to a missing file.
    if (!existsSync(file)) closeSync(openSync(file, 'a', 0o600))
    // The journals are beside the file itself, not beside a link to it.
    const place = realpathSync(file)
    for (const suffix of ['', ...JOURNALS]) makePrivateFile(`${place}${suffix}`)
  } catch {
    // SQLite reports the problem more clearly.
  }
}

function restrictMode(path: string, mode: number): void {
  try {
    const present = statSync(path).mode & 0o777
    if ((present & ~mode) !== 0) chmodSync(path, present & mode)
  } catch {
    // Only the owner may change the mode.
  }
}
