import { StoreUnavailableError } from '../core/errors.ts'
import type { Observer } from '../core/events.ts'
import type { Outcome } from '../core/outcome.ts'
import type { Cache, CacheEntry, UserIndex } from './cache.ts'

/** Options for {@link CheckedCache}. */
export interface CheckedCacheOptions {
  /** Consecutive failures after which the cache counts as down; 3 by default. */
  readonly maxFailures?: number
  /** Seconds between two pings of a cache that is up, at most 3600; 60 by default. */
  readonly checkInterval?: number
  readonly observe?: Observer
}

const MIN_PING_DELAY = 250
const MAX_PING_DELAY = 5000
// Far below the maximum of setTimeout, beyond which it fires at once.
const MAX_CHECK_INTERVAL = 3600

/**
 * A circuit breaker around a cache. After some consecutive timeouts or lost connections the cache is down: every call
 * fails at once, so that no request waits for the timeout, and pings at growing intervals find out when it answers
 * again. A server that answers with an error is up. A cache that is up is pinged too, so that an idle application
 * notices an outage.
 */
export class CheckedCache implements Cache {
  readonly name: Cache['name']
  readonly users?: UserIndex
  /** Not blocked while the cache is down, when statistics are needed most. */
  readonly serverStats?: () => Promise<readonly object[]>
  /** Failures in a row after which the cache counts as down. */
  readonly maxFailures: number
  readonly #cache: Cache
  readonly #interval: number
  readonly #observe: Observer
  #state: 'up' | 'down' = 'up'
  #failures = 0
  #pingDelay = MIN_PING_DELAY
  #timer: NodeJS.Timeout | undefined
  #pinging = false
  #closed = false

  /**
   * @param cache the cache to check; closed with this one
   * @throws RangeError if `maxFailures` is below 1 or `checkInterval` is out of range
   */
  constructor(cache: Cache, { maxFailures = 3, checkInterval = 60, observe = () => {} }: CheckedCacheOptions = {}) {
    if (!(maxFailures >= 1)) throw new RangeError('maxFailures must be 1 or more')
    if (!(checkInterval > 0 && checkInterval <= MAX_CHECK_INTERVAL)) {
      throw new RangeError(`checkInterval must be above 0 and at most ${MAX_CHECK_INTERVAL} seconds`)
    }
    this.name = cache.name
    this.#cache = cache
    this.maxFailures = maxFailures
    this.#interval = checkInterval * 1000
    this.#observe = observe
    if (cache.serverStats !== undefined) this.serverStats = cache.serverStats.bind(cache)
    const { users } = cache
    if (users !== undefined) {
      this.users = {
        add: (userId, key, expires) => this.#unlessDown(() => users.add(userId, key, expires)),
        remove: (userId, key) => this.#unlessDown(() => users.remove(userId, key)),
        keys: (userId) => this.#unlessDown(() => users.keys(userId)),
      }
    }
    cache.onConnect?.(() => this.#reconnected())
    this.#scheduleCheck()
  }

  /** While `down`, calls fail without reaching the cache. */
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

  /** Stops the checks and closes the cache. */
  async close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#timer)
    await this.#cache.close()
  }

  async #unlessDown<T>(work: () => Promise<T>): Promise<T> {
    if (this.#state === 'down') throw new StoreUnavailableError(new Error(`The ${this.name} cache is down`))
    return await this.#tracked(work)
  }

  async #tracked<T>(work: () => Promise<T>): Promise<T> {
    try {
      const result = await work()
      this.#answered()
      return result
    } catch (error) {
      // Any other error is about the call, which may never have been sent.
      if (error instanceof StoreUnavailableError) {
        if (error.answered) this.#answered()
        else this.#failed()
      }
      throw error
    }
  }

  #answered(): void {
    this.#failures = 0
    this.#pingDelay = MIN_PING_DELAY
    if (this.#state === 'up') return
    this.#state = 'up'
    this.#observe({ type: 'cache-up' })
  }

  #failed(): void {
    this.#failures += 1
    if (this.#failures === 1) this.#scheduleCheck()
    if (this.#state === 'down' || this.#failures < this.maxFailures) return
    this.#state = 'down'
    this.#observe({ type: 'cache-down' })
  }

  // This proves nothing about the other servers, so it only checks earlier.
  #reconnected(): void {
    this.#pingDelay = MIN_PING_DELAY
    if (this.#failures > 0 && !this.#pinging && !this.#closed) void this.#check()
  }

  #scheduleCheck(): void {
    // A running check schedules the next one.
    if (this.#closed || this.#pinging) return
    clearTimeout(this.#timer)
    const delay = this.#failures === 0 ? this.#interval : this.#pingDelay
    if (this.#failures > 0) this.#pingDelay = Math.min(this.#pingDelay * 2, MAX_PING_DELAY)
    this.#timer = setTimeout(() => void this.#check(), delay).unref()
  }

  async #check(): Promise<void> {
    clearTimeout(this.#timer)
    this.#pinging = true
    // The outcome was counted.
    await this.#tracked(() => this.#cache.ping()).catch(() => {})
    this.#pinging = false
    this.#scheduleCheck()
  }
}
