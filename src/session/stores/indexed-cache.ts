import type { UserIndex } from '../caches/cache.ts'
import { CacheStore, type CacheStoreOptions } from './cache.ts'
import { type ClearableStore, type ClearWhich, NotSupportedError, type StoredRecord } from './store.ts'

type Found = { readonly key: string; readonly record: StoredRecord }

/**
 * Keeps sessions in a cache that can list its users, so that sessions of users can be cleared. Those of anonymous visitors
 * are in no list, and expire by themselves, as all do.
 */
export class IndexedCacheStore extends CacheStore implements ClearableStore {
  readonly clearsUsersOnly = true
  readonly #users: Required<UserIndex>
  /** Clears that have begun, so that the next batch goes on where the last one ended. */
  readonly #begun = new WeakMap<ClearWhich, AsyncGenerator<Found>>()

  constructor(options: CacheStoreOptions & { readonly users: Required<UserIndex> }) {
    super(options)
    this.#users = options.users
  }

  async countClearable(which: ClearWhich): Promise<number> {
    // A scan may name a user twice.
    const keys = new Set<string>()
    for await (const { key } of this.#find(which)) keys.add(key)
    return keys.size
  }

  async clearBatch(which: ClearWhich, limit: number): Promise<number> {
    const found = this.#begun.get(which) ?? this.#find(which)
    this.#begun.set(which, found)
    let deleted = 0
    while (deleted < limit) {
      const next = await found.next()
      if (next.done) {
        this.#begun.delete(which)
        break
      }
      const { key, record } = next.value
      // All of a user end; one that was found to be old may have been used since.
      const version = which.kind === 'user' ? undefined : record.version
      if ((await this.delete(key, version)) === 'done') deleted++
    }
    return deleted
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
