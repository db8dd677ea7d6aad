import type { KeyListing, UserIndex } from '../caches/cache.ts'
import { CacheStore, type CacheStoreOptions, cachePrefix, isValidKey } from './cache.ts'
import { countRecords } from './count-records.ts'
import {
  type ClearableStore,
  type ClearWhich,
  NotSupportedError,
  type StatisticsStore,
  type StoredRecord,
  type StoreStatistics,
} from './store.ts'

type Found = { readonly key: string; readonly record: StoredRecord }

/** Options for {@link IndexedCacheStore}. */
export interface IndexedCacheStoreOptions extends CacheStoreOptions {
  /** Those of the cache. */
  readonly users: Required<UserIndex>
  /** That of the cache. */
  readonly listing: KeyListing
  /** Returns milliseconds since 1970; Date.now by default. */
  readonly now?: () => number
}

const READ_PORTION = 50

/**
 * Keeps sessions in a cache that can list its users and its keys, so that sessions of users can be cleared, and all can be
 * counted. Those of anonymous visitors are in no index, and expire by themselves, as all do.
 */
export class IndexedCacheStore extends CacheStore implements ClearableStore, StatisticsStore {
  readonly clearsUsersOnly = true
  readonly countsByReading = true
  readonly #users: Required<UserIndex>
  readonly #listing: KeyListing
  readonly #prefix: string
  readonly #now: () => number
  /** Clears that have begun, so that the next batch goes on where the last one ended. */
  readonly #begun = new WeakMap<ClearWhich, AsyncGenerator<Found>>()

  /** @throws RangeError for an invalid prefix */
  constructor(options: IndexedCacheStoreOptions) {
    super(options)
    this.#users = options.users
    this.#listing = options.listing
    this.#prefix = cachePrefix(options.prefix ?? 'session', options.generation ?? 1)
    this.#now = options.now ?? Date.now
  }

  /** Reads all records: one scan finds those of users and of anonymous visitors. */
  async statistics(prefix?: string): Promise<StoreStatistics> {
    return await countRecords(this.#records(), this.#now(), true, prefix)
  }

  async countClearable(which: ClearWhich): Promise<number> {
    // A scan may name a user twice.
    const keys = new Set<string>()
    for await (const { key } of this.#find(which)) keys.add(key)
    return keys.size
  }

  async clearBatch(which: ClearWhich, limit: number): Promise<number> {
    const found = this.#begun.get(which) ?? this.#find(which)
    // One that has thrown would say that nothing is left.
    this.#begun.delete(which)
    let deleted = 0
    while (deleted < limit) {
      const next = await found.next()
      if (next.done) return deleted
      const { key, record } = next.value
      // All of a user end; one that was found to be old may have been used since.
      const version = which.kind === 'user' ? undefined : record.version
      if ((await this.delete(key, version)) === 'done') deleted++
    }
    this.#begun.set(which, found)
    return deleted
  }

  async *#records(): AsyncGenerator<{ record: StoredRecord }> {
    // A scan may name a key twice.
    const seen = new Set<string>()
    for await (const names of this.#listing.keys(this.#prefix)) {
      const keys = names
        .map((name) => name.slice(this.#prefix.length))
        // The user index has other keys.
        .filter((key) => isValidKey(key) && !seen.has(key) && seen.add(key))
      while (keys.length > 0) {
        for (const record of await Promise.all(keys.splice(0, READ_PORTION).map((key) => this.load(key)))) {
          // What cannot be read is no session.
          if (record !== undefined && record.data !== '') yield { record }
        }
      }
    }
  }

  async *#find(which: ClearWhich): AsyncGenerator<Found> {
    if (which.kind === 'expired') return
    if (which.kind === 'orphaned') throw new NotSupportedError('A cache does not know which users were deleted.')
    if (which.kind === 'user') {
      yield* this.#ofUser(which.userId)
      return
    }
    const time = which.kind === 'created' ? 'createdAt' : 'lastActivity'
    for await (const userIds of this.#users.all()) {
      for (const userId of userIds) {
        for await (const found of this.#ofUser(userId)) if (found.record[time] < which.before) yield found
      }
    }
  }

  /** Repeated until there is nothing new: a session whose key changes meanwhile has another record. */
  async *#ofUser(userId: string): AsyncGenerator<Found> {
    const seen = new Set<string>()
    for (;;) {
      const keys = (await this.#users.keys(userId)).filter((key) => !seen.has(key))
      if (keys.length === 0) return
      for (const key of keys) {
        seen.add(key)
        const record = await this.load(key)
        if (record?.userId === userId) yield { key, record }
      }
    }
  }
}
