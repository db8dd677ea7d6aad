import { opendir, rmdir } from 'node:fs/promises'
import { join, sep } from 'node:path'
import { codeOf } from '../../core/error-codes.ts'
import { readlink } from './file-calls.ts'
import { isNotEmpty, removeFile, replaceLink } from './file-write.ts'

/** The folders in which records are stored. A name is a file name that is safe on any file system. */
export interface FileLayout {
  /** The path of the record with this name; undefined if there is certainly none. */
  find(name: string): string | Promise<string | undefined>
  /** The path of a new record; `createdAt` in milliseconds since 1970. */
  place(name: string, createdAt: number): string
  /** Makes a new record findable, after it was written. */
  link?(name: string, createdAt: number): Promise<void>
  /** Reverts {@link link}, before the record is removed. */
  unlink?(name: string): Promise<void>
}

/** The name of a layout. After a change, existing records are no longer found; a clear still deletes them. */
export type LayoutName = 'flat' | 'hashed' | 'dated'

/** The layout of that name in this folder. */
export function fileLayout(name: LayoutName, folder: string): FileLayout {
  if (name === 'flat') return oneFolder(folder)
  return name === 'hashed' ? hashed(folder) : dated(folder)
}

/** All records side by side. */
export function oneFolder(folder: string): FileLayout {
  const find = (name: string) => join(folder, name)
  return { find, place: find }
}

/** A file found by {@link walk}: a record, or the link to one. */
export interface Found {
  readonly name: string
  readonly path: string
  readonly isLink: boolean
}

const FOLDER = /^(?:[0-9a-f]{2}|\d{4})$/
const MAX_DEPTH = 3
const DATE = /^\d{4}\/\d\d\/\d\d$/

/**
 * Finds all files with such a name in a folder, for any layout, with only a few names in memory.
 *
 * @param tidy whether to remove empty folders
 */
export async function* walk(
  folder: string,
  isName: (name: string) => boolean,
  tidy: boolean,
  depth = 0,
): AsyncGenerator<Found> {
  for await (const entry of await opendir(folder)) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) {
      if (depth === MAX_DEPTH || !FOLDER.test(entry.name)) continue
      try {
        yield* walk(path, isName, tidy, depth + 1)
        if (tidy) await rmdir(path)
      } catch (error) {
        // Not empty, or removed by another clear.
        if (!isNotEmpty(error) && codeOf(error) !== 'ENOENT') throw error
      }
    } else if (isName(entry.name)) yield { name: entry.name, path, isLink: entry.isSymbolicLink() }
  }
}

function hashed(folder: string): FileLayout {
  // Joined once: for each name it takes 1 µs, a fortieth of a load.
  const root = join(folder, sep)
  const find = (name: string) => `${root}${name.slice(0, 2)}${sep}${name.slice(2, 4)}${sep}${name}`
  return { find, place: find }
}

/**
 * Folders by the day of creation (UTC), so that a day can be listed, copied or deleted as a whole. Where the hashed layout
 * has the record, this one has a symbolic link whose text is the day. It is read, never followed, and is made after the
 * record and removed before it: a record without a link is not a session. Rejected: trying all days, newest first, which
 * would make unknown keys expensive.
 */
function dated(folder: string): FileLayout {
  const links = hashed(folder)
  const dayOf = (createdAt: number) => new Date(createdAt).toISOString().slice(0, 10).replaceAll('-', '/')
  return {
    async find(name) {
      const day = await readlink(links.place(name, 0)).catch((error: unknown) => {
        if (['ENOENT', 'ENOTDIR', 'EINVAL'].includes(codeOf(error) ?? '')) return ''
        throw error
      })
      return DATE.test(day) ? join(folder, day, name) : undefined
    },
    place: (name, createdAt) => join(folder, dayOf(createdAt), name),
    link: (name, createdAt) => replaceLink(folder, links.place(name, 0), dayOf(createdAt)),
    unlink: (name) => removeFile(folder, links.place(name, 0)),
  }
}
