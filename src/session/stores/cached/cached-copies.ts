import { hash, randomBytes } from 'node:crypto'
import type { Cache, CacheEntry } from '../../caches/cache.ts'
import type { Compression } from '../../caches/compression.ts'
import type { Observer } from '../../core/events.ts'
import type { Outcome } from '../../core/outcome.ts'
import { cachePrefix } from '../cache.ts'
import { decodeBody, encodeBody } from '../record-body.ts'
import type { StoredRecord, Version } from '../store.ts'

/** What {@link CachedCopies} is made of. */
export interface CachedCopiesOptions {
  readonly cache: Cache
  readonly prefix?: string
  readonly generation?: number
  readonly compression?: Compression
  /** Most seconds that a copy is believed without asking the database; 3600 by default. */
  readonly timeout?: number
  readonly observe?: Observer
  /** Milliseconds since 1970. */
  readonly now?: () => number
}

type Lease = CacheEntry

/** A promise to fill: it holds as long as nobody else has written or deleted the entry. */
const LEASE = 'lease-'
/** Stands where a session is about to end, so that nobody saves there. */
const BLOCK = 'block-'
const LEASE_TIME = 10_000
const RETRY = 1000
// Beyond these, single keys are no longer remembered: the cache is passed by until every old copy has expired.
const MOST_UNSURE = 10_000

/**
 * Copies of a database's records in a cache, none of which is older than what this process knows.
 *
 * A copy is filled under a lease that is taken before the database is read: whoever saves or ends the session
 * meanwhile breaks it, so a slow reader cannot bring an old state back. A copy that could not be removed is remembered as
 * unsure, passed by, and removed as soon as the cache answers.
 */
export class CachedCopies {
  readonly #cache: Cache
  readonly #prefix: string
  readonly #compression: Compression | undefined
  readonly #timeout: number
  readonly #observe: Observer
  readonly #now: () => number
  /** By key, what tells the latest doubt from those before. */
  readonly #unsure = new Map<string, symbol>()
  #passByUntil = 0
  #retry: NodeJS.Timeout | undefined
  #closed = false

  constructor(options: CachedCopiesOptions) {
    this.#cache = options.cache
    // Not the keys of sessions that live in a cache alone: a copy must never be taken for one.
    this.#prefix = `${cachePrefix(options.prefix ?? 'session', options.generation ?? 1)}copy:`
    this.#compression = options.compression
    this.#timeout = (options.timeout ?? 3600) * 1000
    this.#observe = options.observe ?? (() => {})
    this.#now = options.now ?? Date.now
  }

  /** The copy; `miss` when there is none; `unsure` when the cache cannot be asked or believed. Never throws. */
  async get(key: string): Promise<StoredRecord | 'miss' | 'unsure'> {
    if (this.#distrusts(key)) return this.#fallenBack('stale')
    try {
      const entry = await this.#cache.get(this.#prefix + key)
      // Somebody may have become unsure of it while it was under way.
      if (this.#distrusts(key)) return this.#fallenBack('stale')
      const copy = isCopy(entry) ? this.#read(entry) : undefined
      this.#observe({ type: 'cache', outcome: copy === undefined ? 'miss' : 'hit' })
      if (isCopy(entry) && copy === undefined) await this.forget(key)
      return copy ?? 'miss'
    } catch {
      return this.#fallenBack('failed')
    }
  }

  /**
   * Reads from the database, and keeps a copy if nobody has written or ended the session in between.
   *
   * @param read throws what it likes; then nothing is kept
   */
  async fill(key: string, read: () => Promise<StoredRecord | undefined>): Promise<StoredRecord | undefined> {
    const lease = await this.#lease(key)
    return lease === 'taken' || lease === 'unsure' ? await read() : await this.#under(lease, key, read)
  }

  /**
   * As {@link fill}, but `taken` and nothing done where a copy stands. A lease is taken over: its holder keeps no copy
   * then, and one that nobody will fulfil must not keep others from the session.
   */
  async claim(key: string, work: () => Promise<StoredRecord | undefined>): Promise<StoredRecord | undefined | 'taken'> {
    const free = await this.#lease(key)
    const lease = free === 'taken' ? await this.#takeOver(key) : free
    if (lease === 'taken') return lease
    if (lease !== 'unsure') return await this.#under(lease, key, work)
    try {
      return await work()
    } finally {
      await this.forget(key)
    }
  }

  /** Makes a copy where there is none; answers whether it did, without reading where it cannot. */
  async add(key: string, read: () => Promise<StoredRecord | undefined>): Promise<boolean> {
    const lease = await this.#lease(key)
    if (lease === 'taken' || lease === 'unsure') return false
    return (await this.#under(lease, key, read)) !== undefined
  }

  /** What the cache holds, however far ahead of the database; undefined also when it cannot be asked. Never throws. */
  async peek(key: string): Promise<StoredRecord | undefined> {
    if (this.#distrusts(key)) return undefined
    const entry = await this.#cache.get(this.#prefix + key).catch(() => undefined)
    return isCopy(entry) ? this.#read(entry) : undefined
  }

  /** Puts a record over exactly the copy that was read; `unsure` when the cache cannot be asked or believed. Never throws. */
  async swap(key: string, before: Version, record: StoredRecord): Promise<Outcome | 'unsure'> {
    return await this.#swap(key, before, this.#entry(record))
  }

  /** Puts what keeps others from saving over exactly the copy that was read. Never throws. */
  async block(key: string, before: Version): Promise<Outcome | 'unsure'> {
    return await this.#swap(key, before, this.#newLease(BLOCK))
  }

  /** Puts a saved record in the place of the copy that it was based on; whatever else is there goes. Never throws. */
  async replace(key: string, before: Version, record: StoredRecord): Promise<void> {
    if (this.#distrusts(key)) return this.#doubt(key)
    // A counter never comes to the same number again, but Django's text may, and a late swap would not notice.
    if (typeof before !== 'number') return await this.forget(key)
    try {
      const outcome = await this.#cache.swap(this.#prefix + key, tag(before), this.#entry(record))
      this.#observe({ type: 'cache', outcome: 'written' })
      // Nothing there is left as it is: only a reader who holds a lease knows that nobody has been faster.
      if (outcome === 'conflict') await this.#cache.delete(this.#prefix + key)
    } catch {
      this.#observe({ type: 'cache', outcome: 'write-failed' })
      this.#doubt(key)
    }
  }

  /** Removes the copy, now or as soon as the cache answers. With a version: only the copy of that one. Never throws. */
  async forget(key: string, version?: Version): Promise<void> {
    if (this.#distrusts(key)) return this.#doubt(key)
    try {
      await this.#cache.delete(this.#prefix + key, version === undefined ? undefined : tag(version))
    } catch {
      this.#doubt(key)
    }
  }

  /** Removes what could not be removed before; answers how many are left. */
  async settle(): Promise<number> {
    clearTimeout(this.#retry)
    this.#retry = undefined
    try {
      for (const [key, doubt] of this.#unsure) {
        await this.#cache.delete(this.#prefix + key)
        // Doubted anew meanwhile: an older state may have been filled between the delete and that.
        if (this.#unsure.get(key) === doubt) this.#unsure.delete(key)
      }
    } catch {
      // The cache is still down.
    }
    if (this.#unsure.size > 0) this.#settleLater()
    return this.#unsure.size
  }

  async close(): Promise<void> {
    await this.settle()
    this.#closed = true
    clearTimeout(this.#retry)
    await this.#cache.close()
  }

  async #swap(key: string, before: Version, entry: CacheEntry): Promise<Outcome | 'unsure'> {
    if (this.#distrusts(key)) return 'unsure'
    try {
      const outcome = await this.#cache.swap(this.#prefix + key, tag(before), entry)
      if (outcome === 'done') this.#observe({ type: 'cache', outcome: 'written' })
      return outcome
    } catch {
      this.#observe({ type: 'cache', outcome: 'write-failed' })
      this.#doubt(key)
      return 'unsure'
    }
  }

  async #lease(key: string): Promise<Lease | 'taken' | 'unsure'> {
    if (this.#distrusts(key)) return 'unsure'
    const lease = this.#newLease()
    try {
      return (await this.#cache.add(this.#prefix + key, lease)) ? lease : 'taken'
    } catch {
      // If it has been carried out all the same, nobody fulfils it.
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
    return { version, expires: this.#now() + LEASE_TIME, body: Buffer.alloc(0) }
  }

  async #under(lease: Lease, key: string, work: () => Promise<StoredRecord | undefined>) {
    try {
      const record = await work()
      await this.#fulfil(key, lease.version, record)
      return record
    } catch (error) {
      await this.#fulfil(key, lease.version, undefined)
      throw error
    }
  }

  async #fulfil(key: string, lease: string, record: StoredRecord | undefined): Promise<void> {
    try {
      if (record === undefined) await this.#cache.delete(this.#prefix + key, lease)
      else {
        const outcome = await this.#cache.swap(this.#prefix + key, lease, this.#entry(record))
        if (outcome === 'done') this.#observe({ type: 'cache', outcome: 'filled' })
      }
    } catch {
      // The lease expires by itself, and if the swap does arrive late it is still as good as the lease.
      this.#observe({ type: 'cache', outcome: 'write-failed' })
    }
  }

  #entry(stored: StoredRecord): CacheEntry {
    const { version, expires, ...record } = stored
    return {
      version: tag(version),
      expires: Math.min(expires, this.#now() + this.#timeout),
      body: encodeBody({ record: { ...record }, version, expires }, this.#compression),
    }
  }

  #read({ body }: CacheEntry): StoredRecord | undefined {
    const decoded = decodeBody(body, this.#compression)
    if (decoded === undefined || decoded.version === null || decoded.expires <= this.#now()) return undefined
    return { ...decoded.record, version: decoded.version, expires: decoded.expires }
  }

  #fallenBack(outcome: 'stale' | 'failed'): 'unsure' {
    this.#observe({ type: 'cache', outcome })
    this.#observe({ type: 'fallback' })
    return 'unsure'
  }

  #distrusts(key: string): boolean {
    return this.#unsure.has(key) || this.#passByUntil > this.#now()
  }

  #doubt(key: string): void {
    if (this.#unsure.size >= MOST_UNSURE && !this.#unsure.has(key)) this.#passByUntil = this.#now() + this.#timeout
    else this.#unsure.set(key, Symbol('doubt'))
    this.#settleLater()
  }

  #settleLater(): void {
    if (this.#closed) return
    this.#retry ??= setTimeout(() => void this.settle(), RETRY).unref()
  }
}

function isCopy(entry: CacheEntry | undefined): entry is CacheEntry {
  return entry !== undefined && !entry.version.startsWith(LEASE) && !entry.version.startsWith(BLOCK)
}

/** A version as a cache can bear it: Django's is the whole text. */
function tag(version: Version): string {
  return typeof version === 'number' ? String(version) : hash('sha256', version, 'base64url').slice(0, 20)
}
