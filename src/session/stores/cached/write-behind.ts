import { randomBytes } from 'node:crypto'
import { StoreUnavailableError } from '../../core/errors.ts'
import type { Observer } from '../../core/events.ts'
import type { Outcome } from '../../core/outcome.ts'
import { isPossible } from '../cache.ts'
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

/** What a {@link WriteBehindStore} is made of. */
export interface WriteBehindOptions extends Omit<CachedStoreOptions, 'strategy'> {
  /** Milliseconds that a change may wait before it goes to the database; 100 by default. */
  readonly delay?: number
  /** Most sessions whose changes wait; beyond it a save waits for the database. 1000 by default. */
  readonly maxWaiting?: number
}

/** Marks the version of a copy that is ahead of the database; a database's own is a number. */
const AHEAD = 'ahead-'
const RETRY = 1000
const AT_ONCE = 16
// Milliseconds before its end in which a session is written to the database at once: what ends there is not written to.
const LAST = 60_000

/**
 * A cache that is written first, and a database that follows a moment later.
 *
 * Every save is a swap in the cache, so overlapping ones collide there; the database gets the newest state by a versioned
 * save of its own. Sessions begin and end in the database at once. While the cache is down, everything is written to the
 * database directly.
 *
 * What waits is lost if the cache loses the entry and then another process serves the session, or this one dies, before
 * it is written; if processes disagree meanwhile on whether the cache is down; or if the database is out until the session
 * as it knows it has expired. What a process that died has not written stays in the cache alone until the next change.
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
    if (!isPossible(key)) return undefined
    const copy = await this.copies.get(key)
    if (copy !== 'miss' && copy !== 'unsure') return await this.#lasting(key, copy)
    await this.#write(key)
    return copy === 'unsure' ? await this.truth.load(key) : await this.copies.fill(key, () => this.truth.load(key))
  }

  /** @throws StoreUnavailableError also when too many changes wait for a database that is out */
  override async save(key: string, version: Version, record: SessionRecord): Promise<SaveOutcome> {
    if (!isPossible(key)) return { outcome: 'missing' }
    await this.#makeRoom()
    // Later than what it is based on, by any clock, for that is how two of them are told apart without the cache.
    const { base, activity } = lineage(version)
    const lastActivity = Math.max(record.lastActivity, activity + 1)
    const name = [base, Math.floor(lastActivity), randomBytes(9).toString('base64url')].join('-')
    const ahead = { ...record, lastActivity, version: AHEAD + name }
    const outcome = await this.copies.swap(key, version, ahead)
    if (outcome === 'done') {
      this.#wait(key, ahead)
      // A forward goes to the database at once, like an ending: what the cache loses must not bring the old key back.
      if (this.#closing || isForward(record)) await this.#write(key)
      return { outcome: 'saved', version: ahead.version }
    }
    if (isAhead(version)) return { outcome: outcome === 'conflict' ? outcome : await this.#withoutCopy(key) }
    let result: SaveOutcome = { outcome: 'conflict' }
    await this.#inDatabase(key, async () => {
      result = await this.truth.save(key, version, record)
      return result.outcome === 'saved' ? { ...record, version: result.version } : undefined
    })
    return result
  }

  override async touch(
    key: string,
    version: Version,
    times: { expires: number; lastActivity: number },
  ): Promise<Outcome> {
    if (!isPossible(key)) return 'missing'
    if (!isAhead(version)) return await this.#touchInDatabase(key, version, times)
    // In the database at once, or a clear would take what is alive. In this order: see #writeNewest.
    const row = await this.truth.load(key)
    const copy = await this.copies.peek(key)
    if (copy === undefined) return await this.#withoutCopy(key)
    if (copy.version !== version) return 'conflict'
    const { expires, lastActivity } = times
    const touched = { ...copy, expires, lastActivity }
    const { outcome } =
      row === undefined ? { outcome: 'missing' as const } : await this.truth.save(key, row.version, touched)
    if (outcome === 'missing') await this.copies.forget(key)
    if (outcome !== 'saved') return outcome
    return (await this.copies.swap(key, version, touched)) === 'conflict' ? 'conflict' : 'done'
  }

  override async delete(key: string, version?: Version): Promise<Outcome> {
    if (!isPossible(key)) return 'missing'
    if (version === undefined) return await this.#end(key)
    // From here on nobody can save over the copy, nor fill it from a database that may be behind.
    const outcome = await this.copies.block(key, version)
    if (outcome === 'done') return await this.#end(key)
    if (isAhead(version)) return outcome === 'conflict' ? outcome : await this.#withoutCopy(key)
    let result: Outcome = 'conflict'
    await this.#inDatabase(key, async () => {
      result = await this.truth.delete(key, version)
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

  /** Writes what waits; answers how many could not be written, which are tried again. Never throws. */
  async flush(): Promise<number> {
    // The one under way may have begun before the last changes came.
    await this.#flushing
    this.#flushing ??= this.#flush().finally(() => {
      this.#flushing = undefined
    })
    return await this.#flushing
  }

  /**
   * Writes what waits, and closes the cache. A save that goes on meanwhile waits for the database.
   *
   * @throws Error when the database did not take all of it; it is in the cache, as long as that keeps it
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
      const batch = keys.splice(0, AT_ONCE)
      const results = await Promise.allSettled(batch.map((key) => this.#write(key)))
      const refused = results.filter(({ status }) => status === 'rejected').length
      failed += refused
      // One that the database does not take must not keep back all others; but where it takes none, it is out.
      if (refused === batch.length) failed += keys.splice(0).length
    }
    if (failed > 0) this.#writeLater(RETRY)
    this.#observe({ type: 'write-behind', waiting: this.#waiting.size })
    return failed
  }

  /** The copy, or what the database has, where the session may soon have ended in the database. */
  async #lasting(key: string, copy: StoredRecord): Promise<StoredRecord | undefined> {
    if (copy.expires - this.#now() > LAST) return copy
    if (isAhead(copy.version)) while (!(await this.#writeNewest(key)));
    // Without a copy, a save goes to the database.
    await this.copies.forget(key, copy.version)
    return isAhead(copy.version) ? await this.truth.load(key) : copy
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
    const outcome = await this.truth.touch(key, version, times)
    if (outcome === 'done') await this.copies.swap(key, version, { ...copy, expires, lastActivity })
    else await this.copies.forget(key, version)
    return outcome
  }

  /** Work on the database that leaves the copy right; not done where a copy has the say. */
  async #inDatabase(key: string, work: () => Promise<StoredRecord | undefined>): Promise<void> {
    await this.#write(key)
    await this.copies.claim(key, work)
  }

  /** For a version that was ahead, and whose copy is gone: what the database has is to be read anew. */
  async #withoutCopy(key: string): Promise<'conflict' | 'missing'> {
    await this.#write(key)
    return (await this.truth.load(key)) === undefined ? 'missing' : 'conflict'
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

  async #makeRoom(): Promise<void> {
    if (this.#waiting.size < this.#maxWaiting) return
    // All ask the database at once, or each would wait for the silence of those before it.
    await (this.#flushing ?? this.flush())
    if (this.#waiting.size >= this.#maxWaiting) {
      throw new StoreUnavailableError(new Error('The database is out, and too many changes wait for it'))
    }
  }

  /** Brings the database up to the newest state of the session, if this process knows of one. */
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
        // A save that came meanwhile waits in its place.
        if (written && this.#waiting.get(key) === own) this.#waiting.delete(key)
      }
    } finally {
      this.#writing.delete(key)
    }
  }

  async #writeNewest(key: string, own?: StoredRecord): Promise<boolean> {
    // In this order: whoever saves in between makes this save a conflict, or is seen in the cache.
    const row = await this.truth.load(key)
    const copy = await this.copies.peek(key)
    if (row === undefined) {
      await this.copies.forget(key)
      return true
    }
    if (copy !== undefined && isAhead(copy.version)) {
      return (await this.truth.save(key, row.version, copy)).outcome !== 'conflict'
    }
    // The copy was lost. What is in the database is newer only if somebody has saved it there since.
    if (own === undefined) return true
    if (String(row.version) !== lineage(own.version).base && row.lastActivity > own.lastActivity) return true
    const { outcome } = await this.truth.save(key, row.version, own)
    await this.copies.forget(key)
    return outcome !== 'conflict'
  }
}

/** What a version tells: the database's own at the beginning, and the last activity (0 for the database's own). */
function lineage(version: Version): { base: string; activity: number } {
  if (typeof version === 'number') return { base: String(version), activity: 0 }
  const [, base = '', activity = ''] = isAhead(version) ? version.split('-') : []
  return { base, activity: Number(activity) || 0 }
}

function isAhead(version: Version): boolean {
  return typeof version === 'string' && version.startsWith(AHEAD)
}
