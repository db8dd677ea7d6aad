import { StoreUnavailableError } from '../core/errors.ts'
import type { Observer } from '../core/events.ts'
import type { Outcome } from '../core/outcome.ts'
import type { Cache, CacheEntry, UserIndex } from './cache.ts'

/** Options for {@link CheckedCache}. */
export interface CheckedCacheOptions {
  /** Failures in a row after which the cache counts as down; 3 by default. */
  readonly maxFailures?: number
  /** Seconds between two checks of a cache that answers, 3600 at most; 60 by default. */
  readonly checkInterval?: number
  readonly observe?: Observer
}

const MIN_PAUSE = 250
const MAX_PAUSE = 5000
// Far below what a timer can hold: beyond that it fires at once, again and again.
const MAX_INTERVAL = 3600

/**
 * A cache whose health is checked. A failure is silence; a server that answers with an error is up. After some failures
 * in a row the cache is down: every call fails at once, so that no request waits for the timeout, and pings, one at a time
 * and at growing intervals, find out when it answers again. One that is up is pinged now and then, so that an idle
 * application notices an outage.
 */
export class CheckedCache implements Cache {
  readonly name: Cache['name']
  readonly users?: UserIndex
  /** Asked whatever the state: how a server fares is of most interest while it is down. */
  readonly serverFigures?: () => Promise<readonly object[]>
  /** Failures in a row after which the cache counts as down. */
  readonly maxFailures: number
  readonly #cache: Cache
  readonly #interval: number
  readonly #observe: Observer
  #state: 'up' | 'down' = 'up'
  #failures = 0
  #pause = MIN_PAUSE
  #timer: NodeJS.Timeout | undefined
  #pinging = false
  #closed = false

  /** @throws RangeError for settings out of their bounds */
  constructor(cache: Cache, { maxFailures = 3, checkInterval = 60, observe = () => {} }: CheckedCacheOptions = {}) {
    if (!(maxFailures >= 1)) throw new RangeError('maxFailures must be 1 or more')
    if (!(checkInterval > 0 && checkInterval <= MAX_INTERVAL)) {
      throw new RangeError(`checkInterval must be above 0 and at most ${MAX_INTERVAL} seconds`)
    }
    this.name = cache.name
    this.#cache = cache
    this.maxFailures = maxFailures
    this.#interval = checkInterval * 1000
    this.#observe = observe
    if (cache.serverFigures !== undefined) this.serverFigures = cache.serverFigures.bind(cache)
    const { users } = cache
    if (users !== undefined) {
      this.users = {
        add: (userId, key, expires) => this.#unlessDown(() => users.add(userId, key, expires)),
        remove: (userId, key) => this.#unlessDown(() => users.remove(userId, key)),
        keys: (userId) => this.#unlessDown(() => users.keys(userId)),
      }
    }
    cache.onConnect?.(() => this.#reconnected())
    this.#checkLater()
  }

  /** Calls reach the cache while it is up. */
  get state(): 'up' | 'down' {
    return this.#state
  }

  async get(key: string): Promise<CacheEntry | undefined> {
    return await this.#unlessDown(() => this.#cache.get(key))
  }

  async add(key: string, entry: CacheEntry): Promise<boolean> {
    return await this.#unlessDown(() => this.#cache.add(key, entry))
  }

  async swap(key: string, version: string, entry: CacheEntry): Promise<Outcome> {
    return await this.#unlessDown(() => this.#cache.swap(key, version, entry))
  }

  async delete(key: string, version?: string): Promise<Outcome> {
    return await this.#unlessDown(() => this.#cache.delete(key, version))
  }

  async ping(): Promise<void> {
    await this.#unlessDown(() => this.#cache.ping())
  }

  /** Ends the checks, and closes the cache. */
  async close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#timer)
    await this.#cache.close()
  }

  async #unlessDown<T>(work: () => Promise<T>): Promise<T> {
    if (this.#state === 'down') throw new StoreUnavailableError(new Error(`The ${this.name} cache is down`))
    return await this.#watched(work)
  }

  async #watched<T>(work: () => Promise<T>): Promise<T> {
    try {
      const result = await work()
      this.#answered()
      return result
    } catch (error) {
      // Any other error is about the call: it may never have been sent.
      if (error instanceof StoreUnavailableError) {
        if (error.answered) this.#answered()
        else this.#failed()
      }
      throw error
    }
  }

  #answered(): void {
    this.#failures = 0
    this.#pause = MIN_PAUSE
    if (this.#state === 'up') return
    this.#state = 'up'
    this.#observe({ type: 'cache-up' })
  }

  #failed(): void {
    this.#failures += 1
    if (this.#failures === 1) this.#checkLater()
    if (this.#state === 'down' || this.#failures < this.maxFailures) return
    this.#state = 'down'
    this.#observe({ type: 'cache-down' })
  }

  // Not an answer: of several servers another may still be silent.
  #reconnected(): void {
    this.#pause = MIN_PAUSE
    if (this.#failures > 0 && !this.#pinging && !this.#closed) void this.#check()
  }

  #checkLater(): void {
    // The end of a check sees to the next one.
    if (this.#closed || this.#pinging) return
    clearTimeout(this.#timer)
    const pause = this.#failures === 0 ? this.#interval : this.#pause
    if (this.#failures > 0) this.#pause = Math.min(this.#pause * 2, MAX_PAUSE)
    this.#timer = setTimeout(() => void this.#check(), pause).unref()
  }

  async #check(): Promise<void> {
    clearTimeout(this.#timer)
    this.#pinging = true
    // What comes of it has been noted.
    await this.#watched(() => this.#cache.ping()).catch(() => {})
    this.#pinging = false
    this.#checkLater()
  }
}
