import { basename } from 'node:path'
import { oneFolder } from './file-layouts.ts'
import { type FileFormat, type FileOptions, FileRecords } from './file-records.ts'

/** Options for {@link DjangoFileStore}. */
export interface DjangoFileOptions extends FileOptions {
  /** SESSION_FILE_PATH. */
  readonly folder: string
  /** SESSION_COOKIE_NAME, the prefix of the file names. */
  readonly cookieName: string
  /** SESSION_COOKIE_AGE, seconds. */
  readonly cookieAge: number
  /** Reads the custom expiry of a session from its text: seconds since the last save, or a date. */
  readonly customExpiry?: (text: string) => number | Date | undefined
}

// Django's rule, limited to the length of a file name.
const KEY = /^[a-z0-9]{1,128}$/

/**
 * Keeps sessions in the files of Django's file backend, byte for byte, in a folder that both use.
 *
 * A session expires by its custom expiry, or `cookieAge` after the file's modification time, which is set accordingly.
 * Unlike in Django, a custom expiry in seconds does end a session. If it is a date, an earlier `expires` cannot be stored.
 * Django uses no lock, so a simultaneous save of Django's may overwrite one of this store.
 */
export class DjangoFileStore extends FileRecords {
  /** @throws RangeError if the cookie name cannot be part of a file name */
  constructor({ folder, cookieName, cookieAge, customExpiry = () => undefined, ...options }: DjangoFileOptions) {
    if (cookieName === '' || basename(cookieName) !== cookieName || cookieName.startsWith('.')) {
      throw new RangeError(`The cookie name "${cookieName}" cannot be part of a file name`)
    }
    super(folder, oneFolder(folder), djangoFormat(cookieName, cookieAge, customExpiry), options)
  }
}

function djangoFormat(
  cookieName: string,
  cookieAge: number,
  customExpiry: (text: string) => number | Date | undefined,
): FileFormat {
  /** Milliseconds from the file's modification time to its expiry. */
  const ageOf = (own: number | Date | undefined) => (typeof own === 'number' && own !== 0 ? own : cookieAge) * 1000
  const keyOf = (name: string) => name.slice(cookieName.length)
  return {
    keepsMetadata: false,
    nameOf: (key) => (KEY.test(key) ? `${cookieName}${key}` : undefined),
    isName: (name) => name.startsWith(cookieName) && KEY.test(keyOf(name)),
    nextVersion: ({ data }) => data,
    write: (_key, { data, expires }) => ({ bytes: data, modified: expires - ageOf(customExpiry(data)) }),
    async read(name, bytes, modified) {
      const data = bytes.toString('utf8')
      const own = customExpiry(data)
      return {
        key: keyOf(name),
        record: {
          data,
          version: data,
          expires: own instanceof Date ? own.getTime() : (await modified()) + ageOf(own),
          createdAt: 0,
          lastActivity: 0,
          userId: null,
          sessionId: null,
          ipAddress: null,
          userAgent: null,
        },
      }
    },
  }
}
