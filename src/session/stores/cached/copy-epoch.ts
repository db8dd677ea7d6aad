import { hash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Cache } from '../../caches/cache.ts'
import { StoreUnavailableError } from '../../core/errors.ts'
import type { Observer, SessionEvent } from '../../core/events.ts'
import { type EpochRow, type EpochStore, newEpoch } from '../store.ts'
import { KnownEpochRow, MAX_ROW_AGE_MS } from './epoch-row.ts'

// Timers may fire a little early.
const SETTLE_MS = MAX_ROW_AGE_MS + 50
const IDENTITY_RETRY_MS = 5000
/** Milliseconds without a cache in force before one is: no process can still go by the row from before. */
export const MIN_CLAIM_DELAY_MS = 2000
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
  /** What a save does to the copies: processes that do different things never use copies at the same time. */
  readonly kind: string
  /** Called before this process puts its cache in force; if it throws, the cache is not. */
  readonly beforeClaim?: () => Promise<void>
  readonly observe: Observer
  /** Returns milliseconds since 1970. */
  readonly now: () => number
}

/** The identity of the cache behind a connection. */
interface Identity {
  readonly connection: object
  readonly id: Promise<string>
  /** The same, once it has been determined. */
  knownId?: string
  /** When to ask again (performance.now), after an error. */
  retryAt: number
}

/** Which copies may be used now. */
export type EpochView = ValidEpoch | SuspendedEpoch | UnreachableEpoch

/** The copies of this epoch may be used. */
export interface ValidEpoch {
  readonly state: 'valid'
  readonly epoch: string
  /** Whether the connection is still the one that it was determined for. */
  isValid(): boolean
}

/** No process may use copies. */
export interface SuspendedEpoch {
  readonly state: 'suspended'
  readonly epoch: string
  /** When this process first saw it (performance.now). */
  readonly since: number
}

/** A cache is in force that this process does not reach. */
export interface UnreachableEpoch {
  readonly state: 'unreachable'
  readonly epoch: string
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
  readonly #row: KnownEpochRow
  readonly #cache: Cache
  readonly #options: CopyEpochOptions
  #changing: Promise<void> | undefined
  #claimDelay = MIN_CLAIM_DELAY_MS
  #identity: Identity | undefined
  #valid: { readonly row: EpochRow; readonly connection: object; readonly view: ValidEpoch } | undefined
  #isMaintaining = false

  constructor(options: CopyEpochOptions) {
    const { epochs, cache, now } = options
    this.#options = options
    this.#cache = cache
    this.#row = new KnownEpochRow({
      epochs,
      now,
      onRead: (row) => this.#maintain(row),
      onEnd: (lasted) => {
        const isShort = lasted < MIN_EPOCH_MS
        this.#claimDelay = isShort ? Math.min(this.#claimDelay * 2, MAX_CLAIM_DELAY_MS) : MIN_CLAIM_DELAY_MS
      },
    })
  }

  /** The epoch of the latest reading, however old; undefined if there was none. */
  get known(): string | undefined {
    return this.#row.latest?.epoch
  }

  /** Returns which copies may be used. @throws StoreUnavailableError if the database does not answer */
  async view(): Promise<EpochView> {
    const row = await this.#row.read()
    const { epoch, server } = row
    if (server === '') return { state: 'suspended', epoch, since: this.#row.seenAt }
    const connection = await this.#connectionTo(server)
    return connection === undefined ? { state: 'unreachable', epoch } : this.#validView(row, connection)
  }

  /** The same, or undefined while no copy may be used. @throws StoreUnavailableError if the database does not answer */
  async current(): Promise<ValidEpoch | undefined> {
    const view = await this.view()
    return view.state === 'valid' ? view : undefined
  }

  /** The same without a promise, as nearly always possible; undefined if {@link current} must be awaited. */
  currentIfKnown(): ValidEpoch | undefined {
    const row = this.#row.young()
    if (row === undefined) return undefined
    const connection = this.#knownConnectionTo(row.server)
    return connection && this.#validView(row, connection)
  }

  /** Waits for a cache that answers to come into force, which takes seconds after another one. @throws StoreUnavailableError */
  async waitForCache(): Promise<void> {
    const begun = performance.now()
    const isSoon = () => performance.now() - begun < this.#claimDelay + 2 * MAX_ROW_AGE_MS
    const answers = () =>
      this.#cache.ping().then(
        () => true,
        () => false,
      )
    while ((await this.current()) === undefined && isSoon() && (await answers())) await sleep(MAX_ROW_AGE_MS)
  }

  /** Reads the row, from after the call. @throws StoreUnavailableError */
  async refresh(): Promise<EpochRow> {
    return await this.#row.refresh()
  }

  /** From now on no process uses copies, unless the epoch is another by now. @throws StoreUnavailableError */
  async suspend(epoch: string): Promise<void> {
    const row = await this.#row.read()
    if (row.epoch === epoch && row.server !== '')
      await this.#change(row, '', { type: 'copies', state: 'ended', reason: 'unreachable' })
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
      let row = this.#row.young() ?? (await this.#row.read())
      // A reading from before the change of the record might miss that a cache is in force again.
      if (row.server === '') row = await this.refresh()
      if (row.server === '') {
        if (row.epoch === this.known) return this.#row.seenAt + SETTLE_MS
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
    const row = this.#row.latest
    if (row === undefined || row.server !== '') return
    await work(nextEpoch(row.epoch)).catch((error: unknown) => {
      // Without the cache no copy can be made in it either, as far as this process can tell.
      if (!(error instanceof StoreUnavailableError)) throw error
    })
  }

  async #isConfirmed({ epoch, server }: EpochRow, work: (epoch: string) => Promise<unknown>): Promise<boolean> {
    const connection = this.#knownConnectionTo(server) ?? (await this.#connectionTo(server))
    if (connection === undefined) return false
    try {
      await work(epoch)
      return this.#cache.connection === connection
    } catch (error) {
      if (!(error instanceof StoreUnavailableError)) throw error
      return false
    }
  }

  /** One object for each row and connection, because every load needs one. */
  #validView(row: EpochRow, connection: object): ValidEpoch {
    const known = this.#valid
    if (known?.row === row && known.connection === connection) return known.view
    const isValid = () => this.#cache.connection === connection
    const view: ValidEpoch = { state: 'valid', epoch: row.epoch, isValid }
    this.#valid = { row, connection, view }
    return view
  }

  /** The connection, if it is known to lead to the cache with this identity. */
  #knownConnectionTo(server: string): object | undefined {
    const identity = this.#identity
    const { connection } = this.#cache
    const isKnown = server !== '' && identity?.knownId === server && identity.connection === connection
    return isKnown ? connection : undefined
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

  /**
   * Puts this cache in force if there has been none for a while and it can be written, and ends the epoch of one that is
   * another. Never throws.
   */
  async #maintain(row: EpochRow): Promise<void> {
    const { connection } = this.#cache
    if (this.#isMaintaining || connection === undefined) return
    const isFree = row.server === ''
    if (isFree && performance.now() - this.#row.seenAt < this.#claimDelay) return
    this.#isMaintaining = true
    try {
      const known = await this.#identify(connection)
      if (known === row.server) return
      // Asked again: the identity of servers may change on an open connection.
      this.#identity = undefined
      const id = await this.#identify(connection)
      if (id === row.server || (isFree && !(await this.#canWrite()))) return
      // Before the first epoch there were no copies, and the reading waits for this.
      if (isFree && row.epoch !== '') await this.#options.beforeClaim?.()
      if (this.#cache.connection !== connection) return
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
    const { prefix, now } = this.#options
    const name = `${prefix}probe-${newEpoch()}`
    const entry = { version: 'probe', expires: now() + PROBE_MS, body: Buffer.alloc(0) }
    return (await this.#cache.add(name, entry)) && (await this.#cache.delete(name)) === 'done'
  }

  /** Changes the row once for all calls, unless it is known to be another by now. */
  async #change(from: EpochRow, server: string, event: SessionEvent): Promise<void> {
    if (this.known !== from.epoch) return
    this.#changing ??= this.#changeRow(from, server, event).finally(() => {
      this.#changing = undefined
    })
    await this.#changing
  }

  async #changeRow(from: EpochRow, server: string, event: SessionEvent): Promise<void> {
    const row = { epoch: server === '' ? newEpoch() : nextEpoch(from.epoch), server }
    if (await this.#row.change(from, row)) this.#options.observe(event)
  }

  #identify(connection: object): Promise<string> {
    const known = this.#identity
    if (known?.connection === connection && performance.now() < known.retryAt) return known.id
    const { prefix, kind } = this.#options
    const id = this.#cache
      .identity()
      .then((identity) =>
        hash('sha256', `${prefix} ${kind} ${this.#cache.staleFor} ${identity}`, 'base64url').slice(0, 22),
      )
    const identity: Identity = { connection, id, retryAt: Number.POSITIVE_INFINITY }
    this.#identity = identity
    id.then(
      (knownId) => {
        identity.knownId = knownId
      },
      (error: unknown) => {
        // A user who may not ask is refused every time.
        const isRefused = error instanceof StoreUnavailableError && error.answered
        identity.retryAt = isRefused ? performance.now() + IDENTITY_RETRY_MS : 0
      },
    )
    return id
  }
}

/** The epoch that follows one without a cache: known in advance, see {@link CopyEpoch.prepare}. */
function nextEpoch(epoch: string): string {
  return epoch === '' ? newEpoch() : hash('sha256', epoch, 'base64url').slice(0, 12)
}
