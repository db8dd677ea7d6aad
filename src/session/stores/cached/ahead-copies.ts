import type { AheadEntry, AheadIndex, Cache } from '../../caches/cache.ts'
import { StoreUnavailableError } from '../../core/errors.ts'
import type { Observer } from '../../core/events.ts'
import type { Outcome } from '../../core/outcome.ts'
import type { StoredRecord, Version } from '../store.ts'
import { type CopyEntries, cacheVersion, isCopy } from './copy-entries.ts'
import type { ValidEpoch } from './copy-epoch.ts'

/** Options for {@link AheadCopies}. */
export interface AheadCopiesOptions {
  /** With an index of the entries that are ahead of a database. */
  readonly cache: Cache
  readonly entries: CopyEntries
  readonly observe: Observer
}

/** A state of a record that the database does not have yet. */
export interface Ahead {
  /** Of its copy. */
  readonly name: string
  readonly key: string
  /** Of its copy. */
  readonly epoch: string
  /** The versions that the database may have. */
  readonly from: readonly number[]
  readonly version: number
  /** Undefined if the cache has lost it. */
  readonly record: StoredRecord | undefined
}

/** Copies that are ahead of the database. Every method throws StoreUnavailableError when the cache does not answer. */
export class AheadCopies {
  readonly #cache: Cache
  readonly #index: AheadIndex
  readonly #entries: CopyEntries
  readonly #observe: Observer

  /** @throws TypeError for a cache without such an index */
  constructor({ cache, entries, observe }: AheadCopiesOptions) {
    const index = cache.ahead?.(entries.aheadIndex)
    if (index === undefined) throw new TypeError('write_behind needs a cache on one Redis server')
    this.#cache = cache
    this.#index = index
    this.#entries = entries
    this.#observe = observe
  }

  /** Replaces the copy that was read by a newer record; returns also when that copy would have expired. */
  async swap(
    { epoch }: ValidEpoch,
    key: string,
    before: Version,
    record: StoredRecord & { readonly version: number },
  ): Promise<{ outcome: 'done'; ahead: Ahead; expires: number } | { outcome: 'missing' | 'conflict' }> {
    const name = this.#entries.name(epoch, key)
    const result = await this.#index.swap(name, cacheVersion(before), this.#entries.ahead(record))
    if (result.outcome !== 'done') return result
    this.#observe({ type: 'cache', outcome: 'written' })
    const ahead = { name, key, epoch, from: result.from.map(Number), version: record.version, record }
    return { outcome: 'done', ahead, expires: result.expires }
  }

  /** Replaces the copy that was read by an entry that keeps out others for a while; a full cache can only remove it. */
  async block({ epoch }: ValidEpoch, key: string, before: Version): Promise<Outcome> {
    const [name, version] = [this.#entries.name(epoch, key), cacheVersion(before)]
    try {
      return await this.#cache.swap(name, version, this.#entries.block())
    } catch (error) {
      if (!(error instanceof StoreUnavailableError && error.answered)) throw error
      return await this.#cache.delete(name, version)
    }
  }

  /** Moves the expiry of a copy that is not ahead. */
  async touch({ epoch }: ValidEpoch, key: string, version: Version, times: { expires: number; lastActivity: number }) {
    const name = this.#entries.name(epoch, key)
    const entry = await this.#cache.get(name)
    const copy = isCopy(entry) ? this.#entries.read(entry) : undefined
    if (copy?.version !== version) return
    const touched = { ...copy, expires: times.expires, lastActivity: times.lastActivity }
    await this.#cache.swap(name, cacheVersion(version), this.#entries.copy(touched))
  }

  /** Removes the copy if it has this version. */
  async remove({ epoch }: ValidEpoch, key: string, version: Version): Promise<void> {
    await this.#cache.delete(this.#entries.name(epoch, key), cacheVersion(version))
  }

  /** Returns the newest state that the database may not have. */
  async find({ epoch }: { readonly epoch: string }, key: string): Promise<Ahead | undefined> {
    const found = await this.#index.find(this.#entries.name(epoch, key))
    return found && this.#read(found)
  }

  /** Returns copies that have been ahead for at least so many milliseconds. */
  async list(minAge: number, limit: number): Promise<Ahead[]> {
    return (await this.#index.list(minAge, limit)).map((found) => this.#read(found))
  }

  /** Notes that the database has this state. */
  async written({ name, version }: Ahead): Promise<void> {
    await this.#index.written(name, cacheVersion(version), this.#entries.timeout)
  }

  /** Forgets a state that the database will not get. */
  async drop({ name, version }: Ahead): Promise<void> {
    await this.#cache.delete(name, cacheVersion(version))
    await this.#index.drop(name, cacheVersion(version))
  }

  #read({ key: name, from, version, entry }: AheadEntry): Ahead {
    const record = entry && this.#entries.read(entry)
    return { ...this.#entries.parse(name), name, from: from.map(Number), version: Number(version), record }
  }
}
