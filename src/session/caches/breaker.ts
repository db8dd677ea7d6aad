import { BrokenCircuitError, CircuitState, ConsecutiveBreaker, circuitBreaker, handleType } from 'cockatiel'
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
 * A cache that is left alone while it is out, so that requests do not wait for its timeout again and again: after some
 * failures in a row every call fails at once, until a probe finds it well.
 */
export class BreakerCache implements Cache {
  readonly name: Cache['name']
  readonly users?: UserIndex
  readonly #cache: Cache
  readonly #interval: number
  readonly #breaker: ReturnType<typeof circuitBreaker>
  #probe: NodeJS.Timeout | undefined

  constructor(cache: Cache, { maxFailures = 3, checkInterval = 60, observe = () => {} }: BreakerOptions = {}) {
    this.name = cache.name
    this.#cache = cache
    this.#interval = checkInterval * 1000
    const breaker = new ConsecutiveBreaker(maxFailures)
    this.#breaker = circuitBreaker(handleType(StoreUnavailableError), { halfOpenAfter: this.#interval, breaker })
    this.#breaker.onStateChange((state) => {
      const name = NAMES[state]
      observe({ type: 'breaker', state: name })
      if (name === 'open') this.#probeLater()
    })
    const { users } = cache
    if (users !== undefined) {
      this.users = {
        add: (userId, key, expires) => this.#guarded(() => users.add(userId, key, expires)),
        remove: (userId, key) => this.#guarded(() => users.remove(userId, key)),
        keys: (userId) => this.#guarded(() => users.keys(userId)),
      }
    }
  }

  /** Whether calls go through; half-open while one of them is the probe. */
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

  async close(): Promise<void> {
    clearTimeout(this.#probe)
    await this.#cache.close()
  }

  async #guarded<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await this.#breaker.execute(work)
    } catch (error) {
      throw error instanceof BrokenCircuitError ? new StoreUnavailableError(error) : error
    }
  }

  // Traffic would probe too, but a quiet site should not find the cache still given up in the morning.
  #probeLater(): void {
    clearTimeout(this.#probe)
    // The probe itself may come a moment too early by the breaker's clock, and is then asked again.
    const probe = () => this.ping().catch(() => (this.state === 'open' ? this.#probeLater() : undefined))
    this.#probe = setTimeout(() => void probe(), this.#interval).unref()
  }
}

const NAMES = {
  [CircuitState.Closed]: 'closed',
  [CircuitState.Open]: 'open',
  [CircuitState.HalfOpen]: 'half-open',
  [CircuitState.Isolated]: 'open',
} as const
