import { randomBytes } from 'node:crypto'
import { KeyedQueue } from '../engines/queue.ts'
import { StoreUnavailableError } from '../errors.ts'
import type { Observer } from '../observe/events.ts'
import { isPossible } from './cache.ts'
import { CachedStore, type CachedStoreOptions } from './cached-database.ts'
import type { ClearWhich, Outcome, SaveOutcome, SessionRecord, StoredRecord, UserSession, Version } from './store.ts'

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

/**
 * A cache that is written first, and a database that follows a moment later.
 *
 * Every save is a swap in the cache, so overlapping ones collide there; the database gets the newest state by a versioned
 * save of its own. Sessions begin and end in the database at once. What waits is lost only if the process dies **and** the
 * cache loses the entry before the delay is over, or if processes disagree meanwhile on whether the cache is out. While it
 * is out, everything is written to the database directly.
 */
export class WriteBehindStore extends CachedStore {
  readonly #delay: number
  readonly #maxWaiting: number
  readonly #observe: Observer
  readonly #waiting = new Map<string, SessionRecord>()
  readonly #writes = new KeyedQueue<undefined>()
  #timer: NodeJS.Timeout | undefined

  constructor(options: WriteBehindOptions) {
    super(options)
    this.#delay = options.delay ?? 100
    this.#maxWaiting = options.maxWaiting ?? 1000
    this.#observe = options.observe ?? (() => {})
  }

  override async load(key: string): Promise<StoredRecord | undefined> {
    if (!isPossible(key)) return undefined
    const copy = await this.copies.get(key)
    if (copy !== 'miss' && copy !== 'unsure') return copy
    await this.#write(key)
    return copy === 'unsure' ? await this.truth.load(key) : await this.copies.fill(key, () => this.truth.load(key))
  }

  /** @throws StoreUnavailableError also when too many changes wait for a database that is out */
  override async save(key: string, version: Version, record: SessionRecord): Promise<SaveOutcome> {
    if (!isPossible(key)) return { outcome: 'missing' }
    await this.#makeRoom()
    const ahead = AHEAD + randomBytes(9).toString('base64url')
    const outcome = await this.copies.swap(key, version, { ...record, version: ahead })
    if (outcome === 'conflict') return { outcome }
    if (outcome === 'done') {
      this.#wait(key, record)
      return { outcome: 'saved', version: ahead }
    }
    if (isAhead(version)) return { outcome: await this.#withoutCopy(key) }
    return await this.#saveInDatabase(key, version, record)
  }

  override async touch(
    key: string,
    version: Version,
    times: { expires: number; lastActivity: number },
  ): Promise<Outcome> {
    if (!isPossible(key)) return 'missing'
    const copy = await this.copies.peek(key)
    if (copy === undefined)
      return isAhead(version) ? await this.#withoutCopy(key) : await super.touch(key, version, times)
    if (copy.version !== version) return 'conflict'
    // In the database at once, or a clear would take what is alive.
    await this.#write(key)
    const row = await this.truth.load(key)
    const touched = row === undefined ? 'missing' : await this.truth.touch(key, row.version, times)
    if (touched === 'missing') await this.copies.forget(key)
    if (touched !== 'done') return touched
    const { expires, lastActivity } = times
    const outcome = await this.copies.swap(key, version, { ...copy, expires, lastActivity })
    return outcome === 'conflict' ? outcome : 'done'
  }

  override async delete(key: string, version?: Version): Promise<Outcome> {
    if (!isPossible(key)) return 'missing'
    if (version === undefined) return await this.#end(key)
    // From here on nobody can save over the copy, nor fill it from a database that may be behind.
    const outcome = await this.copies.block(key, version)
    if (outcome === 'done') return await this.#end(key)
    if (outcome === 'conflict') return outcome
    if (isAhead(version)) return await this.#withoutCopy(key)
    await this.#write(key)
    return await super.delete(key, version)
  }

  override async clearBatch(which: ClearWhich, limit: number, onCleared?: (keys: readonly string[]) => void) {
    await this.flush()
    return await super.clearBatch(which, limit, onCleared)
  }

  override async listByUser(userId: string): Promise<UserSession[]> {
    await this.flush()
    return await super.listByUser(userId)
  }

  override async endByUser(userId: string, except?: string): Promise<number> {
    await this.flush()
    return await super.endByUser(userId, except)
  }

  /** Writes what waits; answers how many could not be written, which are tried again. Never throws. */
  async flush(): Promise<number> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const keys = [...this.#waiting.keys()]
    try {
      while (keys.length > 0) await Promise.all(keys.splice(0, AT_ONCE).map((key) => this.#write(key)))
    } catch {
      this.#writeLater(RETRY)
    }
    this.#observe({ type: 'write-behind', waiting: this.#waiting.size })
    return this.#waiting.size
  }

  /**
   * Writes what waits, and closes the cache.
   *
   * @throws Error when the database did not take all of it; it is in the cache, as long as that keeps it
   */
  override async close(): Promise<void> {
    const left = await this.flush()
    clearTimeout(this.#timer)
    await super.close()
    if (left > 0) throw new Error(`The changes of ${left} sessions could not be written to the database`)
  }

  async #saveInDatabase(key: string, version: Version, record: SessionRecord): Promise<SaveOutcome> {
    await this.#write(key)
    let result: SaveOutcome = { outcome: 'conflict' }
    const claimed = await this.copies.claim(key, async () => {
      result = await this.truth.save(key, version, record)
      return result.outcome === 'saved' ? { ...record, version: result.version } : undefined
    })
    // Somebody is about to fill the copy; a save beside it would leave it wrong.
    return claimed === 'taken' ? { outcome: 'conflict' } : result
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

  #wait(key: string, record: SessionRecord): void {
    this.#waiting.set(key, record)
    this.#writeLater(this.#delay)
  }

  #writeLater(delay: number): void {
    this.#timer ??= setTimeout(() => void this.flush(), delay).unref()
  }

  async #makeRoom(): Promise<void> {
    if (this.#waiting.size < this.#maxWaiting) return
    if ((await this.flush()) >= this.#maxWaiting) {
      throw new StoreUnavailableError(new Error('The database is out, and too many changes wait for it'))
    }
  }

  /** Brings the database up to the newest state of the session, if this process knows of one. */
  async #write(key: string): Promise<void> {
    if (!this.#waiting.has(key)) return
    await this.#writes.run(key, async () => {
      for (let own = this.#waiting.get(key); own !== undefined; own = this.#waiting.get(key)) {
        const written = await this.#writeNewest(key, own)
        // A save that came meanwhile waits in its place.
        if (written && this.#waiting.get(key) === own) this.#waiting.delete(key)
      }
      return undefined
    })
  }

  async #writeNewest(key: string, own: SessionRecord): Promise<boolean> {
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
    // The copy was lost. What is in the database is newer only if it was written while the cache was out.
    if (row.lastActivity > own.lastActivity) return true
    const { outcome } = await this.truth.save(key, row.version, own)
    await this.copies.forget(key)
    return outcome !== 'conflict'
  }
}

function isAhead(version: Version): boolean {
  return typeof version === 'string' && version.startsWith(AHEAD)
}
