import type { Outcome } from '../../core/outcome.ts'
import { isValidKey } from '../cache.ts'
import {
  type ClearableStore,
  type ClearWhich,
  canClear,
  hasStatistics,
  knowsRecent,
  knowsUsers,
  NotSupportedError,
  type RecentWhich,
  type SaveOutcome,
  type SessionRecord,
  type SessionStore,
  type StatisticsStore,
  type StoredRecord,
  type StoreStatistics,
  type UserSession,
  type UserSessionStore,
  type Version,
} from '../store.ts'
import { CachedCopies, type CachedCopiesOptions } from './cached-copies.ts'

/** Options for {@link CachedStore}. */
export interface CachedStoreOptions extends CachedCopiesOptions {
  /** The authoritative store, usually a database. */
  readonly database: SessionStore
  /** What a save does to the copy: `write_through` (default) replaces it, `cache_aside` removes it. */
  readonly strategy?: 'write_through' | 'cache_aside'
}

const CONCURRENCY = 16

/**
 * A database with a cache in front of it. The database is authoritative: it is written first, and a save that it refuses
 * changes nothing. While the cache is down, only the database is used.
 */
export class CachedStore implements SessionStore, ClearableStore, UserSessionStore, StatisticsStore {
  readonly name = 'cached_db'
  protected readonly database: SessionStore
  protected readonly copies: CachedCopies
  readonly #removeOnSave: boolean

  constructor(options: CachedStoreOptions) {
    this.database = options.database
    this.copies = new CachedCopies(options)
    this.#removeOnSave = options.strategy === 'cache_aside'
  }

  async load(key: string): Promise<StoredRecord | undefined> {
    if (!isValidKey(key)) return undefined
    const copy = await this.copies.get(key)
    if (copy === 'unsure') return await this.database.load(key)
    return copy === 'miss' ? await this.copies.fill(key, () => this.database.load(key)) : copy
  }

  async create(key: string, record: SessionRecord): Promise<Version> {
    if (this.#removeOnSave || !isValidKey(key)) return await this.database.create(key, record)
    let version: Version = ''
    await this.copies.fill(key, async () => {
      version = await this.database.create(key, record)
      return { ...record, version }
    })
    return version
  }

  async save(key: string, version: Version, record: SessionRecord): Promise<SaveOutcome> {
    if (!isValidKey(key)) return { outcome: 'missing' }
    let result: SaveOutcome | undefined
    try {
      result = await this.database.save(key, version, record)
      return result
    } finally {
      // Without a result the state of the database is unknown; a conflict may be caused by a stale copy.
      if (result === undefined || result.outcome === 'missing') await this.copies.forget(key)
      else if (result.outcome === 'conflict') await this.copies.forget(key, version)
      else if (this.#removeOnSave) await this.copies.forget(key)
      else await this.copies.replace(key, version, { ...record, version: result.version })
    }
  }

  async touch(key: string, version: Version, times: { expires: number; lastActivity: number }): Promise<Outcome> {
    if (!isValidKey(key)) return 'missing'
    try {
      return await this.database.touch(key, version, times)
    } finally {
      await this.copies.forget(key)
    }
  }

  async delete(key: string, version?: Version): Promise<Outcome> {
    if (!isValidKey(key)) return 'missing'
    try {
      return await this.database.delete(key, version)
    } finally {
      await this.copies.forget(key)
    }
  }

  async countClearable(which: ClearWhich): Promise<number> {
    return await this.#clearable().countClearable(which)
  }

  async clearBatch(which: ClearWhich, limit: number, onCleared?: (keys: readonly string[]) => void): Promise<number> {
    // Copies of expired sessions have expired as well; all others must be removed.
    if (which.kind === 'expired') return await this.#clearable().clearBatch(which, limit, onCleared)
    const cleared: string[] = []
    const count = await this.#clearable().clearBatch(which, limit, (keys) => void cleared.push(...keys))
    await Promise.all(cleared.map((key) => this.copies.forget(key)))
    onCleared?.(cleared)
    return count
  }

  async listByUser(userId: string): Promise<UserSession[]> {
    return await this.#withUsers().listByUser(userId)
  }

  // One by one, so that a session created after the list was read does not lose its row but keep its copy.
  async endByUser(userId: string, exceptId?: string): Promise<number> {
    const sessions = await this.#withUsers().listByUser(userId)
    const ended = sessions.filter(({ id }) => id !== exceptId).map(({ key }) => this.delete(key))
    return (await Promise.all(ended)).filter((outcome) => outcome === 'done').length
  }

  async statistics(): Promise<StoreStatistics> {
    if (!hasStatistics(this.database)) throw new NotSupportedError('The storage behind the cache cannot be counted.')
    return await this.database.statistics()
  }

  /**
   * Fills the cache before the first requests; returns the number of copies made. Safe while it is in use.
   *
   * @param limit maximum number of sessions, latest activity first; 10,000 by default
   * @throws NotSupportedError if the database does not know the activity of its sessions
   */
  async warm(which: RecentWhich, limit = 10_000): Promise<number> {
    if (!knowsRecent(this.database))
      throw new NotSupportedError('The storage behind the cache does not know which sessions were active.')
    const keys = await this.database.recentKeys(which, limit)
    let filled = 0
    while (keys.length > 0) {
      const batch = keys.splice(0, CONCURRENCY)
      const added = await Promise.all(batch.map((key) => this.copies.add(key, () => this.database.load(key))))
      filled += added.filter((did) => did).length
    }
    return filled
  }

  /** Removes copies that could not be removed before and closes the cache, but not the database. */
  async close(): Promise<void> {
    await this.copies.close()
  }

  #clearable(): ClearableStore {
    if (!canClear(this.database)) throw new NotSupportedError('The storage behind the cache cannot be cleared.')
    return this.database
  }

  #withUsers(): UserSessionStore {
    if (!knowsUsers(this.database))
      throw new NotSupportedError('The storage behind the cache does not know the users of its sessions.')
    return this.database
  }
}
