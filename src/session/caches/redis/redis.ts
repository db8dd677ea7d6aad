import { StoreUnavailableError } from '../../core/errors.ts'
import type { Outcome } from '../../core/outcome.ts'
import { type Cache, type CacheEntry, DAMAGED, type UserIndex } from '../cache.ts'
import { pack, unpack } from '../frame.ts'
import { LocalCopies } from './local-copies.ts'
import { isReply, RedisClient, type RedisClientOptions } from './redis-client.ts'
import { dial } from './redis-dial.ts'
import { borrow, checkExistingClient, type ExistingRedisClient } from './redis-existing.ts'
import { FIGURE_COMMANDS, type RedisFigures, readFigures } from './redis-figures.ts'
import { ADD, DELETE, INDEX, SWAP } from './redis-scripts.ts'
import { explainDialError } from './redis-trouble.ts'
import { parseRedisUrl } from './redis-url.ts'

/** Where a {@link RedisCache} is and how patient. */
export interface RedisCacheOptions {
  /**
   * redis://host:port/database, redis-cluster://host:port,host:port or redis-sentinel://host:port,host:port/master, with
   * user:password@ before the first host; rediss, rediss-cluster and rediss-sentinel for TLS. Left out with a client.
   */
  readonly url?: string
  /**
   * In place of a URL, a client of the package redis (5 or later) for a single server. The caller connects it before
   * {@link RedisCache.connect} and closes it after {@link RedisCache.close}; it may do other work as well.
   */
  readonly client?: ExistingRedisClient
  /** Milliseconds that a server has to accept and greet; 1000 by default. */
  readonly connectTimeout?: number
  /** Milliseconds that a command has from its call to its answer; 500 by default. */
  readonly commandTimeout?: number
  /** Seconds between two looks at a connection that may be idle, 3600 at most; 60 by default. */
  readonly healthCheckInterval?: number
  /** Longest pause between two attempts to connect, in milliseconds; 2000 by default. They begin at 50 and double. */
  readonly longestPause?: number
  /** Stands before every user's key of the index; `session:users:` by default. */
  readonly indexPrefix?: string
  /**
   * Most entries that are copied in this process, so that a read costs no way to the server; 0, none, by default. Redis
   * says at once which of them has changed: a copy is stale for about one way over the network, and for 5 seconds at
   * most, when the network is silent. A swap over a stale copy is refused by the server, and ends the copy. Not with a
   * client, whose connection Redis would have to tell.
   */
  readonly localEntries?: number
  /** Milliseconds since 1970. */
  readonly now?: () => number
}

// The clock of the caller alone says what has expired. The server's only sweeps up, so it had better be late.
const SWEEP_DELAY = 1000

/**
 * A cache on Redis 6 or later: a single server, a cluster or a master that sentinels name.
 *
 *     const cache = new RedisCache({ url: 'redis://127.0.0.1:6379' })
 *     const shared = new RedisCache({ client: await createClient().on('error', log).connect() })
 */
export class RedisCache implements Cache {
  readonly name = 'redis'
  readonly users: UserIndex
  readonly #client: RedisClient
  readonly #local: LocalCopies | undefined
  readonly #now: () => number

  /**
   * Does not connect yet.
   *
   * @throws Error with a sentence that says what is wrong with the URL, or the interval; TypeError for both a URL and a
   *   client, neither, a client that is none, or one with local copies
   */
  constructor(options: RedisCacheOptions) {
    const { connectTimeout = 1000, commandTimeout = 500, healthCheckInterval = 60, longestPause = 2000 } = options
    const { localEntries = 0, indexPrefix = 'session:users:', now = Date.now } = options
    if (!(healthCheckInterval > 0 && healthCheckInterval <= 3600)) {
      throw new RangeError('healthCheckInterval must be above 0 and at most 3600 seconds')
    }
    const local = localEntries > 0 ? new LocalCopies(localEntries) : undefined
    this.#local = local
    this.#now = now
    const patience = { connectTimeout, commandTimeout, healthCheckInterval, longestPause }
    const invalidated = local && { invalidated: (key?: string) => local.invalidate(key) }
    this.#client = new RedisClient({ ...wayTo(options, commandTimeout), ...patience, ...invalidated })
    this.users = this.#index(indexPrefix)
  }

  /**
   * Connects. Where that fails, attempts go on in the background until {@link close}, and until one succeeds every verb is
   * unavailable.
   *
   * @throws Error with a sentence that says what to do
   */
  async connect(): Promise<void> {
    await this.#client.connect()
  }

  async get(key: string): Promise<CacheEntry | undefined> {
    const entry = await (this.#local === undefined ? this.#read(key) : this.#local.get(key, () => this.#read(key)))
    return entry !== undefined && entry.expires > this.#now() ? entry : undefined
  }

  async add(key: string, entry: CacheEntry): Promise<boolean> {
    const [bytes, life] = this.#packed(entry)
    return await this.#writing(key, async () => {
      if ((await this.#client.send(['SET', key, bytes, 'NX', 'PX', life], key)) !== null) return true
      // What is in the way may have expired by the caller's clock.
      return (await this.#run(ADD, key, [bytes, life])) === 'done'
    })
  }

  async swap(key: string, version: string, entry: CacheEntry): Promise<Outcome> {
    return await this.#writing(key, () => this.#run(SWAP, key, [version, ...this.#packed(entry)]))
  }

  async delete(key: string, version?: string): Promise<Outcome> {
    return await this.#writing(key, async () => {
      if (version !== undefined) return await this.#run(DELETE, key, [version])
      return (await this.#client.send(['DEL', key], key)) === 1 ? 'done' : 'missing'
    })
  }

  async ping(): Promise<void> {
    await this.#client.ping()
  }

  /** What each master tells of itself. @throws StoreUnavailableError */
  async serverFigures(): Promise<RedisFigures[]> {
    const servers = await this.#client.ask(FIGURE_COMMANDS)
    return servers.map(({ address, answers }) => readFigures(address, answers))
  }

  onConnect(listener: () => void): void {
    this.#client.onConnect(listener)
  }

  async close(): Promise<void> {
    this.#client.close()
  }

  async #read(key: string): Promise<CacheEntry | undefined> {
    try {
      const reply = await this.#client.send(['GET', key], key)
      return reply === null ? undefined : Buffer.isBuffer(reply) ? unpack(reply) : DAMAGED
    } catch (error) {
      // A list or a set under our key: as foreign as bytes that make no sense.
      if (isReply(error, 'WRONGTYPE')) return DAMAGED
      throw error
    }
  }

  // Redis tells us of our own writes as well, but only after the answer; and a conflict shows that the copy is stale.
  async #writing<T>(key: string, write: () => Promise<T>): Promise<T> {
    try {
      return await write()
    } finally {
      this.#local?.invalidate(key)
    }
  }

  async #run(script: typeof SWAP, key: string, args: (string | Buffer)[]): Promise<Outcome> {
    const answer = String(await this.#client.run(script, key, [String(this.#now()), ...args]))
    if (answer === 'done' || answer === 'missing' || answer === 'conflict') return answer
    throw nonsense('A script on Redis gave an answer that it does not have')
  }

  #packed(entry: CacheEntry): [bytes: Buffer, milliseconds: string] {
    const life = Math.ceil(Math.max(1, entry.expires - this.#now() + SWEEP_DELAY))
    return [pack(entry), String(life)]
  }

  #index(prefix: string): UserIndex {
    return {
      add: async (userId, key, expires) => {
        await this.#run(INDEX, prefix + userId, [key, String(expires), String(SWEEP_DELAY)])
      },
      remove: async (userId, key) => {
        await this.#client.send(['ZREM', prefix + userId, key], prefix + userId)
      },
      keys: async (userId) => {
        const range = ['ZRANGEBYSCORE', prefix + userId, `(${this.#now()}`, '+inf']
        const members = await this.#client.send(range, prefix + userId)
        if (!Array.isArray(members)) throw nonsense('Redis gave no list of members')
        return members.map(String)
      },
    }
  }
}

function wayTo(
  { url, client, localEntries = 0 }: RedisCacheOptions,
  commandTimeout: number,
): Pick<RedisClientOptions, 'dial' | 'explain'> {
  if ((url === undefined) === (client === undefined)) throw new TypeError('RedisCache needs either a url or a client.')
  if (client !== undefined) {
    checkExistingClient(client)
    if (localEntries > 0)
      throw new TypeError('RedisCache.localEntries needs a url: it has a connection tell of changes.')
    return {
      dial: (options) => borrow(client, options, commandTimeout),
      explain: (cause) => new Error('The client given to RedisCache does not answer: connect it first.', { cause }),
    }
  }
  const place = parseRedisUrl(url ?? '')
  return { dial: (options) => dial(place, options), explain: (error) => explainDialError(error, place) }
}

function nonsense(problem: string): StoreUnavailableError {
  return new StoreUnavailableError(new TypeError(problem), { answered: true })
}
