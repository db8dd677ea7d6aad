import { hash, randomBytes } from 'node:crypto'
import type { CacheEntry } from '../../caches/cache.ts'
import type { Compression } from '../../caches/compression.ts'
import { cachePrefix } from '../cache.ts'
import { decodeBody, encodeBody } from '../record-body.ts'
import type { StoredRecord, Version } from '../store.ts'

/** Options for {@link CopyEntries}. */
export interface CopyEntriesOptions {
  /** Prefix of all keys; `session` by default. */
  readonly prefix?: string
  /** Part of every key: a new number discards all copies; 1 by default. */
  readonly generation?: number
  /** None by default. */
  readonly compression?: Compression
  /** Maximum seconds for which a copy is used; 3600 by default. */
  readonly timeout?: number
  /** Returns milliseconds since 1970; Date.now by default. */
  readonly now?: () => number
}

const LEASE = 'lease-'
const BLOCK = 'block-'
const RESERVED_MS = 10_000

/** The key of the index of copies that the database does not have yet. @throws RangeError for an invalid prefix */
export function aheadIndexName(prefix: string, generation: number): string {
  return `${copyPrefix(prefix, generation)}ahead`
}

// Other keys than those of CacheStore: a copy must never be taken for a session.
function copyPrefix(prefix: string, generation: number): string {
  return `${cachePrefix(prefix, generation)}copy:`
}

/** How the copies of records are named and encoded in a cache. */
export class CopyEntries {
  /** The beginning of all names. */
  readonly prefix: string
  /** The key of the index of copies that the database does not have yet. */
  readonly aheadIndex: string
  /** Milliseconds for which a copy is used. */
  readonly timeout: number
  readonly #compression: Compression | undefined
  readonly #now: () => number

  /** @throws RangeError for an invalid prefix */
  constructor({ prefix = 'session', generation = 1, compression, timeout = 3600, now = Date.now }: CopyEntriesOptions) {
    this.prefix = copyPrefix(prefix, generation)
    this.aheadIndex = aheadIndexName(prefix, generation)
    this.timeout = timeout * 1000
    this.#compression = compression
    this.#now = now
  }

  name(epoch: string, key: string): string {
    return `${this.prefix}${epoch}:${key}`
  }

  /** The epoch and the key in a name. */
  parse(name: string): { epoch: string; key: string } {
    const [epoch = '', key = ''] = name.slice(this.prefix.length).split(':')
    return { epoch, key }
  }

  /** The copy of a record that the database has. */
  copy(stored: StoredRecord): CacheEntry {
    return this.#entry(stored, Math.min(stored.expires, this.#now() + this.timeout))
  }

  /** The copy of a record that the database does not have yet: it must not expire before. */
  ahead(stored: StoredRecord): CacheEntry {
    return this.#entry(stored, stored.expires)
  }

  /** Reserves the right to fill, until another process writes or deletes the entry. */
  lease(): CacheEntry {
    return this.#reserved(LEASE)
  }

  /** Keeps out every copy while a session is being ended. */
  block(): CacheEntry {
    return this.#reserved(BLOCK)
  }

  /** The record; undefined if the copy is damaged or has expired. */
  read({ version, expires, body }: CacheEntry): StoredRecord | undefined {
    const decoded = decodeBody(body, this.#compression)
    if (decoded === undefined || decoded.expires <= this.#now()) return undefined
    // Damaged outside the checksum of the body.
    if (cacheVersion(decoded.version) !== version || expires > decoded.expires) return undefined
    return decoded
  }

  #entry(stored: StoredRecord, until: number): CacheEntry {
    const body = encodeBody(stored, stored.version, this.#compression)
    return { version: cacheVersion(stored.version), expires: until, body }
  }

  #reserved(kind: string): CacheEntry {
    const version = kind + randomBytes(9).toString('base64url')
    return { version, expires: this.#now() + RESERVED_MS, body: Buffer.alloc(0) }
  }
}

/** Whether an entry is a copy of a record. */
export function isCopy(entry: CacheEntry | undefined): entry is CacheEntry {
  return entry !== undefined && !isLease(entry) && !isBlock(entry)
}

/** Whether an entry is the right to make a copy. */
export function isLease({ version }: CacheEntry): boolean {
  return version.startsWith(LEASE)
}

/** Whether an entry keeps out every copy. */
export function isBlock({ version }: CacheEntry): boolean {
  return version.startsWith(BLOCK)
}

/** A version in the form of a cache entry's: Django's is the whole text, so it is hashed. */
export function cacheVersion(version: Version): string {
  return typeof version === 'number' ? String(version) : hash('sha256', version, 'base64url').slice(0, 20)
}
