import { ErrorReply } from 'redis'
import { StoreUnavailableError } from '../../core/errors.ts'
import { TimeoutError, withTimeout } from '../../core/timeout.ts'
import { type Argument, backoff, type Connection, type DialOptions } from './redis-dial.ts'
import type { RedisScript } from './redis-scripts.ts'

/** Options for {@link RedisClient}. */
export interface RedisClientOptions {
  readonly dial: (options: DialOptions) => Promise<Connection>
  /** Turns an error of {@link RedisClientOptions.dial} into a message that says what to do. */
  readonly explain: (error: unknown) => Error
  /** Milliseconds for one server to accept and greet. */
  readonly connectTimeout: number
  /** Milliseconds for a command, from the call to the answer. */
  readonly commandTimeout: number
  /** Seconds between two health checks of the connection. */
  readonly healthCheckInterval: number
  /** Maximum milliseconds between two attempts to connect. */
  readonly maxRetryDelay: number
  /** Maximum number of commands on keys that wait for their answers. */
  readonly maxPendingCommands: number
  /** Called with a changed key, or without a key if any may have changed; without it keys are not tracked. */
  readonly invalidated?: DialOptions['invalidated']
}

const UNLINK_PORTION = 100

/**
 * One connection that is replaced whenever it is lost or does not answer. While there is none, commands fail at once.
 * They are never repeated, because a command that was cut off may have been executed.
 */
export class RedisClient {
  readonly #options: RedisClientOptions
  #connection: Connection | undefined
  #state: object = {}
  #dialling: Promise<void> | undefined
  #failures = 0
  #reason: unknown = new Error('Redis is not connected yet')
  #retry: NodeJS.Timeout | undefined
  #health: NodeJS.Timeout | undefined
  #onConnect: () => void = () => {}
  #closed = false
  #pending = 0
  readonly #answered = (reply: unknown) => {
    this.#pending--
    return reply
  }

  constructor(options: RedisClientOptions) {
    this.#options = options
  }

  /**
   * Connects. If that fails, attempts continue in the background until {@link close}.
   *
   * @throws Error with a message that says what to do
   */
  async connect(): Promise<void> {
    if (this.#connection === undefined) await this.#dial()
    if (this.#connection === undefined) throw this.#reason
  }

  /** Sends a command that uses one key, `key`. @throws StoreUnavailableError for an error or no answer in time */
  send(args: Argument[], key: string): Promise<unknown> {
    // Not an async function, because every request waits here, and more than once.
    try {
      const connection = this.#connected()
      const { commandTimeout, maxPendingCommands } = this.#options
      // No answer of the server: the circuit breaker may stop the calls for a moment.
      if (this.#pending >= maxPendingCommands) throw new Error(`${maxPendingCommands} commands are waiting for Redis`)
      const sent = connection.send(args, key)
      this.#pending++
      return withTimeout(sent, commandTimeout).then(this.#answered, (error: unknown) => {
        this.#pending--
        this.#checkFailure(connection, error)
        throw unavailable(error)
      })
    } catch (error) {
      return Promise.reject(unavailable(error))
    }
  }

  /** Runs a script on a key. @throws StoreUnavailableError for an error or no answer in time */
  run({ source, sha }: RedisScript, key: string, args: Argument[]): Promise<unknown> {
    return this.send(['EVALSHA', sha, '1', key, ...args], key).catch((error: unknown) => {
      if (!isReply(error, 'NOSCRIPT')) throw error
      return this.send(['EVAL', source, '1', key, ...args], key)
    })
  }

  /** Resolves when every server that holds entries answers. @throws StoreUnavailableError */
  async ping(): Promise<void> {
    const connection = this.#connected()
    try {
      await withTimeout(connection.ping(), this.#options.commandTimeout)
    } catch (error) {
      this.#checkFailure(connection, error)
      throw unavailable(error)
    }
  }

  /** Another object for every connection, and whenever one of several nodes was lost; undefined without a connection. */
  get state(): object | undefined {
    return this.#connection && this.#state
  }

  /** The address of a key's master; empty if there is only one, or no connection. */
  masterOf(key: string): string {
    return this.#connection?.masterOf?.(key) ?? ''
  }

  /** Resolves when this master answers, or is none any more. @throws StoreUnavailableError */
  async pingMaster(address: string): Promise<void> {
    const connection = this.#connected()
    const ping = async () => {
      const masters = await connection.masters()
      await masters.find((master) => master.address === address)?.send(['PING'])
    }
    await withTimeout(ping(), this.#options.commandTimeout).catch((error: unknown) => {
      throw unavailable(error)
    })
  }

  /** Sends commands to every master and returns the answers. @throws StoreUnavailableError */
  async sendToMasters(commands: string[][]): Promise<{ address: string; answers: unknown[] }[]> {
    const connection = this.#connected()
    const asked = connection
      .masters()
      .then((masters) =>
        Promise.all(
          masters.map(async ({ address, send }) => ({ address, answers: await Promise.all(commands.map(send)) })),
        ),
      )
    return await withTimeout(asked, this.#options.commandTimeout).catch((error: unknown) => {
      throw unavailable(error)
    })
  }

  /**
   * Lists the keys that begin with the text, in batches, some of them twice. Keys that move to another master meanwhile may be missing.
   *
   * @throws StoreUnavailableError for an error or no answer in time
   */
  async *scan(prefix: string): AsyncGenerator<string[]> {
    const pattern = `${prefix.replace(/[\\*?[\]]/g, '\\$&')}*`
    const { commandTimeout } = this.#options
    const answer = <T>(work: Promise<T>) =>
      withTimeout(work, commandTimeout).catch((error: unknown) => {
        throw unavailable(error)
      })
    for (const { send } of await answer(this.#connected().masters())) {
      let cursor = '0'
      do {
        const reply = await answer(send(['SCAN', cursor, 'MATCH', pattern, 'COUNT', '1000']))
        const [next, keys]: unknown[] = Array.isArray(reply) ? reply : []
        if (next === undefined || !Array.isArray(keys)) throw new TypeError('Redis answered SCAN with no list of keys')
        yield keys.map(String)
        cursor = String(next)
      } while (cursor !== '0')
    }
  }

  /** Deletes keys, and returns how many there were. @throws StoreUnavailableError for an error or no answer in time */
  async unlink(keys: readonly string[]): Promise<number> {
    let removed = 0
    // One by one, because the keys of a cluster are on different servers; in portions that are answered in time.
    for (let start = 0; start < keys.length; start += UNLINK_PORTION) {
      const portion = keys.slice(start, start + UNLINK_PORTION)
      const counts = await Promise.all(portion.map((key) => this.send(['UNLINK', key], key)))
      removed += counts.filter((count) => count === 1).length
    }
    return removed
  }

  /** Calls the listener whenever there is a connection again. */
  onConnect(listener: () => void): void {
    this.#onConnect = listener
  }

  close(): void {
    this.#closed = true
    this.#reason = new Error('The cache was closed')
    this.#drop()
    clearTimeout(this.#retry)
  }

  #connected(): Connection {
    if (this.#connection === undefined) throw new StoreUnavailableError(this.#reason)
    return this.#connection
  }

  // Errors such as OOM or NOPERM say nothing about the connection; a timeout or READONLY means it must be replaced.
  #checkFailure(connection: Connection, error: unknown): void {
    if (this.#connection !== connection) return
    if (error instanceof TimeoutError || messageOf(error).startsWith('READONLY')) {
      // One of several nodes does not answer: the others are used until there is a new connection.
      if (connection.multipleNodes) void this.#dial()
      else this.#reconnect(error)
    }
  }

  #reconnect(error: unknown): void {
    this.#reason = this.#options.explain(error)
    this.#drop()
    void this.#dial()
  }

  #drop(): void {
    clearTimeout(this.#health)
    this.#connection?.destroy()
    this.#connection = undefined
    this.#changed()
  }

  #changed(): void {
    this.#state = {}
    this.#options.invalidated?.()
  }

  #dial(): Promise<void> {
    clearTimeout(this.#retry)
    this.#dialling ??= this.#attempt().finally(() => {
      this.#dialling = undefined
    })
    return this.#dialling
  }

  async #attempt(): Promise<void> {
    if (this.#closed) return
    const { dial, connectTimeout, invalidated, maxRetryDelay } = this.#options
    let connection: Connection | undefined
    let lostError: Error | undefined
    try {
      connection = await dial({
        connectTimeout,
        trackKeys: invalidated !== undefined,
        invalidated: (key) => (key === undefined ? this.#changed() : invalidated?.(key)),
        lost: (error) => {
          lostError = error
          if (connection !== undefined && connection === this.#connection) this.#reconnect(error)
        },
      })
      if (lostError !== undefined) throw lostError
      this.#use(connection)
    } catch (error) {
      connection?.destroy()
      if (this.#closed) return
      this.#reason = this.#options.explain(error)
      this.#retry = setTimeout(() => void this.#dial(), backoff(this.#failures++, maxRetryDelay)).unref()
    }
  }

  #use(connection: Connection): void {
    if (this.#closed) {
      connection.destroy()
      return
    }
    const old = this.#connection
    // Commands under way on its other nodes may still finish.
    if (old !== undefined) setTimeout(() => old.destroy(), this.#options.commandTimeout).unref()
    this.#connection = connection
    this.#failures = 0
    this.#changed()
    this.#scheduleCheck(connection)
    // After a mere replacement a node of the cluster may still be down.
    if (old === undefined) this.#onConnect()
  }

  #scheduleCheck(connection: Connection): void {
    clearTimeout(this.#health)
    const check = async () => {
      const failure = await this.#findProblem(connection)
      if (connection !== this.#connection) return
      if (failure === undefined) this.#scheduleCheck(connection)
      else if (connection.multipleNodes)
        void this.#dial().then(() => this.#connection === connection && this.#scheduleCheck(connection))
      else this.#reconnect(failure)
    }
    this.#health = setTimeout(() => void check(), this.#options.healthCheckInterval * 1000).unref()
  }

  async #findProblem(connection: Connection): Promise<unknown> {
    try {
      await withTimeout(connection.ping(), this.#options.commandTimeout)
      return (await connection.masterChanged()) ? new Error('The sentinels name another master') : undefined
    } catch (error) {
      return error
    }
  }
}

/** Whether Redis answered with an error of this kind, such as NOSCRIPT. */
export function isReply(error: unknown, kind: string): boolean {
  return error instanceof StoreUnavailableError && messageOf(error.cause).startsWith(kind)
}

function unavailable(error: unknown): StoreUnavailableError {
  if (error instanceof StoreUnavailableError) return error
  return new StoreUnavailableError(error, { answered: error instanceof ErrorReply })
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : ''
}
