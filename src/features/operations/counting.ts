import { within } from '../../session/core/timeout.ts'
import { hasStatistics, type SessionStore, type StoreStatistics } from '../../session/stores/store.ts'

/** What is known of the sessions there are. `impossible`: this store cannot count them. */
export type Counted =
  | { readonly state: 'known'; readonly at: number; readonly statistics: StoreStatistics }
  | { readonly state: 'counting' | 'failed' | 'impossible' }

const FRESH = 10_000
// A table that takes seconds to count is left alone for most of the time.
const REST = 20
const TIMEOUT = 500

/** Counts a store's sessions, however many people look: once at a time, and not again for a while. */
export class Counting {
  readonly #store: SessionStore | undefined
  readonly #now: () => number
  #last: Counted = { state: 'counting' }
  #due = 0
  #running: Promise<void> | undefined

  constructor(store: SessionStore | undefined, now: () => number = Date.now) {
    this.#store = store
    this.#now = now
  }

  /** The newest figures there are; waits for better ones for a moment only. Never throws. */
  async get(): Promise<Counted> {
    if (this.#store === undefined || !hasStatistics(this.#store)) return { state: 'impossible' }
    if (this.#now() >= this.#due) this.#running ??= this.#count(this.#store)
    if (this.#running !== undefined) await within(this.#running, TIMEOUT).catch(() => {})
    return this.#last
  }

  async #count(store: { statistics(): Promise<StoreStatistics> }): Promise<void> {
    const start = this.#now()
    try {
      this.#last = { state: 'known', statistics: await store.statistics(), at: this.#now() }
    } catch {
      this.#last = { state: 'failed' }
    }
    this.#due = this.#now() + Math.max(FRESH, REST * (this.#now() - start))
    this.#running = undefined
  }
}
