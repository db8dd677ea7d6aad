import { hash, randomBytes } from 'node:crypto'
import type { Cache, CacheEntry } from '../../caches/cache.ts'
import type { Compression } from '../../caches/compression.ts'
import type { Observer } from '../../core/events.ts'
import type { Outcome } from '../../core/outcome.ts'
import { cachePrefix } from '../cache.ts'
import { decodeBody, encodeBody } from '../record-body.ts'
import type { StoredRecord, Version } from '../store.ts'

/** Options for {@link CachedCopies}. */
export interface CachedCopiesOptions {
  readonly cache: Cache
  /** Prefix of all keys; `session` by default. */
  readonly prefix?: string
  /** Part of every key: a new number discards all copies; 1 by default. */
  readonly generation?: number
  /** None by default. */
  readonly compression?: Compression
  /** Maximum seconds for which a copy is used; 3600 by default. */
  readonly timeout?: number
  readonly observe?: Observer
  /** Returns milliseconds since 1970; Date.now by default. */
  readonly now?: () => number
}

type Lease = CacheEntry

/** An entry that reserves the right to fill, until another process writes or deletes it. */
const LEASE = 'lease-'
/** An entry that prevents saves while a session is being ended. */
const BLOCK = 'block-'
const LEASE_MS = 10_000
const RETRY_DELAY_MS = 1000
// Above this, keys are no longer remembered: the cache is bypassed until all old copies have expired.
const MAX_UNSURE_KEYS = 10_000

/**
 * Copies of a database's records in a cache, never older than what this process knows.
 *
 * A copy is filled under a lease that is taken before the database is read. Saving or ending the session breaks the
 * lease, so a slow reader cannot restore an old state. A copy that could not be removed is remembered as unsure,
 * bypassed, and removed as soon as the cache answers.
 */
export class CachedCopies {
  readonly #cache: Cache
  readonly #prefix: string
  readonly #compression: Compression | undefined
  readonly #timeout: number
  readonly #observe: Observer
  readonly #now: () => number
  /** Unsure keys, each with a mark that is new whenever the key becomes unsure again. */
  readonly #unsure = new Map<string, symbol>()
  #bypassUntil = 0
  #retry: NodeJS.Timeout | undefined
  #closed = false

  constructor(options: CachedCopiesOptions) {
    this.#cache = options.cache
    // Other keys than those of CacheStore: a copy must never be taken for a session.
    this.#prefix = `${cachePrefix(options.prefix ?? 'session', options.generation ?? 1)}copy:`
    this.#compression = options.compression
    this.#timeout = (options.timeout ?? 3600) * 1000
    this.#observe = options.observe ?? (() => {})
    this.#now = options.now ?? Date.now
  }

  /** Returns the copy; `miss` if there is none; `unsure` if the cache is down or the copy unsure. Never throws. */
  async get(key: string): Promise<StoredRecord | 'miss' | 'unsure'> {
    if (this.#isUnsure(key)) return this.#reportFallback('stale')
    try {
      const entry = await this.#cache.get(this.#prefix + key)
      // The key may have become unsure meanwhile.
      if (this.#isUnsure(key)) return this.#reportFallback('stale')
      const copy = isCopy(entry) ? this.#read(entry) : undefined
      this.#observe({ type: 'cache', outcome: copy === undefined ? 'miss' : 'hit' })
      if (isCopy(entry) && copy === undefined) await this.forget(key)
      return copy ?? 'miss'
    } catch {
      return this.#reportFallback('failed')
    }
  }

  /**
   * Reads from the database and keeps a copy, unless the session was saved or ended in between.
   *
   * @param read reads the record; after an error no copy is kept
   */
  async fill(key: string, read: () => Promise<StoredRecord | undefined>): Promise<StoredRecord | undefined> {
    const lease = await this.#lease(key)
    return lease === 'taken' || lease === 'unsure' ? await read() : await this.#runWithLease(lease, key, read)
  }

  /**
   * Like {@link fill}, but returns `taken`, with nothing done, if there is a copy. A lease of another process is replaced:
   * that process then keeps no copy, and the lease of one that died does not block the session.
   */
  async claim(key: string, work: () => Promise<StoredRecord | undefined>): Promise<StoredRecord | undefined | 'taken'> {
    const free = await this.#lease(key)
    const lease = free === 'taken' ? await this.#takeOver(key) : free
    if (lease === 'taken') return lease
    if (lease !== 'unsure') return await this.#runWithLease(lease, key, work)
    try {
      return await work()
    } finally {
      await this.forget(key)
    }
  }

  /** Makes a copy if there is none; returns whether it did. */
  async add(key: string, read: () => Promise<StoredRecord | undefined>): Promise<boolean> {
    const lease = await this.#lease(key)
    if (lease === 'taken' || lease === 'unsure') return false
    return (await this.#runWithLease(lease, key, read)) !== undefined
  }

  /** Returns the copy, which may be ahead of the database; undefined if there is none or the cache is down. Never throws. */
  async peek(key: string): Promise<StoredRecord | undefined> {
    if (this.#isUnsure(key)) return undefined
    const entry = await this.#cache.get(this.#prefix + key).catch(() => undefined)
    return isCopy(entry) ? this.#read(entry) : undefined
  }

  /** Replaces the copy that was read by a record; `unsure` if the cache is down or the copy unsure. Never throws. */
  async swap(key: string, before: Version, record: StoredRecord): Promise<Outcome | 'unsure'> {
    return await this.#swap(key, before, this.#entry(record))
  }

  /** Replaces the copy that was read by an entry that prevents saves. Never throws. */
  async block(key: string, before: Version): Promise<Outcome | 'unsure'> {
    return await this.#swap(key, before, this.#newLease(BLOCK))
  }

  /** Replaces the copy on which a save was based by the saved record; removes any other entry. Never throws. */
  async replace(key: string, before: Version, record: StoredRecord): Promise<void> {
    if (this.#isUnsure(key)) return this.#markUnsure(key)
    // A counter never repeats, but Django's text may, so that a late swap would succeed wrongly.
    if (typeof before !== 'number') return await this.forget(key)
    try {
      const outcome = await this.#cache.swap(this.#prefix + key, cacheVersion(before), this.#entry(record))
      this.#observe({ type: 'cache', outcome: 'written' })
      // Any other entry is removed: only a reader with a lease knows that there is no newer state.
      if (outcome === 'conflict') await this.#cache.delete(this.#prefix + key)
    } catch {
      this.#observe({ type: 'cache', outcome: 'write-failed' })
      this.#markUnsure(key)
    }
  }

  /** Removes the copy, now or as soon as the cache answers; with a version, only that version. Never throws. */
  async forget(key: string, version?: Version): Promise<void> {
    if (this.#isUnsure(key)) return this.#markUnsure(key)
    try {
      await this.#cache.delete(this.#prefix + key, version === undefined ? undefined : cacheVersion(version))
    } catch {
      this.#markUnsure(key)
    }
  }

  /** Removes copies that could not be removed before; returns how many are left. */
  async removeUnsure(): Promise<number> {
    clearTimeout(this.#retry)
    this.#retry = undefined
    try {
      for (const [key, mark] of this.#unsure) {
        await this.#cache.delete(this.#prefix + key)
        // Kept if it became unsure again meanwhile: an older state may have been filled after the delete.
        if (this.#unsure.get(key) === mark) this.#unsure.delete(key)
      }
    } catch {
      // The cache is still down.
    }
    if (this.#unsure.size > 0) this.#scheduleRemoval()
    return this.#unsure.size
  }

  async close(): Promise<void> {
    await this.removeUnsure()
    this.#closed = true
    clearTimeout(this.#retry)
    await this.#cache.close()
  }

  async #swap(key: string, before: Version, entry: CacheEntry): Promise<Outcome | 'unsure'> {
    if (this.#isUnsure(key)) return 'unsure'
    try {
      const outcome = await this.#cache.swap(this.#prefix + key, cacheVersion(before), entry)
      if (outcome === 'done') this.#observe({ type: 'cache', outcome: 'written' })
      return outcome
    } catch {
      this.#observe({ type: 'cache', outcome: 'write-failed' })
      this.#markUnsure(key)
      return 'unsure'
    }
  }

  async #lease(key: string): Promise<Lease | 'taken' | 'unsure'> {
    if (this.#isUnsure(key)) return 'unsure'
    const lease = this.#newLease()
    try {
      return (await this.#cache.add(this.#prefix + key, lease)) ? lease : 'taken'
    } catch {
      // If it was executed all the same, the lease expires unused.
      return 'unsure'
    }
  }

  async #takeOver(key: string): Promise<Lease | 'taken' | 'unsure'> {
    const lease = this.#newLease()
    try {
      const version = (await this.#cache.get(this.#prefix + key))?.version
      if (!version?.startsWith(LEASE)) return 'taken'
      return (await this.#cache.swap(this.#prefix + key, version, lease)) === 'done' ? lease : 'taken'
    } catch {
      return 'unsure'
    }
  }

  #newLease(kind = LEASE): Lease {
    const version = kind + randomBytes(9).toString('base64url')
    return { version, expires: this.#now() + LEASE_MS, body: Buffer.alloc(0) }
  }

  async #runWithLease(lease: Lease, key: string, work: () => Promise<StoredRecord | undefined>) {
    try {
      const record = await work()
      await this.#completeLease(key, lease.version, record)
      return record
    } catch (error) {
      await this.#completeLease(key, lease.version, undefined)
      throw error
    }
  }

  async #completeLease(key: string, lease: string, record: StoredRecord | undefined): Promise<void> {
    try {
      if (record === undefined) await this.#cache.delete(this.#prefix + key, lease)
      else {
        const outcome = await this.#cache.swap(this.#prefix + key, lease, this.#entry(record))
        if (outcome === 'done') this.#observe({ type: 'cache', outcome: 'filled' })
      }
    } catch {
      // The lease expires by itself, and a late swap is still valid as long as the lease is.
      this.#observe({ type: 'cache', outcome: 'write-failed' })
    }
  }

  #entry(stored: StoredRecord): CacheEntry {
    const { version, expires, ...record } = stored
    return {
      version: cacheVersion(version),
      expires: Math.min(expires, this.#now() + this.#timeout),
      body: encodeBody({ record: { ...record }, version, expires }, this.#compression),
    }
  }

  #read({ version, expires, body }: CacheEntry): StoredRecord | undefined {
    const decoded = decodeBody(body, this.#compression)
    if (decoded === undefined || decoded.version === null || decoded.expires <= this.#now()) return undefined
    // Damaged outside the checksum of the body.
    if (cacheVersion(decoded.version) !== version || expires > decoded.expires) return undefined
    return { ...decoded.record, version: decoded.version, expires: decoded.expires }
  }

  #reportFallback(outcome: 'stale' | 'failed'): 'unsure' {
    this.#observe({ type: 'cache', outcome })
    this.#observe({ type: 'fallback' })
    return 'unsure'
  }

  #isUnsure(key: string): boolean {
    return this.#unsure.has(key) || this.#bypassUntil > this.#now()
  }

  #markUnsure(key: string): void {
    if (this.#unsure.size >= MAX_UNSURE_KEYS && !this.#unsure.has(key)) this.#bypassUntil = this.#now() + this.#timeout
    else this.#unsure.set(key, Symbol('doubt'))
    this.#scheduleRemoval()
  }

  #scheduleRemoval(): void {
    if (this.#closed) return
    this.#retry ??= setTimeout(() => void this.removeUnsure(), RETRY_DELAY_MS).unref()
  }
}

function isCopy(entry: CacheEntry | undefined): entry is CacheEntry {
  return entry !== undefined && !entry.version.startsWith(LEASE) && !entry.version.startsWith(BLOCK)
}

/** A version in the form of a cache entry's: Django's is the whole text, so it is hashed. */
function cacheVersion(version: Version): string {
  return typeof version === 'number' ? String(version) : hash('sha256', version, 'base64url').slice(0, 20)
}
