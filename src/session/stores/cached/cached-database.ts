import type { Outcome } from '../../core/outcome.ts'
import { isPossible } from '../cache.ts'
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

/** What a {@link CachedStore} is made of. */
export interface CachedStoreOptions extends CachedCopiesOptions {
  /** Where the truth is. */
  readonly truth: SessionStore
  /** What a save does to the copy: `write_through` replaces it, `cache_aside` removes it. */
  readonly strategy?: 'write_through' | 'cache_aside'
}

const AT_ONCE = 16

/**
 * A database with a cache in front of it. The database is the truth: it is written first, and a save that it refuses
 * changes nothing. While the cache is down everything goes to the database.
 */
export class CachedStore implements SessionStore, ClearableStore, UserSessionStore, StatisticsStore {
  readonly name = 'cached_db'
  protected readonly truth: SessionStore
  protected readonly copies: CachedCopies
  readonly #aside: boolean

  constructor(options: CachedStoreOptions) {
    this.truth = options.truth
    this.copies = new CachedCopies(options)
    this.#aside = options.strategy === 'cache_aside'
  }

  async load(key: string): Promise<StoredRecord | undefined> {
    if (!isPossible(key)) return undefined
    const copy = await this.copies.get(key)
    if (copy === 'unsure') return await this.truth.load(key)
    return copy === 'miss' ? await this.copies.fill(key, () => this.truth.load(key)) : copy
  }

  async create(key: string, record: SessionRecord): Promise<Version> {
    if (this.#aside || !isPossible(key)) return await this.truth.create(key, record)
    let version: Version = ''
    await this.copies.fill(key, async () => {
      version = await this.truth.create(key, record)
      return { ...record, version }
    })
    return version
  }

  async save(key: string, version: Version, record: SessionRecord): Promise<SaveOutcome> {
    if (!isPossible(key)) return { outcome: 'missing' }
    let result: SaveOutcome | undefined
    try {
      result = await this.truth.save(key, version, record)
      return result
    } finally {
      // Without a result nobody knows what is in the database; on a conflict the copy may be what misled us.
      if (result === undefined || result.outcome === 'missing') await this.copies.forget(key)
      else if (result.outcome === 'conflict') await this.copies.forget(key, version)
      else if (this.#aside) await this.copies.forget(key)
      else await this.copies.replace(key, version, { ...record, version: result.version })
    }
  }

  async touch(key: string, version: Version, times: { expires: number; lastActivity: number }): Promise<Outcome> {
    if (!isPossible(key)) return 'missing'
    try {
      return await this.truth.touch(key, version, times)
    } finally {
      await this.copies.forget(key)
    }
  }

  async delete(key: string, version?: Version): Promise<Outcome> {
    if (!isPossible(key)) return 'missing'
    try {
      return await this.truth.delete(key, version)
    } finally {
      await this.copies.forget(key)
    }
  }

  async countClearable(which: ClearWhich): Promise<number> {
    return await this.#clearable().countClearable(which)
  }

  async clearBatch(which: ClearWhich, limit: number, onCleared?: (keys: readonly string[]) => void): Promise<number> {
    // Copies of the expired have expired as well; of all others they must go.
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

  // One by one: a session that began after the list was read must not lose its row and keep its copy.
  async endByUser(userId: string, exceptId?: string): Promise<number> {
    const sessions = await this.#withUsers().listByUser(userId)
    const ended = sessions.filter(({ id }) => id !== exceptId).map(({ key }) => this.delete(key))
    return (await Promise.all(ended)).filter((outcome) => outcome === 'done').length
  }

  async statistics(): Promise<StoreStatistics> {
    if (!hasStatistics(this.truth)) throw new NotSupportedError('The storage behind the cache cannot be counted.')
    return await this.truth.statistics()
  }

  /**
   * Fills the cache ahead of the first visits, while it is in use, and answers how many copies it made.
   *
   * @param limit most sessions, the latest active first
   * @throws NotSupportedError when the storage behind the cache cannot tell who was active
   */
  async warm(which: RecentWhich, limit = 10_000): Promise<number> {
    if (!knowsRecent(this.truth))
      throw new NotSupportedError('The storage behind the cache cannot tell who was active.')
    const keys = await this.truth.recentKeys(which, limit)
    let filled = 0
    while (keys.length > 0) {
      const batch = keys.splice(0, AT_ONCE)
      const added = await Promise.all(batch.map((key) => this.copies.add(key, () => this.truth.load(key))))
      filled += added.filter((did) => did).length
    }
    return filled
  }

  /** Removes the copies that could not be removed before, and closes the cache; the database is its opener's. */
  async close(): Promise<void> {
    await this.copies.close()
  }

  #clearable(): ClearableStore {
    if (!canClear(this.truth)) throw new NotSupportedError('The storage behind the cache cannot be cleared.')
    return this.truth
  }

  #withUsers(): UserSessionStore {
    if (!knowsUsers(this.truth)) throw new NotSupportedError('The storage behind the cache knows no users.')
    return this.truth
  }
}
