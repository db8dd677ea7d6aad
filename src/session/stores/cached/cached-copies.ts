import { setTimeout as sleep } from 'node:timers/promises'
import type { Cache, CacheEntry } from '../../caches/cache.ts'
import { SessionTooLargeError, StoreUnavailableError } from '../../core/errors.ts'
import type { Observer } from '../../core/events.ts'
import type { StoredRecord, Version } from '../store.ts'
import { type CopyEntries, cacheVersion, isBlock, isCopy, isLease } from './copy-entries.ts'
import type { CopyEpoch, ValidEpoch } from './copy-epoch.ts'

/** Options for {@link CachedCopies}. */
export interface CachedCopiesOptions {
  readonly cache: Cache
  readonly epoch: CopyEpoch
  readonly entries: CopyEntries
  readonly observe: Observer
}

// No entry has it.
const NO_VERSION = '-'

/** An entry that reserves the right to fill, until another process writes or deletes it. */
interface Lease {
  readonly name: string
  readonly version: string
}

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
  readonly #entries: CopyEntries
  readonly #observe: Observer

  constructor({ cache, epoch, entries, observe }: CachedCopiesOptions) {
    this.#cache = cache
    this.#epoch = epoch
    this.#entries = entries
    this.#observe = observe
  }

  /**
   * Returns the copy; `miss` if there is none; `unsure` if no copy may be used.
   *
   * @throws StoreUnavailableError if the database does not answer
   */
  async get(key: string): Promise<StoredRecord | 'miss' | 'unsure'> {
    const current = this.#epoch.currentIfKnown() ?? (await this.#epoch.current())
    if (current === undefined) return this.#unsure('stale')
    const name = this.#entries.name(current.epoch, key)
    try {
      const entry = await this.#cache.get(name)
      // From the cache that has taken its place.
      if (!current.isValid()) return this.#unsure('stale')
      const copy = isCopy(entry) ? this.#entries.read(entry) : undefined
      this.#observe({ type: 'cache', outcome: copy === undefined ? 'miss' : 'hit' })
      if (isCopy(entry) && copy === undefined) await this.#cache.delete(name, entry.version)
      return copy ?? 'miss'
    } catch {
      return this.#unsure('failed')
    }
  }

  /**
   * Reads from the database and keeps a copy, unless the session was saved or ended in between.
   *
   * @param read reads the record; after an error no copy is kept
   */
  async fill(key: string, read: () => Promise<StoredRecord | undefined>): Promise<StoredRecord | undefined> {
    const lease = await this.#lease(key)
    return typeof lease === 'string' ? await read() : await this.#runWithLease(lease, read)
  }

  /**
   * Like {@link fill}, but returns `taken`, with nothing read, if there is a copy or none may be made. A lease of another
   * process is replaced: that process then keeps no copy, and the lease of one that died does not block the session.
   */
  async refill(
    key: string,
    read: () => Promise<StoredRecord | undefined>,
  ): Promise<StoredRecord | undefined | 'taken' | 'unsure'> {
    const free = await this.#lease(key)
    const lease = free === 'taken' ? await this.#takeOver(key) : free
    return typeof lease === 'string' ? lease : await this.#runWithLease(lease, read)
  }

  /** Makes a copy if there is none; returns whether it did. */
  async add(key: string, read: () => Promise<StoredRecord | undefined>): Promise<boolean> {
    const lease = await this.#lease(key)
    return typeof lease !== 'string' && (await this.#runWithLease(lease, read)) !== undefined
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
      const name = this.#entries.name(epoch, key)
      const outcome = await this.#written(this.#cache.swap(name, cacheVersion(before), this.#entries.copy(record)))
      if (outcome === 'done') this.#observe({ type: 'cache', outcome: 'written' })
      else await this.#removeEntry(name)
    })
  }

  /** Removes the copy; with a version, only that version. @throws StoreUnavailableError like {@link replace} */
  async remove(key: string, version?: Version): Promise<void> {
    await this.#settle(async (epoch) => {
      const name = this.#entries.name(epoch, key)
      if (version !== undefined) return await this.#cache.delete(name, cacheVersion(version))
      // What this process has read of the entry may be outdated, and no longer be there: any write drops it.
      if (this.#cache.staleFor > 0) await this.#cache.delete(name, NO_VERSION)
      return await this.#removeEntry(name)
    })
  }

  /**
   * Ends the session's record: no copy is used that began before, whichever process dies or loses the cache meanwhile.
   *
   * @param end changes the record
   * @throws any error of `end`; StoreUnavailableError like {@link replace}
   */
  async end<T>(key: string, end: () => Promise<T>): Promise<T> {
    await this.prepareEnd([key])
    const result = await this.change(key, end)
    await this.completeEnd([key])
    return result
  }

  /** Removes the copies of records that will be ended within seconds, and lets none be made. */
  async prepareEnd(keys: readonly string[]): Promise<void> {
    await this.#epoch.prepare((epoch) => Promise.all(keys.map((key) => this.#keepOut(this.#entries.name(epoch, key)))))
  }

  /** Resolves when no process uses a copy of these records, which have ended. @throws StoreUnavailableError */
  async completeEnd(keys: readonly string[]): Promise<void> {
    await this.#settle((epoch) => Promise.all(keys.map((key) => this.#cache.delete(this.#entries.name(epoch, key)))))
    await this.#waitForLocalCopies()
  }

  /** Changes the record; after an error the change may still take effect, so no copy is made for a while. */
  async change<T>(key: string, change: () => Promise<T>): Promise<T> {
    try {
      return await change()
    } catch (error) {
      const { known } = this.#epoch
      if (known !== undefined) await this.#keepOut(this.#entries.name(known, key)).catch(() => {})
      throw error
    }
  }

  /** Resolves when no process uses a copy whose record was ended before the call. @throws StoreUnavailableError */
  async settled(): Promise<void> {
    await this.#epoch.refresh()
    await this.#settle(async () => {})
    await this.#waitForLocalCopies()
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

  /**
   * Removes a copy or a lease: only a reader with a lease of its own knows that there is no newer state. A block stays: its
   * session is being ended, and the process that ends it may die before it has removed what readers copy meanwhile.
   * Only after a write of this name, which drops what this process has read of it before the record was saved.
   */
  async #removeEntry(name: string): Promise<void> {
    const entry = await this.#cache.get(name)
    if (entry !== undefined && isBlock(entry)) return
    // What is missing may have expired by this clock alone, and be a block.
    if (entry === undefined || (await this.#cache.delete(name, entry.version)) === 'conflict') await this.#keepOut(name)
  }

  /** Removes the copy and reserves its name. */
  async #keepOut(name: string): Promise<void> {
    for (;;) {
      const removed = this.#cache.delete(name)
      const added = this.#written(this.#cache.add(name, this.#entries.block()))
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

  async #lease(key: string): Promise<Lease | 'taken' | 'unsure'> {
    return await this.#reserve(key, (name, entry) => this.#cache.add(name, entry))
  }

  async #takeOver(key: string): Promise<Lease | 'taken' | 'unsure'> {
    return await this.#reserve(key, async (name, entry) => {
      const found = await this.#cache.get(name)
      return found !== undefined && isLease(found) && (await this.#cache.swap(name, found.version, entry)) === 'done'
    })
  }

  async #reserve(
    key: string,
    write: (name: string, entry: CacheEntry) => Promise<boolean>,
  ): Promise<Lease | 'taken' | 'unsure'> {
    const current: ValidEpoch | undefined = await this.#epoch.current()
    if (current === undefined) return 'unsure'
    const entry = this.#entries.lease()
    const lease = { name: this.#entries.name(current.epoch, key), version: entry.version }
    try {
      if (!(await write(lease.name, entry))) return 'taken'
      return current.isValid() ? lease : 'unsure'
    } catch {
      // If it was executed all the same, the lease expires unused.
      return 'unsure'
    }
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

  async #completeLease({ name, version }: Lease, record: StoredRecord | undefined): Promise<void> {
    try {
      const outcome = await (record === undefined
        ? this.#cache.delete(name, version)
        : this.#cache.swap(name, version, this.#entries.copy(record)))
      if (outcome === 'done' && record !== undefined) this.#observe({ type: 'cache', outcome: 'filled' })
    } catch {
      // The lease expires by itself, and a late swap is still valid as long as the lease is.
      this.#observe({ type: 'cache', outcome: 'write-failed' })
    }
  }

  #unsure(outcome: 'stale' | 'failed'): 'unsure' {
    this.#observe({ type: 'cache', outcome })
    return 'unsure'
  }
}
