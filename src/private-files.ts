import { chmodSync, closeSync, existsSync, lstatSync, mkdirSync, openSync, realpathSync, statSync } from 'node:fs'
import { join, relative } from 'node:path'
import { projectRoot } from './paths.ts'

const OWN_FOLDER = join(projectRoot, 'data')
// What SQLite puts beside a database. It gives them the mode of the database, but only when it makes them.
const JOURNALS = ['-wal', '-shm', '-journal']

/**
 * Makes a folder that only its owner can enter. One that is there already keeps its mode, because others may need it;
 * except for `data/`, which is the application's own.
 */
export function makePrivateFolder(folder: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const own = !relative(OWN_FOLDER, folder).startsWith('..')
  if (own && lstatSync(OWN_FOLDER, { throwIfNoEntry: false })?.isDirectory()) narrow(OWN_FOLDER, 0o700)
}

/** Takes a file from everybody but its owner. Nothing happens where it is not there, or is somebody else's. */
export function makePrivateFile(file: string): void {
  if (statSync(file, { throwIfNoEntry: false })?.isFile()) narrow(file, 0o600)
}

/** Makes the file of an SQLite database before SQLite does, which would let everybody read it. */
export function makePrivateDatabase(file: string): void {
  try {
    // Never one that is there: closing it again would drop the locks that SQLite holds on it in this process. Not 'ax',
    // which refuses a link to a file that is not there yet.
    if (!existsSync(file)) closeSync(openSync(file, 'a', 0o600))
    // The journals are beside the file itself, not beside a link to it.
    const place = realpathSync(file)
    for (const suffix of ['', ...JOURNALS]) makePrivateFile(`${place}${suffix}`)
  } catch {
    // SQLite says better what is wrong with it.
  }
}

function narrow(path: string, mode: number): void {
  try {
    const present = statSync(path).mode & 0o777
    if ((present & ~mode) !== 0) chmodSync(path, present & mode)
  } catch {
    // Only the owner may.
  }
}
