import { StoreUnavailableError } from '../../core/errors.ts'
import type { Observer } from '../../core/events.ts'
import type { CopiedStore } from '../store.ts'
import type { Ahead, AheadCopies } from './ahead-copies.ts'
import type { CopyEpoch } from './copy-epoch.ts'

/** Options for {@link WritesDown}. */
export interface WritesDownOptions {
  readonly database: CopiedStore
  readonly ahead: AheadCopies
  readonly epoch: CopyEpoch
  readonly observe: Observer
  /** Returns milliseconds since 1970. */
  readonly now: () => number
  readonly delay?: number | undefined
  readonly maxWaiting?: number | undefined
}

const RETRY_DELAY_MS = 1000
const CONCURRENCY = 16
const MAX_LISTED = 64
// Changes that their process has not written by then, although it does so after a tenth of that, are written by others.
const ABANDONED_MS = 1000

/**
 * Writes changes to the database that were accepted by the cache: those of this process from memory, so that they do not
 * need the cache, and those of others that have not done it in time.
 */
export class WritesDown {
  readonly #database: CopiedStore
  readonly #ahead: AheadCopies
  readonly #epoch: CopyEpoch
  readonly #observe: Observer
  readonly #now: () => number
  readonly #delay: number
  readonly #maxWaiting: number
  readonly #waiting = new Map<string, Ahead>()
  readonly #writing = new Map<string, Promise<void>>()
  #flushing: Promise<number> | undefined
  #timer: NodeJS.Timeout | undefined
  #late: { readonly epoch: string; readonly done: Promise<void> } | undefined
  readonly #finishing: NodeJS.Timeout

  constructor({ database, ahead, epoch, observe, now, delay = 100, maxWaiting = 1000 }: WritesDownOptions) {
    this.#database = database
    this.#ahead = ahead
    this.#epoch = epoch
    this.#observe = observe
    this.#now = now
    this.#delay = delay
    this.#maxWaiting = maxWaiting
    const finish = () => void this.#writeListed((limit) => ahead.list(ABANDONED_MS + delay, limit)).catch(() => {})
    this.#finishing = setInterval(finish, ABANDONED_MS).unref()
  }

  /** Writes a change after the delay. */
  wait(change: Ahead): void {
    this.#waiting.set(change.key, change)
    this.#writeLater(this.#delay)
  }

  forget(key: string): void {
    this.#waiting.delete(key)
  }

  /** @throws StoreUnavailableError if too many changes wait for a database that is down */
  async waitForRoom(): Promise<void> {
    if (this.#waiting.size < this.#maxWaiting) return
    // All wait for one flush, or each would wait for another timeout of the database.
    await (this.#flushing ?? this.flush())
    if (this.#waiting.size >= this.#maxWaiting) {
      throw new StoreUnavailableError(new Error('The database is down, and too many changes are waiting for it'))
    }
  }

  /** Writes the waiting change of a session, if this process has one. @throws StoreUnavailableError */
  async write(key: string): Promise<void> {
    if (!this.#waiting.has(key)) return
    const writing = this.#writing.get(key) ?? this.#writeWaiting(key)
    this.#writing.set(key, writing)
    await writing
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

  /** Writes the changes that any process has accepted before the call. @throws StoreUnavailableError if some could not be */
  async writeAll(): Promise<void> {
    if ((await this.flush()) > 0) throw new StoreUnavailableError(new Error('The database does not take all changes'))
    await this.#writeListed((limit) => this.#ahead.list(0, limit))
  }

  /**
   * Writes, once for each epoch, what the cache has accepted from requests that nobody waited for any more: it may have
   * been read.
   *
   * @throws StoreUnavailableError if the database does not answer
   */
  async writeLate(epoch: string): Promise<void> {
    if (this.#late?.epoch !== epoch) {
      // A cache that does not answer does not show them to anybody either.
      const done = this.#writeListed((limit) => this.#ahead.list(0, limit).catch(ignoreOutage))
      this.#late = { epoch, done }
      done.catch(() => {
        if (this.#late?.done === done) this.#late = undefined
      })
    }
    await this.#late.done
  }

  /**
   * Writes a change over a state that it was made from. One that the row has gone past, or whose session has ended, is
   * dropped.
   *
   * @throws StoreUnavailableError
   */
  async writeDown(change: Ahead): Promise<void> {
    if (change.record === undefined || change.record.expires <= this.#now()) {
      return await this.#ahead.drop(change).catch(ignoreOutage)
    }
    const to = { from: change.from, version: change.version, record: change.record }
    for (;;) {
      const view = await this.#epoch.view()
      // Sessions have been read from the database since.
      if (view.state !== 'suspended' && view.epoch !== change.epoch) return await this.#lose(change)
      const outcome = await this.#database.saveOver(change.key, to, view.epoch, { live: false })
      if (outcome === 'done') {
        const noted = this.#ahead.written(change).catch(ignoreOutage)
        // The others are waiting for these changes, and not for the cache.
        return view.state === 'valid' ? await noted : undefined
      }
      if (outcome === 'missing') return await this.#ahead.drop(change).catch(ignoreOutage)
      if ((await this.#epoch.refresh()).epoch === view.epoch) return await this.#lose(change)
    }
  }

  /** @throws Error if some changes could not be written */
  async close(): Promise<void> {
    clearInterval(this.#finishing)
    const left = await this.flush()
    clearTimeout(this.#timer)
    if (left > 0) {
      throw new Error(
        `The changes of ${left} sessions could not be written to the database: any process with write_behind on the same cache will do it`,
      )
    }
  }

  /** Only the cache knows whether the row has a later state of the same change, which another process has written. */
  async #lose(change: Ahead): Promise<void> {
    const latest = await this.#ahead.find(change, change.key).catch(ignoreOutage)
    if (latest?.version !== change.version) return
    this.#observe({ type: 'write-behind-lost' })
    await this.#ahead.drop(change).catch(ignoreOutage)
  }

  /**
   * Writes what is listed, each session once: a cache that takes no changes any more lists the same again. A change that
   * the database refuses for itself stays on the list, so that it does not hold up all other sessions.
   */
  async #writeListed(list: (limit: number) => Promise<Ahead[] | undefined>): Promise<void> {
    const written = new Set<string>()
    let again = 0
    for (;;) {
      const limit = again + MAX_LISTED
      const listed = (await list(limit)) ?? []
      const changes = listed.filter(({ name }) => !written.has(name))
      again = listed.length - changes.length
      for (const { name } of changes) written.add(name)
      for (const result of await Promise.allSettled(changes.map((change) => this.writeDown(change)))) {
        if (result.status === 'rejected' && result.reason instanceof StoreUnavailableError) throw result.reason
      }
      if (listed.length < limit) return
    }
  }

  async #flush(): Promise<number> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const keys = [...this.#waiting.keys()]
    let failed = 0
    while (keys.length > 0) {
      const batch = keys.splice(0, CONCURRENCY)
      const results = await Promise.allSettled(batch.map((key) => this.write(key)))
      const refused = results.filter(({ status }) => status === 'rejected').length
      failed += refused
      // One failure must not hold up the others, but if all of a batch fail, the database is down.
      if (refused === batch.length) failed += keys.splice(0).length
    }
    if (failed > 0) this.#writeLater(RETRY_DELAY_MS)
    this.#observe({ type: 'write-behind', waiting: this.#waiting.size })
    return failed
  }

  #writeLater(delay: number): void {
    this.#timer ??= setTimeout(() => void this.flush(), delay).unref()
  }

  async #writeWaiting(key: string): Promise<void> {
    try {
      for (let change = this.#waiting.get(key); change !== undefined; change = this.#waiting.get(key)) {
        await this.writeDown(change)
        // A newer change may have replaced it.
        if (this.#waiting.get(key) === change) this.#waiting.delete(key)
      }
    } finally {
      this.#writing.delete(key)
    }
  }
}

function ignoreOutage(error: unknown): undefined {
  if (!(error instanceof StoreUnavailableError)) throw error
}
