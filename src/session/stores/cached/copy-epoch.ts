import { hash } from 'node:crypto'
import type { Cache } from '../../caches/cache.ts'
import { StoreUnavailableError } from '../../core/errors.ts'
import type { Observer, SessionEvent } from '../../core/events.ts'
import { type EpochRow, type EpochStore, newEpoch } from '../store.ts'

/** Milliseconds for which a process goes by a row that it has read. */
const MAX_ROW_AGE_MS = 750
const REFRESH_AFTER_MS = 250
// Timers may fire a little early.
const SETTLE_MS = MAX_ROW_AGE_MS + 50
const IDENTITY_RETRY_MS = 5000
// Until no process can still go by the row from before, with a wide margin.
const MIN_CLAIM_DELAY_MS = 2000
const MAX_CLAIM_DELAY_MS = 60_000
// An epoch that ends sooner was probably begun in vain: some process cannot use the cache.
const MIN_EPOCH_MS = 30_000
const PROBE_MS = 10_000

/** Options for {@link CopyEpoch}. */
export interface CopyEpochOptions {
  readonly epochs: EpochStore
  readonly cache: Cache
  /** The beginning of all copies' names: distinguishes applications and settings that use the same servers. */
  readonly prefix: string
  readonly observe: Observer
  /** Returns milliseconds since 1970. */
  readonly now: () => number
}

/** The epoch of the copies that may be used now. */
export interface CurrentEpoch {
  readonly epoch: string
  /** Whether the connection is still the one that it was determined for. */
  isValid(): boolean
}

interface Started {
  readonly at: number
  readonly wall: number
}

/**
 * Decides which copies of a database's records are valid. One row of the database names the epoch, which is part of the
 * copies' names, and the cache in force, by the identity of its servers; none while a process could not remove a copy.
 *
 * The row changes by compare and set, and always in this order: a cache in force; none; after two seconds, under another
 * epoch, a cache. A process goes by a row for 750 ms at most from when its reading began, so none uses a copy of an older
 * epoch when a new one begins, and a removal under a row as young as that also covers the epoch after it.
 */
export class CopyEpoch {
  readonly #epochs: EpochStore
  readonly #cache: Cache
  readonly #prefix: string
  readonly #observe: Observer
  readonly #now: () => number
  #latest: (Started & { readonly row: EpochRow }) | undefined
  #reading: (Started & { readonly row: Promise<EpochRow> }) | undefined
  /** A reading that begins when the present one ends. */
  #next: Promise<EpochRow> | undefined
  #changing: Promise<void> | undefined
  /** When this process first saw the latest epoch. Without one nothing was ever copied, so nobody has to wait. */
  #seen = { epoch: '', server: '', at: Number.NEGATIVE_INFINITY }
  #claimDelay = MIN_CLAIM_DELAY_MS
  #identity: { readonly connection: object; readonly id: Promise<string>; retryAt: number } | undefined
  #isMaintaining = false

  constructor({ epochs, cache, prefix, observe, now }: CopyEpochOptions) {
    this.#epochs = epochs
    this.#cache = cache
    this.#prefix = prefix
    this.#observe = observe
    this.#now = now
  }

  /** The epoch of the latest reading, however old; undefined if there was none. */
  get known(): string | undefined {
    return this.#latest?.row.epoch
  }

  /** Returns undefined while no copy may be used. @throws StoreUnavailableError if the database does not answer */
  async current(): Promise<CurrentEpoch | undefined> {
    const { epoch, server } = await this.#row()
    const connection = await this.#connectionTo(server)
    return connection && { epoch, isValid: () => this.#cache.connection === connection }
  }

  /**
   * Removes or replaces copies after a change of their records. If the cache does not confirm it, no process uses any
   * copy from then on.
   *
   * @param work changes the copies of this epoch; repeatable
   * @returns the time (performance.now) from which no process uses a copy from before
   * @throws StoreUnavailableError if neither the cache nor the database confirms it
   */
  async settle(work: (epoch: string) => Promise<unknown>): Promise<number> {
    for (;;) {
      let row = await this.#row()
      // A reading from before the change of the record might miss that a cache is in force again.
      if (row.server === '') row = await this.refresh()
      if (row.server === '') {
        if (row.epoch === this.#seen.epoch) return this.#seen.at + SETTLE_MS
      } else {
        if (await this.#isConfirmed(row, work)) return performance.now()
        await this.#change(row, '', { type: 'copies', state: 'ended', reason: 'unconfirmed' })
      }
    }
  }

  /**
   * The same before a record ends. While no copies are used, it prepares the next epoch, which may begin before the end of
   * the record takes effect.
   */
  async prepare(work: (epoch: string) => Promise<unknown>): Promise<void> {
    await this.settle(work)
    const row = this.#latest?.row
    if (row === undefined || row.server !== '') return
    await work(nextEpoch(row.epoch)).catch((error: unknown) => {
      // Without the cache no copy can be made in it either, as far as this process can tell.
      if (!(error instanceof StoreUnavailableError)) throw error
    })
  }

  /** Reads the row, from after the call. @throws StoreUnavailableError */
  async refresh(): Promise<EpochRow> {
    const reading = this.#reading
    if (reading === undefined || !this.#isYoung(reading)) return await this.#begin()
    // Shared: when the cache fails, many requests want to know at once.
    this.#next ??= Promise.allSettled([reading.row]).then(() => {
      this.#next = undefined
      return this.#begin()
    })
    return await this.#next
  }

  #begin(): Promise<EpochRow> {
    const started = this.#start()
    const row = this.#read(started)
    this.#reading = { ...started, row }
    return row
  }

  async #isConfirmed({ epoch, server }: EpochRow, work: (epoch: string) => Promise<unknown>): Promise<boolean> {
    const connection = await this.#connectionTo(server)
    if (connection === undefined) return false
    try {
      await work(epoch)
      return this.#cache.connection === connection
    } catch (error) {
      if (!(error instanceof StoreUnavailableError)) throw error
      return false
    }
  }

  /** The connection, if it leads to the cache with this identity. */
  async #connectionTo(server: string): Promise<object | undefined> {
    const { connection } = this.#cache
    if (server === '') return undefined
    if (connection === undefined) {
      // Fails at once, and counts for the health check.
      await this.#cache.ping().catch(() => {})
      return undefined
    }
    const id = await this.#identify(connection).catch(() => undefined)
    return id === server ? connection : undefined
  }

  async #row(): Promise<EpochRow> {
    const latest = this.#latest
    const reading = this.#isYoung(this.#reading) ? this.#reading : undefined
    if (latest !== undefined && this.#isYoung(latest)) {
      if (reading === undefined && performance.now() - latest.at > REFRESH_AFTER_MS) void this.refresh().catch(() => {})
      return latest.row
    }
    return await (reading?.row ?? this.refresh())
  }

  async #read(started: Started): Promise<EpochRow> {
    try {
      const row = await this.#epochs.readEpoch()
      this.#keep(started, row)
      // The first copies are made at once.
      if (row.epoch === '') await this.#maintain(row)
      else void this.#maintain(row)
      return this.#latest?.row ?? row
    } finally {
      if (this.#reading?.at === started.at) this.#reading = undefined
    }
  }

  /** Readings may end in another order than they began in. */
  #keep(started: Started, row: EpochRow): void {
    if (this.#latest !== undefined && this.#latest.at > started.at) return
    this.#latest = { ...started, row }
    const { seen, now } = { seen: this.#seen, now: performance.now() }
    if (row.epoch === seen.epoch) return
    if (seen.server !== '') {
      const isShort = now - seen.at < MIN_EPOCH_MS
      this.#claimDelay = isShort ? Math.min(this.#claimDelay * 2, MAX_CLAIM_DELAY_MS) : MIN_CLAIM_DELAY_MS
    }
    this.#seen = { ...row, at: now }
  }

  /**
   * Puts this cache in force if there has been none for a while and it can be written, and ends the epoch of one that is
   * another. Never throws.
   */
  async #maintain(row: EpochRow): Promise<void> {
    const { connection } = this.#cache
    if (this.#isMaintaining || connection === undefined) return
    const isFree = row.server === ''
    if (isFree && performance.now() - this.#seen.at < this.#claimDelay) return
    this.#isMaintaining = true
    try {
      const known = await this.#identify(connection)
      if (known === row.server) return
      // Asked again: the identity of servers may change on an open connection.
      this.#identity = undefined
      const id = await this.#identify(connection)
      if (id === row.server || (isFree && !(await this.#canWrite())) || this.#cache.connection !== connection) return
      if (isFree) await this.#change(row, id, { type: 'copies', state: 'begun' })
      else await this.#change(row, '', { type: 'copies', state: 'ended', reason: 'another cache' })
    } catch {
      // The cache or the database does not answer; the next reading tries again.
    } finally {
      this.#isMaintaining = false
    }
  }

  /** A cache may answer and yet refuse all changes: a replica, a full disk, a user without the right. */
  async #canWrite(): Promise<boolean> {
    const name = `${this.#prefix}probe-${newEpoch()}`
    const entry = { version: 'probe', expires: this.#now() + PROBE_MS, body: Buffer.alloc(0) }
    return (await this.#cache.add(name, entry)) && (await this.#cache.delete(name)) === 'done'
  }

  /** Changes the row once for all calls, unless it is known to be another by now. */
  async #change(from: EpochRow, server: string, event: SessionEvent): Promise<void> {
    if (this.#latest?.row.epoch !== from.epoch) return
    this.#changing ??= this.#changeRow(from, server, event).finally(() => {
      this.#changing = undefined
    })
    await this.#changing
  }

  async #changeRow(from: EpochRow, server: string, event: SessionEvent): Promise<void> {
    const started = this.#start()
    const row = { epoch: server === '' ? newEpoch() : nextEpoch(from.epoch), server }
    if (await this.#epochs.changeEpoch(from.epoch, row)) {
      this.#keep(started, row)
      this.#observe(event)
    } else if (this.#latest?.row.epoch === from.epoch) {
      // Not read here: a reading may be waiting for this.
      this.#latest = { ...this.#latest, at: Number.NEGATIVE_INFINITY }
    }
  }

  #identify(connection: object): Promise<string> {
    const known = this.#identity
    if (known?.connection === connection && performance.now() < known.retryAt) return known.id
    const id = this.#cache
      .identity()
      .then((identity) =>
        hash('sha256', `${this.#prefix} ${this.#cache.staleFor} ${identity}`, 'base64url').slice(0, 22),
      )
    const identity = { connection, id, retryAt: Number.POSITIVE_INFINITY }
    this.#identity = identity
    id.catch((error: unknown) => {
      // A user who may not ask is refused every time.
      const isRefused = error instanceof StoreUnavailableError && error.answered
      identity.retryAt = isRefused ? performance.now() + IDENTITY_RETRY_MS : 0
    })
    return id
  }

  #start(): Started {
    return { at: performance.now(), wall: this.#now() }
  }

  /** By both clocks, because one of them stands still while a machine sleeps. */
  #isYoung(started: Started | undefined): boolean {
    if (started === undefined) return false
    const age = Math.max(performance.now() - started.at, Math.abs(this.#now() - started.wall))
    return age < MAX_ROW_AGE_MS
  }
}

/** The epoch that follows one without a cache: known in advance, see {@link CopyEpoch.prepare}. */
function nextEpoch(epoch: string): string {
  return epoch === '' ? newEpoch() : hash('sha256', epoch, 'base64url').slice(0, 12)
}
