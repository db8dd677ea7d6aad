import { hash, randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Cache, CacheEntry } from '../../caches/cache.ts'
import type { Compression } from '../../caches/compression.ts'
import { SessionTooLargeError, StoreUnavailableError } from '../../core/errors.ts'
import type { Observer } from '../../core/events.ts'
import type { Outcome } from '../../core/outcome.ts'
import { cachePrefix } from '../cache.ts'
import { decodeBody, encodeBody } from '../record-body.ts'
import type { EpochStore, StoredRecord, Version } from '../store.ts'
import { CopyEpoch, type CurrentEpoch } from './copy-epoch.ts'

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

/** An entry that reserves the right to fill, until another process writes or deletes it. */
interface Lease {
  readonly name: string
  readonly version: string
}

const LEASE = 'lease-'
/** An entry that keeps out every copy while a session is being ended. */
const BLOCK = 'block-'
const LEASE_MS = 10_000

/**
 * Copies of a database's records in a cache, none of which is used once its record was ended.
 *
 * A copy is filled under a lease that is taken before the database is read. Saving or ending the session breaks the
 * lease, so a slow reader cannot restore an old state. A change that the cache does not confirm ends the epoch of all
 * copies.
 */
export class CachedCopies {
  readonly #cache: Cache
  readonly #epoch: CopyEpoch
  readonly #prefix: string
  readonly #compression: Compression | undefined
  readonly #timeout: number
  readonly #observe: Observer
  readonly #now: () => number

  constructor(options: CachedCopiesOptions & { readonly epochs: EpochStore }) {
    this.#cache = options.cache
    // Other keys than those of CacheStore: a copy must never be taken for a session.
    this.#prefix = `${cachePrefix(options.prefix ?? 'session', options.generation ?? 1)}copy:`
    this.#compression = options.compression
    this.#timeout = (options.timeout ?? 3600) * 1000
    this.#observe = options.observe ?? (() => {})
    this.#now = options.now ?? Date.now
    const { cache, epochs } = options
    this.#epoch = new CopyEpoch({ epochs, cache, prefix: this.#prefix, observe: this.#observe, now: this.#now })
  }

  /**
   * Returns the copy; `miss` if there is none; `unsure` if no copy may be used.
   *
   * @throws StoreUnavailableError if the database does not answer
   */
  async get(key: string): Promise<StoredRecord | 'miss' | 'unsure'> {
    const current = await this.#epoch.current()
    if (current === undefined) return this.#reportFallback('stale')
    const name = this.#name(current.epoch, key)
    try {
      const entry = await this.#cache.get(name)
      // From the cache that has taken its place.
      if (!current.isValid()) return this.#reportFallback('stale')
      const copy = isCopy(entry) ? this.#read(entry) : undefined
      this.#observe({ type: 'cache', outcome: copy === undefined ? 'miss' : 'hit' })
      if (isCopy(entry) && copy === undefined) await this.#cache.delete(name)
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
    return lease === 'taken' || lease === 'unsure' ? await read() : await this.#runWithLease(lease, read)
  }

  /**
   * Like {@link fill}, but returns `taken`, with nothing done, if there is a copy. A lease of another process is replaced:
   * that process then keeps no copy, and the lease of one that died does not block the session.
   */
  async claim(key: string, work: () => Promise<StoredRecord | undefined>): Promise<StoredRecord | undefined | 'taken'> {
    const free = await this.#lease(key)
    const lease = free === 'taken' ? await this.#takeOver(key) : free
    if (lease === 'taken') return lease
    const result = await this.change(key, work)
    // Who broke the lease may have copied the record as it was.
    if (lease === 'unsure' || !(await this.#completeLease(lease, result))) await this.remove(key)
    return result
  }

  /** Makes a copy if there is none; returns whether it did. */
  async add(key: string, read: () => Promise<StoredRecord | undefined>): Promise<boolean> {
    const lease = await this.#lease(key)
    if (lease === 'taken' || lease === 'unsure') return false
    return (await this.#runWithLease(lease, read)) !== undefined
  }

  /**
   * Returns the copy, which may be ahead of the database; undefined if there is none or none may be used now: another
   * process may have saved the record directly since the epoch was read.
   *
   * @throws StoreUnavailableError if the database does not answer
   */
  async peek(key: string): Promise<StoredRecord | undefined> {
    await this.#epoch.refresh()
    const current = await this.#epoch.current()
    const entry = current && (await this.#cache.get(this.#name(current.epoch, key)).catch(() => undefined))
    return current?.isValid() && isCopy(entry) ? this.#read(entry) : undefined
  }

  /** Replaces the copy that was read by a record; `unsure` if it is unknown whether it did. */
  async swap(key: string, before: Version, record: StoredRecord): Promise<Outcome | 'unsure'> {
    return await this.#swap(key, before, this.#entry(record))
  }

  /** Replaces the copy that was read by an entry that prevents saves; `unsure` if it is unknown whether it did. */
  async block(key: string, before: Version): Promise<Outcome | 'unsure'> {
    return await this.#swap(key, before, this.#reserved(BLOCK))
  }

  /**
   * Replaces the copy on which a save was based by the saved record; removes any other entry.
   *
   * @throws StoreUnavailableError if neither the cache nor the database confirms it
   */
  async replace(key: string, before: Version, record: StoredRecord): Promise<void> {
    // A counter never repeats, but Django's text may, so that a late swap would succeed wrongly.
    if (typeof before !== 'number') return await this.remove(key)
    await this.#settle(async (epoch) => {
      const name = this.#name(epoch, key)
      const outcome = await this.#written(this.#cache.swap(name, cacheVersion(before), this.#entry(record)))
      // Any other entry is removed: only a reader with a lease knows that there is no newer state.
      if (outcome === undefined || outcome === 'conflict') await this.#cache.delete(name)
      else this.#observe({ type: 'cache', outcome: 'written' })
    })
  }

  /** Removes the copy; with a version, only that version. @throws StoreUnavailableError like {@link replace} */
  async remove(key: string, version?: Version): Promise<void> {
    const only = version === undefined ? undefined : cacheVersion(version)
    await this.#settle((epoch) => this.#cache.delete(this.#name(epoch, key), only))
  }

  /**
   * Ends the session's record: no copy is used that began before, whichever process dies or loses the cache meanwhile.
   *
   * @param end changes the record
   * @throws any error of `end`; StoreUnavailableError like {@link replace}
   */
  async end<T>(key: string, end: () => Promise<T>): Promise<T> {
    await this.#epoch.prepare((epoch) => this.#keepOut(this.#name(epoch, key)))
    const result = await this.change(key, end)
    await this.#settle((epoch) => this.#cache.delete(this.#name(epoch, key)))
    await this.#waitForLocalCopies()
    return result
  }

  /** Changes the record; after an error the change may still take effect, so no copy is made for a while. */
  async change<T>(key: string, change: () => Promise<T>): Promise<T> {
    try {
      return await change()
    } catch (error) {
      const { known } = this.#epoch
      if (known !== undefined) await this.#keepOut(this.#name(known, key)).catch(() => {})
      throw error
    }
  }

  /** Resolves when no process uses a copy whose record was ended before the call. @throws StoreUnavailableError */
  async settled(): Promise<void> {
    await this.#epoch.refresh()
    await this.#settle(async () => {})
    await this.#waitForLocalCopies()
  }

  async close(): Promise<void> {
    await this.#cache.close()
  }

  async #waitForLocalCopies(): Promise<void> {
    if (this.#cache.staleFor > 0) await sleep(this.#cache.staleFor)
  }

  async #settle(work: (epoch: string) => Promise<unknown>): Promise<void> {
    const settledAt = await this.#epoch.settle(async (epoch) => {
      try {
        await work(epoch)
      } catch (error) {
        this.#observe({ type: 'cache', outcome: 'write-failed' })
        throw error
      }
    })
    const wait = settledAt - performance.now()
    if (wait > 0) await sleep(Math.ceil(wait))
  }

  /** Removes the copy and reserves its name. */
  async #keepOut(name: string): Promise<void> {
    for (;;) {
      const removed = this.#cache.delete(name)
      const added = this.#written(this.#cache.add(name, this.#reserved(BLOCK)))
      if ((await Promise.all([removed, added]))[1] !== false) return
    }
  }

  /** Returns undefined if the cache refused the write, as a full one does: it may still delete. */
  async #written<T>(write: Promise<T>): Promise<T | undefined> {
    try {
      return await write
    } catch (error) {
      const isRefused = error instanceof StoreUnavailableError ? error.answered : error instanceof SessionTooLargeError
      if (!isRefused) throw error
      this.#observe({ type: 'cache', outcome: 'write-failed' })
      return undefined
    }
  }

  async #swap(key: string, before: Version, entry: CacheEntry): Promise<Outcome | 'unsure'> {
    const current = await this.#epoch.current()
    if (current === undefined) return 'unsure'
    try {
      const outcome = await this.#cache.swap(this.#name(current.epoch, key), cacheVersion(before), entry)
      if (!current.isValid()) return 'unsure'
      if (outcome === 'done') this.#observe({ type: 'cache', outcome: 'written' })
      return outcome
    } catch {
      this.#observe({ type: 'cache', outcome: 'write-failed' })
      return 'unsure'
    }
  }

  async #lease(key: string): Promise<Lease | 'taken' | 'unsure'> {
    const current = await this.#epoch.current()
    if (current === undefined) return 'unsure'
    const entry = this.#reserved(LEASE)
    const lease = { name: this.#name(current.epoch, key), version: entry.version }
    try {
      return (await this.#cache.add(lease.name, entry)) ? this.#unlessMoved(current, lease) : 'taken'
    } catch {
      // If it was executed all the same, the lease expires unused.
      return 'unsure'
    }
  }

  async #takeOver(key: string): Promise<Lease | 'taken' | 'unsure'> {
    const current = await this.#epoch.current()
    if (current === undefined) return 'unsure'
    const entry = this.#reserved(LEASE)
    const lease = { name: this.#name(current.epoch, key), version: entry.version }
    try {
      const version = (await this.#cache.get(lease.name))?.version
      if (!version?.startsWith(LEASE)) return 'taken'
      const outcome = await this.#cache.swap(lease.name, version, entry)
      return outcome === 'done' ? this.#unlessMoved(current, lease) : 'taken'
    } catch {
      return 'unsure'
    }
  }

  #unlessMoved(current: CurrentEpoch, lease: Lease): Lease | 'unsure' {
    return current.isValid() ? lease : 'unsure'
  }

  #reserved(kind: string): CacheEntry {
    const version = kind + randomBytes(9).toString('base64url')
    return { version, expires: this.#now() + LEASE_MS, body: Buffer.alloc(0) }
  }

  async #runWithLease(lease: Lease, work: () => Promise<StoredRecord | undefined>) {
    try {
      const record = await work()
      await this.#completeLease(lease, record)
      return record
    } catch (error) {
      await this.#completeLease(lease, undefined)
      throw error
    }
  }

  /** Returns whether the lease is known to have been valid until now. */
  async #completeLease({ name, version }: Lease, record: StoredRecord | undefined): Promise<boolean> {
    try {
      const outcome = await (record === undefined
        ? this.#cache.delete(name, version)
        : this.#cache.swap(name, version, this.#entry(record)))
      if (outcome === 'done' && record !== undefined) this.#observe({ type: 'cache', outcome: 'filled' })
      return outcome === 'done'
    } catch {
      // The lease expires by itself, and a late swap is still valid as long as the lease is.
      this.#observe({ type: 'cache', outcome: 'write-failed' })
      return false
    }
  }

  #name(epoch: string, key: string): string {
    return `${this.#prefix}${epoch}:${key}`
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
}

function isCopy(entry: CacheEntry | undefined): entry is CacheEntry {
  return entry !== undefined && !entry.version.startsWith(LEASE) && !entry.version.startsWith(BLOCK)
}

/** A version in the form of a cache entry's: Django's is the whole text, so it is hashed. */
function cacheVersion(version: Version): string {
  return typeof version === 'number' ? String(version) : hash('sha256', version, 'base64url').slice(0, 20)
}
