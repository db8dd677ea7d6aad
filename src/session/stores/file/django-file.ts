import { basename } from 'node:path'
import { oneFolder } from './file-layouts.ts'
import { type FileFormat, FileRecords } from './file-records.ts'

/** What {@link DjangoFileStore} is made of. */
export interface DjangoFileOptions {
  /** SESSION_FILE_PATH. */
  readonly folder: string
  /** SESSION_COOKIE_NAME, with which the file names begin. */
  readonly cookieName: string
  /** SESSION_COOKIE_AGE, seconds. */
  readonly cookieAge: number
  /** The expiry that the session in this text sets for itself: seconds since the last save, or a moment. */
  readonly ownExpiry?: (text: string) => number | Date | undefined
  /** Milliseconds since 1970. */
  readonly now?: () => number
}

// Django's own rule, and no more than a file name may hold.
const KEY = /^[a-z0-9]{1,128}$/

/**
 * The files of Django's file backend, byte for byte, for a folder that both read and write.
 *
 * A session expires by its own expiry or `cookieAge` after the file's modification time, which is therefore set to
 * match. Unlike Django a session of its own number of seconds does end. Where its own expiry is a
 * moment, that alone counts: an earlier `expires` has no place in such a file. Django takes no lock, so a save of
 * Django's at the same instant as one here may undo it.
 */
export class DjangoFileStore extends FileRecords {
  /** @throws RangeError when the cookie name cannot begin a file name */
  constructor({ folder, cookieName, cookieAge, ownExpiry = () => undefined, now }: DjangoFileOptions) {
    if (cookieName === '' || basename(cookieName) !== cookieName || cookieName.startsWith('.')) {
      throw new RangeError(`The cookie name "${cookieName}" cannot begin the name of a file`)
    }
    super(folder, oneFolder(folder), djangoFormat(cookieName, cookieAge, ownExpiry), now)
  }
}

function djangoFormat(
  cookieName: string,
  cookieAge: number,
  ownExpiry: (text: string) => number | Date | undefined,
): FileFormat {
  /** Milliseconds from the file's modification time to its expiry. */
  const ageOf = (own: number | Date | undefined) => (typeof own === 'number' && own !== 0 ? own : cookieAge) * 1000
  const keyOf = (name: string) => name.slice(cookieName.length)
  return {
    keepsMetadata: false,
    nameOf: (key) => (KEY.test(key) ? `${cookieName}${key}` : undefined),
    isName: (name) => name.startsWith(cookieName) && KEY.test(keyOf(name)),
    nextVersion: ({ data }) => data,
    write: (_key, { data, expires }) => ({ bytes: data, modified: expires - ageOf(ownExpiry(data)) }),
    async read(name, bytes, modified) {
      const data = bytes.toString('utf8')
      const own = ownExpiry(data)
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
