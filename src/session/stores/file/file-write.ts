import { constants, fstatSync } from 'node:fs'
import { chmod, lstat, mkdir, opendir, rmdir, stat } from 'node:fs/promises'
import { dirname, join, relative, sep } from 'node:path'
import { codeOf } from '../../core/error-codes.ts'
import { StoreUnavailableError } from '../../core/errors.ts'
import { smallRandom } from '../../core/random.ts'
import { retryOnError } from '../../core/retry.ts'
import {
  chmodOpen,
  close,
  open,
  read,
  rename,
  statOpen,
  symlink,
  sync,
  unlink,
  utimesOpen,
  write,
} from './file-calls.ts'
import { ageOf, removeIfThere, removeStaleLock } from './file-lock.ts'

/**
 * The subfolder for locks and temporary files. If it is missing, the folder is unavailable: an unmounted disk leaves an
 * empty folder, which must not look like one without sessions.
 */
export const WORK_FOLDER = '.holdfast'

const CREATE = constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY | constants.O_NOFOLLOW
// Non-blocking, because opening a named pipe would hang.
const READ = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK
const PRIVATE_FILE = 0o600
const PRIVATE_FOLDER = 0o700
const PERMISSIONS = 0o777
const WRITABLE_BY_ALL = 0o002
// Below 4096, a piece of a larger buffer, which takes less time than a buffer of its own.
const INITIAL_BUFFER_BYTES = 4000
const MAX_FILE_BYTES = 16 * 1024 * 1024
const LEFTOVER_AFTER_MS = 60_000
const MAX_ATTEMPTS = 5
// Missing, or a link, a socket, a folder, a pipe: not a record.
const NO_FILE = new Set(['ENOENT', 'ENOTDIR', 'ELOOP', 'EMLINK', 'ENXIO', 'EISDIR', 'EAGAIN'])

/** The content for {@link replaceFile}. */
export interface FileContent {
  readonly bytes: string | Uint8Array
  /** The file's modification time, in milliseconds since 1970; now by default. */
  readonly modified?: number
}

/**
 * Replaces a file as a whole: readers see the old or the new content, and after a crash or on a full disk the old one is
 * intact. Mode 0600 regardless of the umask; folders between `folder` and the target are created.
 *
 * @param confirm called right before the target is replaced
 */
export async function replaceFile(
  folder: string,
  target: string,
  content: FileContent,
  confirm: () => Promise<void>,
): Promise<void> {
  const temporary = temporaryIn(folder)
  const file = await open(temporary, CREATE, PRIVATE_FILE)
  try {
    try {
      // Asked in this thread: the system knows it without the disk, and waking another one takes longer.
      if ((fstatSync(file).mode & PERMISSIONS) !== PRIVATE_FILE) await chmodOpen(file, PRIVATE_FILE)
      await write(file, content.bytes)
      if (content.modified !== undefined) await utimesOpen(file, content.modified / 1000, content.modified / 1000)
      await sync(file)
    } finally {
      await close(file)
    }
    await confirm()
    await moveInto(folder, temporary, target)
  } catch (error) {
    await unlink(temporary).catch(() => {})
    throw error
  }
}

/** Creates or replaces a symbolic link with this text. Links are never followed. */
export async function replaceLink(folder: string, target: string, text: string): Promise<void> {
  const temporary = temporaryIn(folder)
  await symlink(text, temporary)
  try {
    await moveInto(folder, temporary, target)
  } catch (error) {
    await unlink(temporary).catch(() => {})
    throw error
  }
}

/**
 * Reads and parses a plain file; undefined if there is none. A full pipe and a file far too long are read as empty.
 *
 * @param parse can call `modified` for the modification time (ms since 1970) of this content
 */
export async function readPlainFile<T>(
  path: string,
  parse: (bytes: Buffer, modified: () => Promise<number>) => Promise<T>,
): Promise<T | undefined> {
  try {
    const file = await open(path, READ)
    try {
      const bytes = await readAll(file)
      return await parse(bytes, async () => Math.round((await statOpen(file)).mtimeMs))
    } finally {
      await close(file)
    }
  } catch (error) {
    if (NO_FILE.has(codeOf(error) ?? '')) return undefined
    throw error
  }
}

/**
 * Removes a file durably: without the sync, a crash could bring an ended session back. Then removes the folders between
 * it and `folder` that are empty, or they would pile up between two clears.
 */
export async function removeFile(folder: string, path: string): Promise<void> {
  await removeIfThere(path)
  await syncFolder(dirname(path)).catch((error: unknown) => {
    // A clear has just removed the empty folder.
    if (codeOf(error) !== 'ENOENT') throw error
  })
  try {
    for (let parent = dirname(path); relative(folder, parent) !== ''; parent = dirname(parent)) await rmdir(parent)
  } catch (error) {
    // Or removed by a clear.
    if (!isNotEmpty(error) && codeOf(error) !== 'ENOENT') throw error
  }
}

/** Whether this is the error of removing a folder that is not empty: two codes, depending on the system. */
export function isNotEmpty(error: unknown): boolean {
  return ['ENOTEMPTY', 'EEXIST'].includes(codeOf(error) ?? '')
}

/** Checks that the folder is available. @throws the file system's error if it is missing, for example unmounted */
export async function requireFolder(folder: string): Promise<void> {
  await stat(join(folder, WORK_FOLDER, '.'))
}

/**
 * Creates the folder if necessary and checks that it is private and writable.
 *
 * @throws Error that says what to do
 */
export async function prepareFolder(folder: string): Promise<void> {
  try {
    const made = await mkdir(folder, { recursive: true, mode: PRIVATE_FOLDER })
    if (made !== undefined) await chmod(folder, PRIVATE_FOLDER)
    const { mode } = await stat(folder)
    if ((mode & WRITABLE_BY_ALL) !== 0) {
      throw new Error(
        `All users can write to "${folder}": run "chmod 700" on it, or choose another folder for sessions.`,
      )
    }
    await makeFolders(folder, join(folder, WORK_FOLDER))
    if (!(await lstat(join(folder, WORK_FOLDER))).isDirectory()) {
      throw new Error(`"${join(folder, WORK_FOLDER)}" is not a folder: remove it, and find out where it came from.`)
    }
    const probe = temporaryIn(folder)
    await close(await open(probe, CREATE, PRIVATE_FILE))
    await unlink(probe)
  } catch (error) {
    const code = codeOf(error)
    if (code === undefined) throw error
    const problem =
      code === 'EEXIST' || code === 'ENOTDIR'
        ? `"${folder}" is not a folder: move that file away, or choose another folder for sessions.`
        : `Sessions cannot be written to "${folder}" (${code}): give this process write permission, or choose another folder.`
    throw new Error(problem, { cause: error })
  }
}

/** Removes what killed processes left: temporary files older than a minute, and stale locks. */
export async function removeLeftovers(folder: string): Promise<void> {
  for await (const { name } of await opendir(join(folder, WORK_FOLDER))) {
    const path = join(folder, WORK_FOLDER, name)
    if (name.endsWith('.lock')) await removeStaleLock(path)
    else if (((await ageOf(path)) ?? 0) > LEFTOVER_AFTER_MS) await removeIfThere(path)
  }
}

/** Runs `work` and converts errors of the file system to StoreUnavailableError. */
export async function orUnavailable<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw error instanceof Error && 'syscall' in error ? new StoreUnavailableError(withoutFileName(error)) : error
  }
}

/** The error with the folder instead of the file: Django's file names contain session keys, and errors are logged. */
function withoutFileName(error: Error): Error {
  const { code, syscall, path, dest = path } = error as NodeJS.ErrnoException & { dest?: string }
  const what = error.message.split(', ', 1)[0] ?? ''
  const where = dest === undefined ? '' : ` in '${dirname(dest)}'`
  return Object.assign(new Error(`${what}, ${syscall}${where}`), { code, syscall })
}

async function readAll(file: number): Promise<Buffer> {
  let buffer = Buffer.allocUnsafe(INITIAL_BUFFER_BYTES)
  let filled = 0
  for (;;) {
    const { bytesRead } = await read(file, buffer, filled, buffer.length - filled, null)
    filled += bytesRead
    // A short read of a plain file has reached its end.
    if (filled < buffer.length) return buffer.subarray(0, filled)
    // Asked only here, because nearly all files fit into the first buffer.
    const { size } = await statOpen(file)
    // A pipe has no size, and would be read byte by byte.
    if (size < filled || size > MAX_FILE_BYTES) return Buffer.alloc(0)
    // One byte more than there is, so that the next read is a short one.
    buffer = Buffer.concat([buffer], size + 1)
  }
}

function temporaryIn(folder: string): string {
  return join(folder, WORK_FOLDER, `${smallRandom(12).toString('base64url')}.tmp`)
}

async function moveInto(folder: string, temporary: string, target: string): Promise<void> {
  // The folder does not exist yet, or a clear has just removed it because it was empty.
  const isFolderGone = (error: unknown) => codeOf(error) === 'ENOENT'
  const move = async (attempt: number) => {
    if (attempt > 1) await makeFolders(folder, dirname(target))
    await rename(temporary, target)
    await syncFolder(dirname(target))
  }
  await retryOnError(isFolderGone, move, MAX_ATTEMPTS)
}

async function makeFolders(folder: string, target: string): Promise<void> {
  let parent = folder
  for (const name of relative(folder, target).split(sep).filter(Boolean)) {
    const path = join(parent, name)
    try {
      await mkdir(path, PRIVATE_FOLDER)
      await chmod(path, PRIVATE_FOLDER)
      await syncFolder(parent)
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw error
    }
    parent = path
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, constants.O_RDONLY)
  try {
    await sync(folder)
  } finally {
    await close(folder)
  }
}
