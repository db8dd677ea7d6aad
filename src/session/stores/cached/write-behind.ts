import { StoreUnavailableError } from '../../core/errors.ts'
import type { Observer } from '../../core/events.ts'
import type { Outcome } from '../../core/outcome.ts'
import {
  type CopiedStore,
  isForward,
  newVersion,
  type SaveOutcome,
  type SessionRecord,
  type StoredRecord,
  type Version,
  withVersion,
} from '../store.ts'
import type { AheadCopies } from './ahead-copies.ts'
import type { CachedCopies } from './cached-copies.ts'
import type { SaveStrategy } from './cached-database.ts'
import { type CopyEpoch, MIN_CLAIM_DELAY_MS, type SuspendedEpoch, type ValidEpoch } from './copy-epoch.ts'
import { WritesDown } from './writes-down.ts'

/** Options for {@link WriteBehind}. */
export interface WriteBehindOptions {
  readonly database: CopiedStore
  readonly copies: CachedCopies
  readonly ahead: AheadCopies
  readonly epoch: CopyEpoch
  readonly observe: Observer
  /** Returns milliseconds since 1970. */
  readonly now: () => number
  /** Milliseconds after which a change is written to the database; 100 by default. */
  readonly delay?: number | undefined
  /** Maximum number of sessions with unwritten changes; above it a save waits for the database. 1000 by default. */
  readonly maxWaiting?: number | undefined
}

// A session that expires sooner is written to the database at once, because expired rows are cleared.
const MIN_LIFETIME_MS = 60_000
// A shorter silence of the cache costs only itself. After a longer one the database is used, once all processes know.
const MAX_SILENCE_MS = 2000
const MAX_ATTEMPTS = 3

/**
 * Saves to the cache first and to the database a moment later.
 *
 * Every save is a compare and set in the cache, which also puts the copy on an index from which any process writes it
 * down. The database takes a state only over one that it was made from. While no cache is in force, changes go to the
 * database directly, and only while that is so: both in one statement. Before, all processes write down what they have
 * accepted, for which sessions wait; so no process alone decides that the cache is gone. Sessions begin and end in the
 * database.
 *
 * What the cache loses before the database has it is lost.
 */
export class WriteBehind implements SaveStrategy {
  readonly #database: CopiedStore
  readonly #copies: CachedCopies
  readonly #ahead: AheadCopies
  readonly #epoch: CopyEpoch
  readonly #now: () => number
  readonly #writes: WritesDown
  readonly #silence = new Outage()
  readonly #refusals = new Outage()
  #closing = false

  constructor(options: WriteBehindOptions) {
    const { database, copies, ahead, epoch, now } = options
    this.#database = database
    this.#copies = copies
    this.#ahead = ahead
    this.#epoch = epoch
    this.#now = now
    this.#writes = new WritesDown(options)
  }

  async load(key: string): Promise<StoredRecord | undefined> {
    let view = await this.#view()
    while (view.state === 'suspended') {
      await this.#writes.write(key)
      const record = await this.#database.load(key)
      // Otherwise a cache may be in force again, and have accepted a newer state from another process.
      if ((await this.#epoch.refresh()).epoch === view.epoch) return record
      view = await this.#view()
    }
    const copy = await this.#copies.get(key)
    if (copy === 'unsure') throw await this.#silent(view.epoch)
    this.#silence.end()
    if (copy !== 'miss') return copy
    await this.#writes.write(key)
    return await this.#copies.fill(key, () => this.#database.load(key))
  }

  async create(key: string, record: SessionRecord): Promise<Version> {
    let version: Version = ''
    await this.#copies.fill(key, async () => {
      version = await this.#database.create(key, record)
      return withVersion(record, version)
    })
    return version
  }

  /** @throws StoreUnavailableError also if too many changes are waiting for a database that is down */
  async save(key: string, version: Version, record: SessionRecord): Promise<SaveOutcome> {
    const view = await this.#view()
    const next = newVersion()
    if (isForward(record)) {
      const end = (epoch: string) => this.#saveOver(key, version, record, next, epoch)
      const outcome = await this.#endVersion(view, key, version, () => end(view.epoch))
      return outcome === 'done' ? { outcome: 'saved', version: next } : { outcome }
    }
    if (view.state === 'suspended') {
      await this.#writes.write(key)
      const outcome = await this.#saveOver(key, version, record, next, view.epoch)
      return outcome === 'done' ? { outcome: 'saved', version: next } : { outcome }
    }
    await this.#writes.waitForRoom()
    const outcome = await this.#withCopy(view, key, version, () => this.#accept(view, key, version, record, next))
    return outcome === 'done' ? { outcome: 'saved', version: next } : { outcome }
  }

  async touch(key: string, version: Version, times: { expires: number; lastActivity: number }): Promise<Outcome> {
    const view = await this.#view()
    await this.#writeDown(view, key)
    const outcome = await this.#database.touch(key, version, times)
    if (view.state === 'suspended' || outcome === 'conflict') return outcome
    const copied =
      outcome === 'done' ? this.#ahead.touch(view, key, version, times) : this.#ahead.remove(view, key, version)
    // A copy that expires earlier than its row does no harm, and that of an expired row expires too.
    await copied.catch(() => {})
    return outcome
  }

  async delete(key: string, version?: Version): Promise<Outcome> {
    const end = () => this.#database.delete(key, version)
    if (version !== undefined) return await this.#endVersion(await this.#view(), key, version, end)
    // If the database is down this throws before the end removes the copy. A cache that is down must not prevent the end.
    const view = await this.#epoch.view()
    const ahead = view.state === 'valid' ? await this.#ahead.find(view, key).catch(() => undefined) : undefined
    await this.#writes.write(key)
    if (ahead !== undefined) await this.#writes.writeDown(ahead)
    const outcome = await this.#copies.end(key, end)
    this.#writes.forget(key)
    return outcome
  }

  async writeAll(): Promise<void> {
    await this.#writes.writeAll()
  }

  async flush(): Promise<number> {
    return await this.#writes.flush()
  }

  /** A save during this waits for the database. @throws Error if some changes could not be written */
  async close(): Promise<void> {
    this.#closing = true
    await this.#writes.close()
  }

  /** @throws StoreUnavailableError while it is unknown where the newest state is */
  async #view(): Promise<ValidEpoch | SuspendedEpoch> {
    const view = await this.#epoch.view()
    if (view.state === 'unreachable') throw await this.#silent(view.epoch)
    if (view.state === 'suspended') {
      if (performance.now() - view.since < MIN_CLAIM_DELAY_MS) {
        throw new StoreUnavailableError(new Error('The cache was lost, and changes are being written to the database'))
      }
      await this.#writes.writeLate(view.epoch)
    }
    return view
  }

  async #silent(epoch: string): Promise<StoreUnavailableError> {
    if (this.#silence.lasts()) await this.#epoch.suspend(epoch)
    return new StoreUnavailableError(new Error('The cache does not answer, and may have changes that nothing else has'))
  }

  /** A full cache, for example, can be read, but takes neither changes nor copies: the database has to take them. */
  async #refused(epoch: string): Promise<void> {
    if (this.#refusals.lasts()) await this.#epoch.suspend(epoch)
  }

  /** @returns a promise that is rejected with StoreUnavailableError if it is unknown whether the change was accepted */
  async #accept(view: ValidEpoch, key: string, version: Version, record: SessionRecord, next: number) {
    const ahead = withVersion(record, next)
    const result = await this.#answered(view, () => this.#ahead.swap(view, key, version, ahead)).catch(
      async (error: unknown) => {
        if (error instanceof StoreUnavailableError && error.answered) await this.#refused(view.epoch)
        throw error
      },
    )
    if (result.outcome !== 'done') return result.outcome
    this.#refusals.end()
    this.#writes.wait(result.ahead)
    // Otherwise the others may already be writing to the database directly.
    const after = await this.#epoch.view()
    if (after.state !== 'valid' || after.epoch !== view.epoch) throw await this.#silent(view.epoch)
    if (this.#closing || result.expires - this.#now() < MIN_LIFETIME_MS) await this.#writes.write(key)
    return 'done'
  }

  /** Ends the record if it has this version; its newest state is written first, because the end removes the copy. */
  async #endVersion(
    view: ValidEpoch | SuspendedEpoch,
    key: string,
    version: Version,
    end: () => Promise<Outcome>,
  ): Promise<Outcome> {
    await this.#writeDown(view, key)
    // Otherwise a cache may be in force again, and have accepted a newer state.
    if (view.state === 'suspended' && (await this.#epoch.refresh()).epoch !== view.epoch) return 'conflict'
    if (view.state === 'valid') {
      const block = () => this.#answered(view, () => this.#ahead.block(view, key, version))
      const blocked = await this.#withCopy(view, key, version, block)
      if (blocked !== 'done') return blocked
    }
    return await this.#copies.end(key, end)
  }

  /** Changes the copy of this version, which is made first if there is none. */
  async #withCopy(
    { epoch }: ValidEpoch,
    key: string,
    version: Version,
    change: () => Promise<Outcome>,
  ): Promise<Outcome> {
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      if ((await change()) === 'done') return 'done'
      await this.#writes.write(key)
      const stored = await this.#copies.refill(key, () => this.#database.load(key))
      if (stored === undefined) return 'missing'
      if (stored === 'unsure') {
        await this.#refused(epoch)
        throw await this.#silent(epoch)
      }
      if (stored === 'taken' || stored.version !== version) return 'conflict'
    }
    return 'conflict'
  }

  async #saveOver(key: string, before: Version, record: SessionRecord, version: number, epoch: string) {
    if (typeof before !== 'number') return 'conflict'
    return await this.#database.saveOver(key, { from: [before], version, record }, epoch, { live: true })
  }

  /** Writes the newest state of the session to the database. */
  async #writeDown(view: ValidEpoch | SuspendedEpoch, key: string): Promise<void> {
    await this.#writes.write(key)
    if (view.state === 'suspended') return
    const ahead = await this.#answered(view, () => this.#ahead.find(view, key))
    if (ahead !== undefined) await this.#writes.writeDown(ahead)
  }

  async #answered<T>({ epoch }: ValidEpoch, ask: () => Promise<T>): Promise<T> {
    try {
      const answer = await ask()
      this.#silence.end()
      return answer
    } catch (error) {
      if (error instanceof StoreUnavailableError && !error.answered) await this.#silent(epoch)
      throw error
    }
  }
}

/** Failures that follow each other. */
class Outage {
  #since = 0
  #last = Number.NEGATIVE_INFINITY

  /** Notes a failure; returns whether they have gone on for too long. */
  lasts(): boolean {
    const now = performance.now()
    if (now - this.#last > MAX_SILENCE_MS) this.#since = now
    this.#last = now
    return now - this.#since > MAX_SILENCE_MS
  }

  end(): void {
    this.#last = Number.NEGATIVE_INFINITY
  }
}
