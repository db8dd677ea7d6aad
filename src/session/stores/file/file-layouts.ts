import { opendir, readlink, rmdir } from 'node:fs/promises'
import { join } from 'node:path'
import { codeOf } from '../../core/error-codes.ts'
import { removeFile, replaceLink } from './file-write.ts'

/** In which folders the records stand. A name is a file name that is safe on any file system. */
export interface FileLayout {
  /** Where the record of this name stands if there is one; undefined when it is known that there is none. */
  find(name: string): string | Promise<string | undefined>
  /** Where a new record belongs. */
  place(name: string, createdAt: number): string
  /** Makes a record that was just written there findable. */
  link?(name: string, createdAt: number): Promise<void>
  /** The opposite; to be called before the record is removed. */
  unlink?(name: string): Promise<void>
}

/** What {@link fileLayout} takes; changing it leaves the records behind that are there (a clear still ends them). */
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

/** What a walk comes across: a record, or the link that leads to one. */
export interface Found {
  readonly name: string
  readonly path: string
  readonly isLink: boolean
}

const FOLDER = /^(?:[0-9a-f]{2}|\d{4})$/
const DEEPEST = 3
const DATE = /^\d{4}\/\d\d\/\d\d$/

/**
 * Everything under a folder that has such a name, whatever the layout. Holds no more than a few names at a time.
 *
 * @param tidy whether to remove the folders that are empty when the walk leaves them
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
      if (depth === DEEPEST || !FOLDER.test(entry.name)) continue
      try {
        yield* walk(path, isName, tidy, depth + 1)
        if (tidy) await rmdir(path)
      } catch (error) {
        // Not empty, which systems say in two ways, or removed by another clear.
        if (!['ENOTEMPTY', 'EEXIST', 'ENOENT'].includes(codeOf(error) ?? '')) throw error
      }
    } else if (isName(entry.name)) yield { name: entry.name, path, isLink: entry.isSymbolicLink() }
  }
}

function hashed(folder: string): FileLayout {
  const find = (name: string) => join(folder, name.slice(0, 2), name.slice(2, 4), name)
  return { find, place: find }
}

/**
 * By the day of creation (UTC), so that a day can be looked at, copied or deleted as a whole. A key does not tell its
 * day: where the hashed layout has the record, this one has a symbolic link whose text is the day. It is read, never
 * followed, and is made after the record and removed before it: what has no link is no session. Rejected: trying the
 * days newest first, where every unknown key would cost as many looks as there are days.
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
    unlink: (name) => removeFile(links.place(name, 0)),
  }
}
