import { CircuitState, ConsecutiveBreaker, circuitBreaker, handleType } from 'cockatiel'
import { StoreUnavailableError } from '../errors.ts'
import type { Observer } from '../observe/events.ts'
import type { Outcome } from '../stores/store.ts'
import type { Cache, CacheEntry, UserIndex } from './cache.ts'

/** How {@link BreakerCache} decides that a cache is out. */
export interface BreakerOptions {
  /** Failures in a row that open the breaker; 3 by default. */
  readonly maxFailures?: number
  /** Seconds between two probes of a cache that is out; 60 by default. */
  readonly checkInterval?: number
  readonly observe?: Observer
}

/**
 * A cache that is left alone while it is out, so that no request waits for its timeout again and again: after some
 * failures in a row every call fails at once, until a probe finds it well. No request is ever the probe.
 */
export class BreakerCache implements Cache {
  readonly name: Cache['name']
  readonly users?: UserIndex
  /** Asked whatever the state: how a server fares is of most interest while it is out. */
  readonly serverFigures?: () => Promise<readonly object[]>
  readonly #cache: Cache
  readonly #interval: number
  readonly #breaker: ReturnType<typeof circuitBreaker>
  #timer: NodeJS.Timeout | undefined
  #closed = false

  constructor(cache: Cache, { maxFailures = 3, checkInterval = 60, observe = () => {} }: BreakerOptions = {}) {
    this.name = cache.name
    this.#cache = cache
    this.#interval = checkInterval * 1000
    const breaker = new ConsecutiveBreaker(maxFailures)
    // While it is open only the probe gets so far, and that comes when it is due.
    this.#breaker = circuitBreaker(handleType(StoreUnavailableError), { halfOpenAfter: 0, breaker })
    this.#breaker.onStateChange((state) => {
      const name = NAMES[state]
      observe({ type: 'breaker', state: name })
      if (name === 'open') this.#probeLater()
    })
    if (cache.serverFigures !== undefined) this.serverFigures = cache.serverFigures.bind(cache)
    const { users } = cache
    if (users !== undefined) {
      this.users = {
        add: (userId, key, expires) => this.#guarded(() => users.add(userId, key, expires)),
        remove: (userId, key) => this.#guarded(() => users.remove(userId, key)),
        keys: (userId) => this.#guarded(() => users.keys(userId)),
      }
    }
  }

  /** Calls go through while it is closed; half-open is the time of a probe. */
  get state(): 'closed' | 'open' | 'half-open' {
    return NAMES[this.#breaker.state]
  }

  async get(key: string): Promise<CacheEntry | undefined> {
    return await this.#guarded(() => this.#cache.get(key))
  }

  async add(key: string, entry: CacheEntry): Promise<boolean> {
    return await this.#guarded(() => this.#cache.add(key, entry))
  }

  async swap(key: string, version: string, entry: CacheEntry): Promise<Outcome> {
    return await this.#guarded(() => this.#cache.swap(key, version, entry))
  }

  async delete(key: string, version?: string): Promise<Outcome> {
    return await this.#guarded(() => this.#cache.delete(key, version))
  }

  async ping(): Promise<void> {
    await this.#guarded(() => this.#cache.ping())
  }

  /** Ends the probes, and closes the cache. */
  async close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#timer)
    await this.#cache.close()
  }

  async #guarded<T>(work: () => Promise<T>): Promise<T> {
    if (this.state !== 'closed') throw new StoreUnavailableError(new Error(`The ${this.name} cache is out`))
    return await this.#breaker.execute(work)
  }

  #probeLater(): void {
    clearTimeout(this.#timer)
    if (!this.#closed) this.#timer = setTimeout(() => void this.#probe(), this.#interval).unref()
  }

  async #probe(): Promise<void> {
    try {
      await this.#breaker.execute(() => this.#cache.ping())
    } catch {
      // Also where the system's clock was set back, and the breaker takes the probe for premature.
      if (this.state === 'open') this.#probeLater()
    }
  }
}

const NAMES = {
  [CircuitState.Closed]: 'closed',
  [CircuitState.Open]: 'open',
  [CircuitState.HalfOpen]: 'half-open',
  [CircuitState.Isolated]: 'open',
} as const
