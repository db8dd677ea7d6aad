import { ErrorReply } from 'redis'
import { StoreUnavailableError } from '../../core/errors.ts'
import { TimeoutError, within } from '../../core/timeout.ts'
import { type Argument, backoff, type Connection, type DialOptions } from './redis-dial.ts'
import type { RedisScript } from './redis-scripts.ts'

/** How a {@link RedisClient} connects, and how long it waits. */
export interface RedisClientOptions {
  readonly dial: (options: DialOptions) => Promise<Connection>
  /** A sentence for what {@link RedisClientOptions.dial} threw. */
  readonly explain: (error: unknown) => Error
  /** Milliseconds that one server has to accept and greet. */
  readonly connectTimeout: number
  /** Milliseconds that a command has from its call to its answer. */
  readonly commandTimeout: number
  /** Seconds between two looks at a connection that may be idle. */
  readonly healthCheckInterval: number
  /** Longest pause between two attempts to connect, in milliseconds. */
  readonly longestPause: number
  /** Is told of a changed key, and without a key when any may have changed; absent where nobody wants to know. */
  readonly invalidated?: DialOptions['invalidated']
}

/**
 * One connection that is replaced whenever it is lost or silent. Commands never wait for a connection and are never
 * repeated: while there is none they fail at once, and a command that was cut off may have been carried out.
 */
export class RedisClient {
  readonly #options: RedisClientOptions
  #connection: Connection | undefined
  #dialling: Promise<void> | undefined
  #failures = 0
  #reason: unknown = new Error('Redis was not connected yet')
  #retry: NodeJS.Timeout | undefined
  #health: NodeJS.Timeout | undefined
  #onConnect: () => void = () => {}
  #closed = false

  constructor(options: RedisClientOptions) {
    this.#options = options
  }

  /**
   * Connects, once. Attempts go on in the background where it fails, until {@link close}.
   *
   * @throws Error with a sentence that says what to do
   */
  async connect(): Promise<void> {
    if (this.#connection === undefined) await this.#dial()
    if (this.#connection === undefined) throw this.#reason
  }

  /** Sends one command, whose one key is `key`. @throws StoreUnavailableError when there is no good answer in time */
  async send(args: Argument[], key: string): Promise<unknown> {
    const connection = this.#connected()
    try {
      return await within(connection.send(args, key), this.#options.commandTimeout)
    } catch (error) {
      this.#judge(connection, error)
      throw new StoreUnavailableError(error, { answered: error instanceof ErrorReply })
    }
  }

  /** Has a script carried out on a key. @throws StoreUnavailableError when there is no good answer in time */
  async run({ source, sha }: RedisScript, key: string, args: Argument[]): Promise<unknown> {
    try {
      return await this.send(['EVALSHA', sha, '1', key, ...args], key)
    } catch (error) {
      if (!isReply(error, 'NOSCRIPT')) throw error
      return await this.send(['EVAL', source, '1', key, ...args], key)
    }
  }

  /** Resolves when every server that holds entries answers. @throws StoreUnavailableError */
  async ping(): Promise<void> {
    const connection = this.#connected()
    try {
      await within(connection.ping(), this.#options.commandTimeout)
    } catch (error) {
      this.#judge(connection, error)
      throw new StoreUnavailableError(error, { answered: error instanceof ErrorReply })
    }
  }

  /** What every master answers to the commands. @throws StoreUnavailableError */
  async ask(commands: string[][]): Promise<{ address: string; answers: unknown[] }[]> {
    const connection = this.#connected()
    const asked = connection
      .masters()
      .then((masters) =>
        Promise.all(
          masters.map(async ({ address, send }) => ({ address, answers: await Promise.all(commands.map(send)) })),
        ),
      )
    return await within(asked, this.#options.commandTimeout).catch((error: unknown) => {
      throw new StoreUnavailableError(error)
    })
  }

  /** Has the listener called whenever there is a connection again. */
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

  // A good connection may bring bad answers (no memory, no such rights); those of a wrong server or none are its end.
  #judge(connection: Connection, error: unknown): void {
    if (this.#connection !== connection) return
    if (error instanceof TimeoutError || messageOf(error).startsWith('READONLY')) {
      // One silent node of several: the others serve on, until there is a connection that knows better.
      if (connection.several) void this.#dial()
      else this.#lose(error)
    }
  }

  #lose(error: unknown): void {
    this.#reason = this.#options.explain(error)
    this.#drop()
    void this.#dial()
  }

  #drop(): void {
    clearTimeout(this.#health)
    this.#connection?.destroy()
    this.#connection = undefined
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
    const { dial, connectTimeout, invalidated, longestPause } = this.#options
    let connection: Connection | undefined
    let lostAlready: Error | undefined
    try {
      connection = await dial({
        connectTimeout,
        tracks: invalidated !== undefined,
        invalidated: (key) => invalidated?.(key),
        lost: (error) => {
          lostAlready = error
          if (connection !== undefined && connection === this.#connection) this.#lose(error)
        },
      })
      if (lostAlready !== undefined) throw lostAlready
      this.#use(connection)
    } catch (error) {
      connection?.destroy()
      if (this.#closed) return
      this.#reason = this.#options.explain(error)
      this.#retry = setTimeout(() => void this.#dial(), backoff(this.#failures++, longestPause)).unref()
    }
  }

  #use(connection: Connection): void {
    if (this.#closed) {
      connection.destroy()
      return
    }
    const old = this.#connection
    // What the others of its nodes are still answering has its time.
    if (old !== undefined) setTimeout(() => old.destroy(), this.#options.commandTimeout).unref()
    this.#connection = connection
    this.#failures = 0
    this.#options.invalidated?.()
    this.#checkLater(connection)
    // One that only replaces another says nothing new: a node of the cluster may be silent still.
    if (old === undefined) this.#onConnect()
  }

  #checkLater(connection: Connection): void {
    clearTimeout(this.#health)
    const check = async () => {
      const failure = await this.#trouble(connection)
      if (connection !== this.#connection) return
      if (failure === undefined) this.#checkLater(connection)
      else if (connection.several)
        void this.#dial().then(() => this.#connection === connection && this.#checkLater(connection))
      else this.#lose(failure)
    }
    this.#health = setTimeout(() => void check(), this.#options.healthCheckInterval * 1000).unref()
  }

  async #trouble(connection: Connection): Promise<unknown> {
    try {
      await within(connection.ping(), this.#options.commandTimeout)
      return (await connection.superseded()) ? new Error('The sentinels name another master') : undefined
    } catch (error) {
      return error
    }
  }
}

/** Whether Redis answered with an error of this kind. */
export function isReply(error: unknown, kind: string): boolean {
  return error instanceof StoreUnavailableError && messageOf(error.cause).startsWith(kind)
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : ''
}
