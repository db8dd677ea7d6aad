import { StoreUnavailableError } from '../core/errors.ts'
import type { Observer } from '../core/events.ts'
import type { Outcome } from '../core/outcome.ts'
import type { AheadIndex, Cache, CacheEntry, KeyListing, UserIndex } from './cache.ts'

/** Options for {@link CheckedCache}. */
export interface CheckedCacheOptions {
  /** Consecutive failures after which a server counts as down; 3 by default. */
  readonly maxFailures?: number
  /** Seconds between two pings of a cache that is up, at most 3600; 60 by default. */
  readonly checkInterval?: number
  readonly observe?: Observer
}

const MIN_PING_DELAY = 250
const MAX_PING_DELAY = 5000
// Far below the maximum of setTimeout, beyond which it fires at once.
const MAX_CHECK_INTERVAL = 3600

/** What is known of one server. */
interface Server {
  readonly name: string
  failures: number
  isDown: boolean
  pingDelay: number
  isPinging: boolean
  timer?: NodeJS.Timeout
  // Kept, so that a call allocates no functions.
  readonly onReply: <T>(result: T) => T
  readonly onError: (error: unknown) => never
}

/**
 * A circuit breaker around a cache, for each of its servers. After some consecutive timeouts or lost connections a server
 * is down: calls for its keys fail at once, so that no request waits for the timeout, and pings at growing intervals find
 * out when it answers again. A server that answers with an error is up. Servers that are up are pinged too, so that an
 * idle application notices an outage.
 */
export class CheckedCache implements Cache {
  readonly name: Cache['name']
  readonly keepsObjects: boolean | undefined
  readonly users?: UserIndex
  readonly listing?: KeyListing
  readonly ahead?: (index: string) => AheadIndex
  readonly staleFor: number
  /** Not blocked while the cache is down, when statistics are needed most. */
  readonly serverStats?: () => Promise<readonly object[]>
  /** Failures in a row after which a server counts as down. */
  readonly maxFailures: number
  readonly #cache: Cache
  readonly #interval: number
  readonly #observe: Observer
  readonly #servers = new Map<string, Server>()
  #state: 'up' | 'down' = 'up'
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
    this.keepsObjects = cache.keepsObjects
    this.staleFor = cache.staleFor
    this.#cache = cache
    this.maxFailures = maxFailures
    this.#interval = checkInterval * 1000
    this.#observe = observe
    if (cache.serverStats !== undefined) this.serverStats = cache.serverStats.bind(cache)
    if (cache.listing !== undefined) this.listing = cache.listing
    const { users } = cache
    if (users !== undefined) {
      this.users = {
        add: (userId, key, expires) => this.#onIndex(() => users.add(userId, key, expires)),
        remove: (userId, key) => this.#onIndex(() => users.remove(userId, key)),
        keys: (userId) => this.#onIndex(() => users.keys(userId)),
        ...(users.all === undefined ? {} : { all: users.all }),
      }
    }
    const ahead = cache.ahead?.bind(cache)
    if (ahead !== undefined) this.ahead = (index) => this.#checkedIndex(ahead(index))
    cache.onConnect?.(() => this.#reconnected())
    for (const name of this.#names()) this.#scheduleCheck(this.#server(name))
  }

  /** `down` while any server is: calls for its keys then fail without reaching it. */
  get state(): 'up' | 'down' {
    return this.#state
  }

  get connection(): object | undefined {
    return this.#cache.connection
  }

  async identity(): Promise<string> {
    if (this.#state === 'down') throw this.#unavailable()
    const ask = () => this.#cache.identity()
    // Of several servers, one that does not answer is unknown.
    return await (this.#cache.servers === undefined ? this.#tracked(this.#server(''), ask) : ask())
  }

  get(key: string): Promise<CacheEntry | undefined> {
    return this.#unlessDown(key, () => this.#cache.get(key))
  }

  add(key: string, entry: CacheEntry): Promise<boolean> {
    return this.#unlessDown(key, () => this.#cache.add(key, entry))
  }

  swap(key: string, version: string, entry: CacheEntry): Promise<Outcome> {
    return this.#unlessDown(key, () => this.#cache.swap(key, version, entry))
  }

  delete(key: string, version?: string): Promise<Outcome> {
    return this.#unlessDown(key, () => this.#cache.delete(key, version))
  }

  async ping(): Promise<void> {
    if (this.#state === 'down') throw this.#unavailable()
    await Promise.all(this.#names().map((name) => this.#ping(this.#server(name))))
  }

  /** Stops the checks and closes the cache. */
  async close(): Promise<void> {
    this.#closed = true
    for (const { timer } of this.#servers.values()) clearTimeout(timer)
    await this.#cache.close()
  }

  #names(): readonly string[] {
    return this.#cache.servers?.names() ?? ['']
  }

  #server(name: string): Server {
    let server = this.#servers.get(name)
    if (server === undefined) {
      server = this.#newServer(name)
      this.#servers.set(name, server)
    }
    return server
  }

  #newServer(name: string): Server {
    const server: Server = {
      name,
      failures: 0,
      isDown: false,
      pingDelay: MIN_PING_DELAY,
      isPinging: false,
      onReply: (result) => {
        this.#answered(server)
        return result
      },
      onError: (error) => {
        // Any other error is about the call, which may never have been sent.
        if (error instanceof StoreUnavailableError) {
          if (error.answered) this.#answered(server)
          else this.#failed(server)
        }
        throw error
      },
    }
    return server
  }

  #unlessDown<T>(key: string, work: () => Promise<T>): Promise<T> {
    return this.#tracked(this.#server(this.#cache.servers?.of(key) ?? ''), work)
  }

  /** Only a cache on a single server has one. */
  #checkedIndex(index: AheadIndex): AheadIndex {
    const checked = <T>(work: () => Promise<T>) => this.#tracked(this.#server(''), work)
    return {
      swap: (key, version, entry) => checked(() => index.swap(key, version, entry)),
      find: (key) => checked(() => index.find(key)),
      list: (minAge, limit) => checked(() => index.list(minAge, limit)),
      written: (key, version, life) => checked(() => index.written(key, version, life)),
      drop: (key, version) => checked(() => index.drop(key, version)),
    }
  }

  /** The servers of a user's index are not those of its keys. */
  async #onIndex<T>(work: () => Promise<T>): Promise<T> {
    return await (this.#cache.servers === undefined ? this.#tracked(this.#server(''), work) : work())
  }

  #tracked<T>(server: Server, work: () => Promise<T>): Promise<T> {
    if (server.isDown) return Promise.reject(this.#unavailable())
    return this.#counted(server, work)
  }

  async #ping(server: Server): Promise<void> {
    const { servers } = this.#cache
    await this.#counted(server, () =>
      servers === undefined || server.name === '' ? this.#cache.ping() : servers.ping(server.name),
    )
  }

  #counted<T>(server: Server, work: () => Promise<T>): Promise<T> {
    return begun(work).then(server.onReply, server.onError)
  }

  #answered(server: Server): void {
    server.failures = 0
    server.pingDelay = MIN_PING_DELAY
    server.isDown = false
    if (this.#state === 'up' || [...this.#servers.values()].some(({ isDown }) => isDown)) return
    this.#state = 'up'
    this.#observe({ type: 'cache-up' })
  }

  #failed(server: Server): void {
    server.failures += 1
    if (server.failures === 1) this.#scheduleCheck(server)
    if (server.failures < this.maxFailures) return
    server.isDown = true
    if (this.#state === 'down') return
    this.#state = 'down'
    this.#observe({ type: 'cache-down' })
  }

  // This may be any of the servers, so it only checks earlier.
  #reconnected(): void {
    for (const server of this.#servers.values()) {
      server.pingDelay = MIN_PING_DELAY
      if (server.failures > 0 && !server.isPinging && !this.#closed) void this.#check(server)
    }
  }

  #scheduleCheck(server: Server): void {
    // A running check schedules the next one.
    if (this.#closed || server.isPinging) return
    clearTimeout(server.timer)
    const delay = server.failures === 0 ? this.#interval : server.pingDelay
    if (server.failures > 0) server.pingDelay = Math.min(server.pingDelay * 2, MAX_PING_DELAY)
    server.timer = setTimeout(() => void this.#check(server), delay).unref()
  }

  async #check(server: Server): Promise<void> {
    clearTimeout(server.timer)
    server.isPinging = true
    // The outcome was counted.
    await this.#ping(server).catch(() => {})
    server.isPinging = false
    this.#scheduleCheck(server)
  }

  #unavailable(): StoreUnavailableError {
    return new StoreUnavailableError(new Error(`The ${this.name} cache is down`))
  }
}

/** An application's own cache may throw at once, where it should reject. Not an async function: every request passes here. */
function begun<T>(work: () => Promise<T>): Promise<T> {
  try {
    return Promise.resolve(work())
  } catch (error) {
    return Promise.reject(error)
  }
}
