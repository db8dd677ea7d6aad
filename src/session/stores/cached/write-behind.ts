import { randomBytes } from 'node:crypto'
import { StoreUnavailableError } from '../../core/errors.ts'
import type { Observer } from '../../core/events.ts'
import type { Outcome } from '../../core/outcome.ts'
import { isValidKey } from '../cache.ts'
import {
  type ClearWhich,
  isForward,
  type SaveOutcome,
  type SessionRecord,
  type StoredRecord,
  type UserSession,
  type Version,
} from '../store.ts'
import { CachedStore, type CachedStoreOptions } from './cached-database.ts'

/** Options for {@link WriteBehindStore}. */
export interface WriteBehindOptions extends Omit<CachedStoreOptions, 'strategy'> {
  /** Milliseconds after which a change is written to the database; 100 by default. */
  readonly delay?: number
  /** Maximum number of sessions with unwritten changes; above it a save waits for the database. 1000 by default. */
  readonly maxWaiting?: number
}

/** Prefix of the version of a copy that is ahead of the database; versions of the database are numbers. */
const AHEAD = 'ahead-'
const RETRY_DELAY_MS = 1000
const CONCURRENCY = 16
// A session that expires sooner is written to the database at once, because an expired row cannot be saved.
const MIN_LIFETIME_MS = 60_000

/**
 * Writes to the cache first and to the database a moment later.
 *
 * Every save is a compare and set in the cache, so overlapping saves conflict there; the database gets the newest state by
 * a separate versioned save. Sessions are created and ended in the database immediately. While the cache is down, changes
 * are written to the database directly.
 *
 * Unwritten changes are lost if the cache loses the entry and, before they are written, another process serves the session
 * or this one dies; if processes disagree on whether the cache is down; or if the database is down until the row has
 * expired. Changes that a dead process had not written stay in the cache only, until the next change.
 */
export class WriteBehindStore extends CachedStore {
  readonly #delay: number
  readonly #maxWaiting: number
  readonly #observe: Observer
  readonly #now: () => number
  readonly #waiting = new Map<string, StoredRecord>()
  readonly #writing = new Map<string, Promise<void>>()
  #flushing: Promise<number> | undefined
  #timer: NodeJS.Timeout | undefined
  #closing = false

  constructor(options: WriteBehindOptions) {
    super(options)
    this.#delay = options.delay ?? 100
    this.#maxWaiting = options.maxWaiting ?? 1000
    this.#observe = options.observe ?? (() => {})
    this.#now = options.now ?? Date.now
  }

  override async load(key: string): Promise<StoredRecord | undefined> {
    if (!isValidKey(key)) return undefined
    const copy = await this.copies.get(key)
    if (copy !== 'miss' && copy !== 'unsure') return await this.#checkLifetime(key, copy)
    await this.#write(key)
    return copy === 'unsure'
      ? await this.database.load(key)
      : await this.copies.fill(key, () => this.database.load(key))
  }

  /** @throws StoreUnavailableError also if too many changes are waiting for a database that is down */
  override async save(key: string, version: Version, record: SessionRecord): Promise<SaveOutcome> {
    if (!isValidKey(key)) return { outcome: 'missing' }
    await this.#waitForRoom()
    // Always later than the previous state, because without the cache the newer one is chosen by this time.
    const { base, activity } = parseVersion(version)
    const lastActivity = Math.max(record.lastActivity, activity + 1)
    const name = [base, Math.floor(lastActivity), randomBytes(9).toString('base64url')].join('-')
    const ahead = { ...record, lastActivity, version: AHEAD + name }
    const outcome = await this.copies.swap(key, version, ahead)
    if (outcome === 'done') {
      this.#wait(key, ahead)
      // A forward is written at once, like an end: an eviction must not make the old key valid again.
      if (this.#closing || isForward(record)) await this.#write(key)
      return { outcome: 'saved', version: ahead.version }
    }
    if (isAhead(version)) return { outcome: outcome === 'conflict' ? outcome : await this.#withoutCopy(key) }
    let result: SaveOutcome = { outcome: 'conflict' }
    await this.#inDatabase(key, async () => {
      const save = () => this.database.save(key, version, record)
      result = await (isForward(record) ? this.copies.end(key, save) : save())
      return result.outcome === 'saved' && !isForward(record) ? { ...record, version: result.version } : undefined
    })
    return result
  }

  override async touch(
    key: string,
    version: Version,
    times: { expires: number; lastActivity: number },
  ): Promise<Outcome> {
    if (!isValidKey(key)) return 'missing'
    if (!isAhead(version)) return await this.#touchInDatabase(key, version, times)
    // Written at once, or a clear would delete a live session. In this order: see #writeNewest.
    const row = await this.database.load(key)
    const copy = await this.copies.peek(key)
    if (copy === undefined) return await this.#withoutCopy(key)
    if (copy.version !== version) return 'conflict'
    const { expires, lastActivity } = times
    const touched = { ...copy, expires, lastActivity }
    const { outcome } =
      row === undefined ? { outcome: 'missing' as const } : await this.database.save(key, row.version, touched)
    if (outcome === 'missing') await this.copies.remove(key)
    if (outcome !== 'saved') return outcome
    return await this.#swapOrRemove(key, version, touched)
  }

  override async delete(key: string, version?: Version): Promise<Outcome> {
    if (!isValidKey(key)) return 'missing'
    if (version === undefined) return await this.#end(key)
    // From now on the copy can neither be saved over nor filled from a database that may be behind.
    const outcome = await this.copies.block(key, version)
    if (outcome === 'done') return await this.#end(key)
    if (isAhead(version)) return outcome === 'conflict' ? outcome : await this.#withoutCopy(key)
    let result: Outcome = 'conflict'
    await this.#inDatabase(key, async () => {
      result = await super.delete(key, version)
      return undefined
    })
    return result
  }

  override async clearBatch(which: ClearWhich, limit: number, onCleared?: (keys: readonly string[]) => void) {
    await this.flush()
    return await super.clearBatch(which, limit, onCleared)
  }

  override async listByUser(userId: string): Promise<UserSession[]> {
    await this.flush()
    return await super.listByUser(userId)
  }

  override async endByUser(userId: string, exceptId?: string): Promise<number> {
    await this.flush()
    return await super.endByUser(userId, exceptId)
  }

  /** Writes waiting changes; returns how many failed, which are tried again. Never throws. */
  async flush(): Promise<number> {
    // A running flush may have started before the last changes.
    await this.#flushing
    this.#flushing ??= this.#flush().finally(() => {
      this.#flushing = undefined
    })
    return await this.#flushing
  }

  /**
   * Writes waiting changes and closes the cache. A save during this waits for the database.
   *
   * @throws Error if some changes could not be written; they are only in the cache
   */
  override async close(): Promise<void> {
    this.#closing = true
    const left = await this.flush()
    clearTimeout(this.#timer)
    await super.close()
    if (left > 0) throw new Error(`The changes of ${left} sessions could not be written to the database`)
  }

  async #flush(): Promise<number> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const keys = [...this.#waiting.keys()]
    let failed = 0
    while (keys.length > 0) {
      const batch = keys.splice(0, CONCURRENCY)
      const results = await Promise.allSettled(batch.map((key) => this.#write(key)))
      const refused = results.filter(({ status }) => status === 'rejected').length
      failed += refused
      // One failure must not hold up the others, but if all of a batch fail, the database is down.
      if (refused === batch.length) failed += keys.splice(0).length
    }
    if (failed > 0) this.#writeLater(RETRY_DELAY_MS)
    this.#observe({ type: 'write-behind', waiting: this.#waiting.size })
    return failed
  }

  /** Returns the copy; if the row may expire soon, writes the copy first and drops it. */
  async #checkLifetime(key: string, copy: StoredRecord): Promise<StoredRecord | undefined> {
    if (copy.expires - this.#now() > MIN_LIFETIME_MS) return copy
    if (isAhead(copy.version)) while (!(await this.#writeNewest(key)));
    // Without a copy, a save goes to the database.
    await this.copies.remove(key, copy.version)
    return isAhead(copy.version) ? await this.database.load(key) : copy
  }

  async #touchInDatabase(
    key: string,
    version: Version,
    times: { expires: number; lastActivity: number },
  ): Promise<Outcome> {
    const copy = await this.copies.peek(key)
    if (copy === undefined) return await super.touch(key, version, times)
    if (copy.version !== version) return 'conflict'
    const { expires, lastActivity } = times
    const outcome = await this.database.touch(key, version, times)
    if (outcome === 'done') await this.#swapOrRemove(key, version, { ...copy, expires, lastActivity })
    else await this.copies.remove(key, version)
    return outcome
  }

  async #swapOrRemove(key: string, version: Version, touched: StoredRecord): Promise<'done' | 'conflict'> {
    const outcome = await this.copies.swap(key, version, touched)
    if (outcome === 'unsure') await this.copies.remove(key)
    return outcome === 'conflict' ? outcome : 'done'
  }

  /** Runs work on the database and updates the copy; skipped if there is a copy, which is authoritative. */
  async #inDatabase(key: string, work: () => Promise<StoredRecord | undefined>): Promise<void> {
    await this.#write(key)
    await this.copies.claim(key, work)
  }

  /** For a version that was ahead and whose copy is gone: the caller must read the database again. */
  async #withoutCopy(key: string): Promise<'conflict' | 'missing'> {
    await this.#write(key)
    return (await this.database.load(key)) === undefined ? 'missing' : 'conflict'
  }

  async #end(key: string): Promise<Outcome> {
    const outcome = await super.delete(key)
    this.#waiting.delete(key)
    return outcome
  }

  #wait(key: string, ahead: StoredRecord): void {
    this.#waiting.set(key, ahead)
    this.#writeLater(this.#delay)
  }

  #writeLater(delay: number): void {
    this.#timer ??= setTimeout(() => void this.flush(), delay).unref()
  }

  async #waitForRoom(): Promise<void> {
    if (this.#waiting.size < this.#maxWaiting) return
    // All wait for one flush, or each would wait for another timeout of the database.
    await (this.#flushing ?? this.flush())
    if (this.#waiting.size >= this.#maxWaiting) {
      throw new StoreUnavailableError(new Error('The database is down, and too many changes are waiting for it'))
    }
  }

  /** Writes the newest state of the session to the database, if this process has unwritten changes of it. */
  async #write(key: string): Promise<void> {
    if (!this.#waiting.has(key)) return
    const writing = this.#writing.get(key) ?? this.#writeAll(key)
    this.#writing.set(key, writing)
    await writing
  }

  async #writeAll(key: string): Promise<void> {
    try {
      for (let own = this.#waiting.get(key); own !== undefined; own = this.#waiting.get(key)) {
        const written = await this.#writeNewest(key, own)
        // A newer save may have replaced it.
        if (written && this.#waiting.get(key) === own) this.#waiting.delete(key)
      }
    } finally {
      this.#writing.delete(key)
    }
  }

  async #writeNewest(key: string, own?: StoredRecord): Promise<boolean> {
    // In this order: a save in between makes this one a conflict, or is seen in the cache.
    const row = await this.database.load(key)
    const copy = await this.copies.peek(key)
    if (row === undefined) {
      await this.copies.remove(key)
      return true
    }
    if (copy !== undefined && isAhead(copy.version)) {
      return (await this.database.save(key, row.version, copy)).outcome !== 'conflict'
    }
    // The copy was lost. The row is newer only if it was saved directly since.
    if (own === undefined) return true
    if (String(row.version) !== parseVersion(own.version).base && row.lastActivity > own.lastActivity) return true
    const { outcome } = await this.database.save(key, row.version, own)
    await this.copies.remove(key)
    return outcome !== 'conflict'
  }
}

/** The database's version that a version is based on, and the last activity; 0 for a version of the database. */
function parseVersion(version: Version): { base: string; activity: number } {
  if (typeof version === 'number') return { base: String(version), activity: 0 }
  const [, base = '', activity = ''] = isAhead(version) ? version.split('-') : []
  return { base, activity: Number(activity) || 0 }
}

function isAhead(version: Version): boolean {
  return typeof version === 'string' && version.startsWith(AHEAD)
}
