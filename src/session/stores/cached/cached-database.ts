import type { Cache } from '../../caches/cache.ts'
import { StoreUnavailableError } from '../../core/errors.ts'
import type { Observer } from '../../core/events.ts'
import type { Outcome } from '../../core/outcome.ts'
import { retry } from '../../core/retry.ts'
import { isValidKey } from '../cache.ts'
import {
  type ClearableStore,
  type ClearWhich,
  type CopiedStore,
  canClear,
  hasStatistics,
  knowsRecent,
  knowsUsers,
  NotSupportedError,
  type SaveOutcome,
  type SessionRecord,
  type SessionStore,
  type StatisticsStore,
  type StoredRecord,
  type StoreStatistics,
  type UserSession,
  type UserSessionStore,
  type Version,
  type WarmWhich,
} from '../store.ts'
import { AheadCopies } from './ahead-copies.ts'
import { CachedCopies } from './cached-copies.ts'
import { CopyEntries, type CopyEntriesOptions } from './copy-entries.ts'
import { CopyEpoch } from './copy-epoch.ts'
import { WriteBehind } from './write-behind.ts'
import { WriteThrough } from './write-through.ts'

/** Options for a cache in front of a database. */
export interface CopiesOptions extends CopyEntriesOptions {
  readonly cache: Cache
  readonly observe?: Observer
}

/** Options for {@link CachedStore}. */
export interface CachedStoreOptions extends CopiesOptions {
  /** The authoritative store, usually a database. */
  readonly database: CopiedStore
  /**
   * What a save does: `write_through` (default) saves to the database and replaces the copy, `cache_aside` removes it, and
   * `write_behind` saves to the cache, and to the database a moment later.
   */
  readonly strategy?: 'write_through' | 'cache_aside' | 'write_behind'
  /** write_behind: milliseconds after which a change is written to the database; 100 by default. */
  readonly delay?: number
  /** write_behind: maximum number of sessions with unwritten changes in this process; 1000 by default. */
  readonly maxWaiting?: number
}

/** How records are read and changed. Keys are valid. */
export interface SaveStrategy {
  load(key: string): Promise<StoredRecord | undefined>
  create(key: string, record: SessionRecord): Promise<Version>
  save(key: string, version: Version, record: SessionRecord): Promise<SaveOutcome>
  touch(key: string, version: Version, times: { expires: number; lastActivity: number }): Promise<Outcome>
  delete(key: string, version?: Version): Promise<Outcome>
  /** Writes all changes to the database that any process has accepted before the call; throws if some could not be. */
  writeAll?(): Promise<void>
  /** Writes this process' changes to the database; returns how many failed. */
  flush?(): Promise<number>
  close?(): Promise<void>
}

const CONCURRENCY = 16

/**
 * A database with a cache in front of it. Sessions begin and end in the database, and it says which copies are valid.
 * Without the database every call throws.
 */
export class CachedStore implements SessionStore, ClearableStore, UserSessionStore, StatisticsStore {
  readonly name = 'cached_db'
  readonly #database: CopiedStore
  readonly #cache: Cache
  readonly #epoch: CopyEpoch
  readonly #copies: CachedCopies
  readonly #strategy: SaveStrategy

  /** @throws RangeError for an invalid prefix; TypeError for write_behind on a cache that cannot index such entries */
  constructor(options: CachedStoreOptions) {
    const { database, cache, strategy = 'write_through', observe = () => {}, now = Date.now } = options
    const { delay, maxWaiting } = options
    const entries = new CopyEntries(options)
    const epoch = new CopyEpoch({
      epochs: database.epochs,
      cache,
      prefix: entries.prefix,
      kind: strategy === 'write_behind' ? 'ahead' : 'copies',
      beforeClaim: async () => await this.#strategy.writeAll?.(),
      observe,
      now,
    })
    const copies = new CachedCopies({ cache, epoch, entries, observe })
    this.#database = database
    this.#cache = cache
    this.#epoch = epoch
    this.#copies = copies
    if (strategy === 'write_behind') {
      const ahead = new AheadCopies({ cache, entries, observe })
      this.#strategy = new WriteBehind({ database, copies, ahead, epoch, observe, now, delay, maxWaiting })
    } else {
      this.#strategy = new WriteThrough({ database, copies, removeOnSave: strategy === 'cache_aside', observe })
    }
  }

  async load(key: string): Promise<StoredRecord | undefined> {
    return isValidKey(key) ? await this.#strategy.load(key) : undefined
  }

  async create(key: string, record: SessionRecord): Promise<Version> {
    return await (isValidKey(key) ? this.#strategy : this.#database).create(key, record)
  }

  async save(key: string, version: Version, record: SessionRecord): Promise<SaveOutcome> {
    return isValidKey(key) ? await this.#strategy.save(key, version, record) : { outcome: 'missing' }
  }

  async touch(key: string, version: Version, times: { expires: number; lastActivity: number }): Promise<Outcome> {
    return isValidKey(key) ? await this.#strategy.touch(key, version, times) : 'missing'
  }

  async delete(key: string, version?: Version): Promise<Outcome> {
    return isValidKey(key) ? await this.#strategy.delete(key, version) : 'missing'
  }

  async countClearable(which: ClearWhich): Promise<number> {
    return await this.#clearable().countClearable(which)
  }

  async clearBatch(which: ClearWhich, limit: number): Promise<number> {
    await this.#writeAll()
    // Copies of expired sessions have expired as well; all others must be removed.
    if (which.kind === 'expired') return await this.#clearable().clearBatch(which, limit)
    const ended = which.kind === 'user' ? await this.endByUser(which.userId) : 0
    const cleared: string[] = []
    const count = await this.#clearable().clearBatch(which, limit, async (keys) => {
      cleared.push(...keys.filter(isValidKey))
      await this.#copies.prepareEnd(cleared)
    })
    if (cleared.length > 0) await this.#copies.completeEnd(cleared)
    return ended + count
  }

  async listByUser(userId: string): Promise<UserSession[]> {
    await this.#writeAll()
    return await this.#withUsers().listByUser(userId)
  }

  // One by one, so that a session created after the list was read does not lose its row but keep its copy.
  async endByUser(userId: string, exceptId?: string): Promise<number> {
    let ended = 0
    await retry(async () => {
      const sessions = (await this.listByUser(userId)).filter(({ id }) => id !== exceptId)
      const outcomes = await Promise.all(sessions.map(({ key }) => this.delete(key)))
      ended += outcomes.filter((outcome) => outcome === 'done').length
      return sessions.length === 0 || undefined
    })
    // Another process may have ended one of them a moment ago.
    await this.#copies.settled()
    return ended
  }

  async statistics(prefix?: string): Promise<StoreStatistics> {
    if (!hasStatistics(this.#database)) throw new NotSupportedError('The storage behind the cache cannot be counted.')
    return await this.#database.statistics(prefix)
  }

  /**
   * Fills the cache before the first requests; returns the number of copies made. Safe while it is in use.
   *
   * @param limit maximum number of sessions that are read, latest activity first; 10,000 by default
   * @throws NotSupportedError if the database does not know the activity of its sessions
   */
  async warm({ where = () => true, ...which }: WarmWhich, limit = 10_000): Promise<number> {
    if (!knowsRecent(this.#database))
      throw new NotSupportedError('The storage behind the cache does not know which sessions were active.')
    const keys = await this.#database.recentKeys(which, limit)
    const read = async (key: string) => {
      const record = await this.#database.load(key)
      return record !== undefined && where(record) ? record : undefined
    }
    await this.#epoch.waitForCache()
    let filled = 0
    while (keys.length > 0) {
      const batch = keys.splice(0, CONCURRENCY)
      const added = await Promise.all(batch.map((key) => this.#copies.add(key, () => read(key))))
      filled += added.filter((did) => did).length
    }
    return filled
  }

  /** Writes changes that are not in the database yet (write_behind); returns how many failed. */
  async flush(): Promise<number> {
    return (await this.#strategy.flush?.()) ?? 0
  }

  /** Closes the cache, but not the database. @throws Error if some changes could not be written (write_behind) */
  async close(): Promise<void> {
    try {
      await this.#strategy.close?.()
    } finally {
      await this.#cache.close()
    }
  }

  /** As far as they can be reached: sign-ins and endings are in the database already. */
  async #writeAll(): Promise<void> {
    await this.#strategy.writeAll?.().catch((error: unknown) => {
      if (!(error instanceof StoreUnavailableError)) throw error
    })
  }

  #clearable(): ClearableStore {
    if (!canClear(this.#database)) throw new NotSupportedError('The storage behind the cache cannot be cleared.')
    return this.#database
  }

  #withUsers(): UserSessionStore {
    if (!knowsUsers(this.#database))
      throw new NotSupportedError('The storage behind the cache does not know the users of its sessions.')
    return this.#database
  }
}
