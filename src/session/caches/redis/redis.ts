import { StoreUnavailableError } from '../../core/errors.ts'
import type { Outcome } from '../../core/outcome.ts'
import {
  type AheadIndex,
  type Cache,
  type CacheEntry,
  type CacheServers,
  DAMAGED,
  type KeyListing,
  type UserIndex,
} from '../cache.ts'
import { unpack } from '../frame.ts'
import { LocalCopies, MAX_COPY_AGE_MS } from './local-copies.ts'
import { RedisAhead } from './redis-ahead.ts'
import { isReply, RedisClient, type RedisClientOptions } from './redis-client.ts'
import { dial } from './redis-dial.ts'
import { explainDialError } from './redis-errors.ts'
import { checkExistingClient, type ExistingRedisClient, useExistingClient } from './redis-existing.ts'
import { ADD, DELETE, EXPIRY_MARGIN_MS, INDEX, packWithLife, SWAP } from './redis-scripts.ts'
import { type RedisStats, readSlowCommands, readStats, SLOW_LOG_COMMAND, STATS_COMMANDS } from './redis-stats.ts'
import { parseRedisUrl } from './redis-url.ts'

/** Options for {@link RedisCache}. */
export interface RedisCacheOptions {
  /**
   * redis://host:port/database, redis-cluster://host:port,host:port or redis-sentinel://host:port,host:port/master, with
   * user:password@ before the first host; rediss, rediss-cluster and rediss-sentinel for TLS. Omitted with `client`.
   */
  readonly url?: string
  /**
   * Instead of a URL, a client of the package redis (5 or later) for a single server, which may be shared. The caller
   * connects it before {@link RedisCache.connect} and closes it after {@link RedisCache.close}.
   */
  readonly client?: ExistingRedisClient
  /** For rediss URLs, the certificate authorities to trust, as PEM; those of Node.js by default. */
  readonly ca?: string | undefined
  /** Milliseconds for a server to accept and greet; 1000 by default. */
  readonly connectTimeout?: number
  /** Milliseconds for a command, from the call to the answer; 500 by default. */
  readonly commandTimeout?: number
  /** Seconds between two health checks of the connection, at most 3600; 60 by default. */
  readonly healthCheckInterval?: number
  /** Maximum milliseconds between two attempts to connect; 2000 by default. Delays start at 50 and double. */
  readonly maxRetryDelay?: number
  /**
   * Maximum number of commands that wait for their answers; 10,000 by default. More fail at once, so that a slow server
   * does not fill the memory of this process.
   */
  readonly maxPendingCommands?: number
  /** Prefix of the keys of the user index; `session:users:` by default. */
  readonly indexPrefix?: string
  /**
   * Maximum number of entries that are copied in this process, so that a read needs no round trip; 0 (none) by default.
   * Redis reports changes at once: a copy is stale for about one network delay, and for at most 750 ms if the network
   * fails. A swap over a stale copy is refused by the server. Requires `url`.
   */
  readonly localEntries?: number
  /** Returns milliseconds since 1970; Date.now by default. */
  readonly now?: () => number
}

/**
 * A cache on Redis 6 or later: a single server, a cluster, or a master found through sentinels.
 *
 *     const cache = new RedisCache({ url: 'redis://127.0.0.1:6379' })
 *     const shared = new RedisCache({ client: await createClient().on('error', log).connect() })
 */
export class RedisCache implements Cache {
  readonly name = 'redis'
  readonly users: UserIndex
  readonly listing: KeyListing
  readonly servers?: CacheServers
  readonly ahead?: (index: string) => AheadIndex
  readonly staleFor: number
  readonly #client: RedisClient
  readonly #local: LocalCopies | undefined
  readonly #database: number | undefined
  readonly #now: () => number
  readonly #unlessExpired = (entry: CacheEntry | undefined) =>
    entry !== undefined && entry.expires > this.#now() ? entry : undefined
  readonly #entryIn = (reply: unknown) =>
    reply === null ? undefined : this.#unlessExpired(Buffer.isBuffer(reply) ? unpack(reply) : DAMAGED)

  /**
   * Does not connect yet.
   *
   * @throws Error for an invalid URL; RangeError for an invalid interval; TypeError for both `url` and `client`, neither
   *   of them, an invalid client, or a client with `localEntries`
   */
  constructor(options: RedisCacheOptions) {
    const { connectTimeout = 1000, commandTimeout = 500, healthCheckInterval = 60, maxRetryDelay = 2000 } = options
    const { maxPendingCommands = 10_000 } = options
    const { localEntries = 0, indexPrefix = 'session:users:', now = Date.now } = options
    if (!(healthCheckInterval > 0 && healthCheckInterval <= 3600)) {
      throw new RangeError('healthCheckInterval must be above 0 and at most 3600 seconds')
    }
    const local = localEntries > 0 ? new LocalCopies(localEntries, now) : undefined
    this.#local = local
    // Timers may fire a little early.
    this.staleFor = local === undefined ? 0 : MAX_COPY_AGE_MS + 50
    this.#now = now
    const target = options.url === undefined ? undefined : parseRedisUrl(options.url)
    this.#database = target?.database
    const timing = { connectTimeout, commandTimeout, healthCheckInterval, maxRetryDelay, maxPendingCommands }
    const invalidated = local && { invalidated: (key?: string) => local.invalidate(key) }
    this.#client = new RedisClient({ ...connector(options, commandTimeout), ...timing, ...invalidated })
    this.users = this.#index(indexPrefix)
    this.listing = {
      keys: (prefix) => this.#client.scan(prefix),
      remove: (keys) => this.#client.unlink(keys),
    }
    if (target?.topology !== 'cluster') {
      const invalidate = (key: string) => local?.invalidate(key)
      this.ahead = (index) => new RedisAhead({ client: this.#client, index, invalidate, now })
      return
    }
    this.servers = {
      // They are not known before the connection, and change.
      names: () => [''],
      of: (key) => this.#client.masterOf(key),
      ping: (name) => this.#client.pingMaster(name),
    }
  }

  /**
   * Connects. If that fails, attempts continue in the background until {@link close}, and until one succeeds every
   * method throws StoreUnavailableError.
   *
   * @throws Error with a message that says what to do
   */
  async connect(): Promise<void> {
    await this.#client.connect()
  }

  get(key: string): Promise<CacheEntry | undefined> {
    if (this.#local === undefined) return this.#read(key)
    // A copy may have expired since it was read.
    return this.#local.get(key, () => this.#read(key)).then(this.#unlessExpired)
  }

  async add(key: string, entry: CacheEntry): Promise<boolean> {
    const [bytes, life] = packWithLife(entry, this.#now())
    return await this.#invalidating(key, async () => {
      if ((await this.#client.send(['SET', key, bytes, 'NX', 'PX', life], key)) !== null) return true
      // The existing entry may have expired by the caller's clock.
      return (await this.#run(ADD, key, [bytes, life])) === 'done'
    })
  }

  swap(key: string, version: string, entry: CacheEntry): Promise<Outcome> {
    const now = this.#now()
    return this.#invalidating(key, () => this.#run(SWAP, key, [version, ...packWithLife(entry, now)], now))
  }

  async delete(key: string, version?: string): Promise<Outcome> {
    return await this.#invalidating(key, async () => {
      if (version !== undefined) return await this.#run(DELETE, key, [version])
      return (await this.#client.send(['DEL', key], key)) === 1 ? 'done' : 'missing'
    })
  }

  async ping(): Promise<void> {
    await this.#client.ping()
  }

  get connection(): object | undefined {
    return this.#client.state
  }

  /** Of every master: a restart gives it another run id, a promotion another replication id. @throws StoreUnavailableError */
  async identity(): Promise<string> {
    const servers = await this.#client.sendToMasters([
      ['INFO', 'server'],
      ['INFO', 'replication'],
    ])
    const ids = servers.map(({ answers }) => {
      const [, run] = /^run_id:(\w+)\r?$/m.exec(String(answers[0])) ?? []
      const [, replication] = /^master_replid:(\w+)\r?$/m.exec(String(answers[1])) ?? []
      if (run === undefined || replication === undefined) throw unexpectedReply('INFO names no run of the server')
      return `${run}:${replication}`
    })
    return [...ids.sort(), this.#database].join()
  }

  /** Statistics of each master. @throws StoreUnavailableError */
  async serverStats(): Promise<RedisStats[]> {
    // Separately, because the user may not be allowed to read the log.
    const asked = this.#client.sendToMasters([SLOW_LOG_COMMAND]).catch(() => [])
    const servers = await this.#client.sendToMasters(STATS_COMMANDS)
    const logs = new Map((await asked).map(({ address, answers }) => [address, readSlowCommands(answers[0])]))
    return servers.map(({ address, answers }) => readStats(address, answers, logs.get(address) ?? []))
  }

  onConnect(listener: () => void): void {
    this.#client.onConnect(listener)
  }

  async close(): Promise<void> {
    this.#client.close()
  }

  #read(key: string): Promise<CacheEntry | undefined> {
    return this.#client.send(['GET', key], key).then(this.#entryIn, damagedIfWrongType)
  }

  // Redis also reports our own writes, but only after the answer; and a conflict shows that the copy is stale.
  #invalidating<T>(key: string, write: () => Promise<T>): Promise<T> {
    const local = this.#local
    return local === undefined ? write() : write().finally(() => local.invalidate(key))
  }

  #run(script: typeof SWAP, key: string, args: (string | Buffer)[], now = this.#now()): Promise<Outcome> {
    return this.#client.run(script, key, [String(now), ...args]).then(outcomeIn)
  }

  #index(prefix: string): UserIndex {
    const client = this.#client
    return {
      async *all() {
        for await (const keys of client.scan(prefix)) yield keys.map((key) => key.slice(prefix.length))
      },
      add: async (userId, key, expires) => {
        await this.#run(INDEX, prefix + userId, [key, String(expires), String(EXPIRY_MARGIN_MS)])
      },
      remove: async (userId, key) => {
        await this.#client.send(['ZREM', prefix + userId, key], prefix + userId)
      },
      keys: async (userId) => {
        const range = ['ZRANGEBYSCORE', prefix + userId, `(${this.#now()}`, '+inf']
        const members = await this.#client.send(range, prefix + userId)
        if (!Array.isArray(members)) throw unexpectedReply('Redis returned no list of members')
        return members.map(String)
      },
    }
  }
}

function connector(
  { url, ca, client, localEntries = 0 }: RedisCacheOptions,
  commandTimeout: number,
): Pick<RedisClientOptions, 'dial' | 'explain'> {
  if ((url === undefined) === (client === undefined)) throw new TypeError('RedisCache needs either a url or a client.')
  if (client !== undefined) {
    checkExistingClient(client)
    if (localEntries > 0)
      throw new TypeError('RedisCache.localEntries needs a url: a given client does not report changes.')
    return {
      dial: (options) => useExistingClient(client, options, commandTimeout),
      explain: (cause) => new Error('The client given to RedisCache does not answer: connect it first.', { cause }),
    }
  }
  const target = { ...parseRedisUrl(url ?? ''), ca }
  return { dial: (options) => dial(target, options), explain: (error) => explainDialError(error, target) }
}

/** A list or a set under a key is as damaged as unreadable bytes. */
function damagedIfWrongType(error: unknown): CacheEntry {
  if (isReply(error, 'WRONGTYPE')) return DAMAGED
  throw error
}

/** The answer of a script. */
function outcomeIn(reply: unknown): Outcome {
  const answer = String(reply)
  if (answer === 'done' || answer === 'missing' || answer === 'conflict') return answer
  throw unexpectedReply('A script on Redis returned an unexpected answer')
}

function unexpectedReply(problem: string): StoreUnavailableError {
  return new StoreUnavailableError(new TypeError(problem), { answered: true })
}
