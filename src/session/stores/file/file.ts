import { hash } from 'node:crypto'
import { smallRandom } from '../../core/random.ts'
import { decodeBody, encodeBody } from '../record-body.ts'
import { fileLayout, type LayoutName } from './file-layouts.ts'
import { type FileFormat, type FileOptions, FileRecords } from './file-records.ts'

/** Options for {@link FileStore}. */
export interface FileStoreOptions extends FileOptions {
  /** The folder for sessions, with nothing else in it. */
  readonly folder: string
  /** `flat`, `hashed` (two levels of folders, the default) or `dated`. */
  readonly layout?: LayoutName
}

const NAME = /^[0-9a-f]{64}$/
// How long a damaged file is kept, so that it can be examined.
const DAMAGED_TTL_MS = 86_400_000

/**
 * Keeps sessions in files: one line with the key as JSON, then the record with a checksum. The file name is a hash of the
 * key, so that no key can lead out of the folder.
 */
export class FileStore extends FileRecords {
  constructor({ folder, layout = 'hashed', ...options }: FileStoreOptions) {
    super(folder, fileLayout(layout, folder), FORMAT, options)
  }
}

const FORMAT: FileFormat = {
  keepsMetadata: true,
  nameOf,
  isName: (name) => NAME.test(name),
  // Random, because a counter would start again if a record is deleted and created again.
  nextVersion: () => smallRandom(12).toString('base64url'),
  write: (key, record) => ({
    bytes: Buffer.concat([Buffer.from(`${JSON.stringify(key)}\n`), encodeBody(record, record.version)]),
  }),
  async read(name, bytes, modified) {
    const end = bytes.indexOf('\n')
    const record = decodeBody(bytes.subarray(end + 1))
    const key = keyIn(bytes.toString('utf8', 0, Math.max(end, 0)))
    // A file with another session's key counts as damaged.
    if (record !== undefined && key !== undefined && nameOf(key) === name) return { key, record }
    const time = await modified()
    return {
      key: '',
      record: {
        data: '',
        version: '',
        expires: time + DAMAGED_TTL_MS,
        createdAt: time,
        lastActivity: time,
        userId: null,
        sessionId: null,
        ipAddress: null,
        userAgent: null,
      },
    }
  },
}

function nameOf(key: string): string {
  return hash('sha256', key, 'hex')
}

function keyIn(line: string): string | undefined {
  try {
    const key: unknown = JSON.parse(line)
    return typeof key === 'string' ? key : undefined
  } catch {
    return undefined
  }
}
