import { withTimeout } from '../../session/core/timeout.ts'
import { hasStatistics, type SessionStore, type StoreStatistics } from '../../session/stores/store.ts'

/** The count of sessions. `impossible`: this store cannot count them. */
export type SessionCount =
  | { readonly state: 'known'; readonly at: number; readonly statistics: StoreStatistics }
  | { readonly state: 'counting' | 'failed' | 'impossible' }

const MIN_INTERVAL_MS = 10_000
// After counting for a second the store is left alone for 20 seconds.
const PAUSE_FACTOR = 20
const TIMEOUT_MS = 500

/** Counts the sessions of a store, once at a time and not too often, however many people look. */
export class SessionCounter {
  readonly #store: SessionStore | undefined
  readonly #now: () => number
  #last: SessionCount = { state: 'counting' }
  #due = 0
  #running: Promise<void> | undefined

  constructor(store: SessionStore | undefined, now: () => number = Date.now) {
    this.#store = store
    this.#now = now
  }

  /** The latest count; waits up to 500 ms for a new one. Never throws. */
  async get(): Promise<SessionCount> {
    if (this.#store === undefined || !hasStatistics(this.#store) || this.#store.countsByReading)
      return { state: 'impossible' }
    if (this.#now() >= this.#due) this.#running ??= this.#count(this.#store)
    if (this.#running !== undefined) await withTimeout(this.#running, TIMEOUT_MS).catch(() => {})
    return this.#last
  }

  async #count(store: { statistics(): Promise<StoreStatistics> }): Promise<void> {
    const start = this.#now()
    try {
      this.#last = { state: 'known', statistics: await store.statistics(), at: this.#now() }
    } catch {
      this.#last = { state: 'failed' }
    }
    this.#due = this.#now() + Math.max(MIN_INTERVAL_MS, PAUSE_FACTOR * (this.#now() - start))
    this.#running = undefined
  }
}
