import type { Outcome } from '../../core/outcome.ts'
import { retry } from '../../core/retry.ts'
import { isValidKey } from '../cache.ts'
import {
  type ClearableStore,
  type ClearWhich,
  type CopiedStore,
  canClear,
  hasStatistics,
  isForward,
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
  readonly database: CopiedStore
  /** What a save does to the copy: `write_through` (default) replaces it, `cache_aside` removes it. */
  readonly strategy?: 'write_through' | 'cache_aside'
}

const CONCURRENCY = 16

/**
 * A database with a cache in front of it. The database is authoritative: a save that it refuses changes nothing, and it
 * says which copies are valid. While the cache is down, only the database is used; without the database every call throws.
 */
export class CachedStore implements SessionStore, ClearableStore, UserSessionStore, StatisticsStore {
  readonly name = 'cached_db'
  protected readonly database: CopiedStore
  protected readonly copies: CachedCopies
  readonly #removeOnSave: boolean

  constructor(options: CachedStoreOptions) {
    this.database = options.database
    this.copies = new CachedCopies({ ...options, epochs: options.database.epochs })
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
    const save = () => this.database.save(key, version, record)
    // A change of key ends what the old key opens.
    if (isForward(record)) return await this.copies.end(key, save)
    const result = await this.copies.change(key, save)
    // A conflict may be caused by a stale copy.
    if (result.outcome === 'conflict') await this.copies.remove(key, version)
    else if (result.outcome === 'missing' || this.#removeOnSave) await this.copies.remove(key)
    else await this.copies.replace(key, version, { ...record, version: result.version })
    return result
  }

  async touch(key: string, version: Version, times: { expires: number; lastActivity: number }): Promise<Outcome> {
    if (!isValidKey(key)) return 'missing'
    const outcome = await this.copies.change(key, () => this.database.touch(key, version, times))
    await this.copies.remove(key)
    return outcome
  }

  async delete(key: string, version?: Version): Promise<Outcome> {
    if (!isValidKey(key)) return 'missing'
    return await this.copies.end(key, () => this.database.delete(key, version))
  }

  async countClearable(which: ClearWhich): Promise<number> {
    return await this.#clearable().countClearable(which)
  }

  async clearBatch(which: ClearWhich, limit: number, onCleared?: (keys: readonly string[]) => void): Promise<number> {
    // Copies of expired sessions have expired as well; all others must be removed.
    if (which.kind === 'expired') return await this.#clearable().clearBatch(which, limit, onCleared)
    // In the order that survives a crash; what is left then has expired.
    const ended = which.kind === 'user' ? await this.endByUser(which.userId) : 0
    const cleared: string[] = []
    const count = await this.#clearable().clearBatch(which, limit, (keys) => void cleared.push(...keys))
    await Promise.all(cleared.map((key) => this.copies.remove(key)))
    onCleared?.(cleared)
    return ended + count
  }

  async listByUser(userId: string): Promise<UserSession[]> {
    return await this.#withUsers().listByUser(userId)
  }

  // One by one, so that a session created after the list was read does not lose its row but keep its copy.
  async endByUser(userId: string, exceptId?: string): Promise<number> {
    let ended = 0
    await retry(async () => {
      const sessions = (await this.#withUsers().listByUser(userId)).filter(({ id }) => id !== exceptId)
      const outcomes = await Promise.all(sessions.map(({ key }) => this.delete(key)))
      ended += outcomes.filter((outcome) => outcome === 'done').length
      return sessions.length === 0 || undefined
    })
    // Another process may have ended one of them a moment ago.
    await this.copies.settled()
    return ended
  }

  async statistics(prefix?: string): Promise<StoreStatistics> {
    if (!hasStatistics(this.database)) throw new NotSupportedError('The storage behind the cache cannot be counted.')
    return await this.database.statistics(prefix)
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

  /** Closes the cache, but not the database. */
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
