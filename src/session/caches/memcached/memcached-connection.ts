import { connect, type Socket } from 'node:net'
import { StoreUnavailableError } from '../../core/errors.ts'
import { type Reply, ReplyParser } from './memcached-replies.ts'

/** Host and port of a Memcached server. */
export interface MemcachedAddress {
  readonly host: string
  readonly port: number
}

/** Options for the connection to each server. */
export interface MemcachedConnectionOptions {
  /** Milliseconds to connect; 1000 by default. */
  readonly connectTimeout?: number
  /** Milliseconds for an answer; 500 by default. */
  readonly commandTimeout?: number
  /** Maximum number of commands waiting for an answer on one connection; 10,000 by default. */
  readonly maxPending?: number
}

/** A command and a check of its reply. */
export interface Command {
  readonly line: string
  readonly body?: Buffer
  /** Any other reply means that replies no longer match commands: the next could be another session's data. */
  isAnswer(reply: Reply): boolean
}

interface Pending {
  readonly command: Command
  readonly since: number
  resolve(reply: Reply): void
  reject(error: StoreUnavailableError): void
}

const MIN_RETRY_DELAY = 50
const MAX_RETRY_DELAY = 1000
const DEFAULT_ITEM_LIMIT = 1024 * 1024

/**
 * The connection to one server, opened on first use and reopened after a failure. Commands are pipelined. Any error or
 * timeout closes the connection and fails all pending commands: after a late or unknown reply there is no way to tell
 * to which command the next one belongs.
 */
export class MemcachedConnection {
  /** host:port */
  readonly name: string
  readonly #address: MemcachedAddress
  readonly #connectTimeout: number
  readonly #commandTimeout: number
  readonly #maxPending: number
  readonly #pending: Pending[] = []
  #socket: Socket | undefined
  #connected = false
  #answered = false
  /** When the connection was started, and later when it was established. */
  #since = 0
  #failures = 0
  #notBefore = 0
  #lastProblem = ''
  #timer: NodeJS.Timeout | undefined
  #itemLimit: Promise<number> | undefined
  #closed = false
  #onConnect: () => void = () => {}
  #onDrop: () => void = () => {}

  constructor({ host, port }: MemcachedAddress, options: MemcachedConnectionOptions = {}) {
    this.name = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
    this.#address = { host, port }
    this.#connectTimeout = options.connectTimeout ?? 1000
    this.#commandTimeout = options.commandTimeout ?? 500
    this.#maxPending = options.maxPending ?? 10_000
  }

  /**
   * Sends a command and returns its reply.
   *
   * @throws StoreUnavailableError when there is no answer in time, or the server reports an error
   */
  async send(command: Command): Promise<Reply> {
    if (this.#closed) throw this.#unavailable('the connection was closed')
    if (this.#pending.length >= this.#maxPending) throw this.#unavailable('too many commands are waiting for an answer')
    const socket = this.#socket ?? this.#connect()
    return await new Promise((resolve, reject) => {
      this.#pending.push({ command, since: performance.now(), resolve, reject })
      socket.cork()
      socket.write(`${command.line}\r\n`)
      if (command.body !== undefined) {
        socket.write(command.body)
        socket.write('\r\n')
      }
      socket.uncork()
      this.#startTimer()
    })
  }

  /** The server's statistics of one kind, by name. */
  async stats(kind: '' | 'items' | 'slabs' | 'settings'): Promise<Map<string, string>> {
    const { words } = await this.send({ line: `stats ${kind}`.trim(), isAnswer: ({ code }) => code === 'END' })
    return new Map(words.map((line) => [line.split(' ', 1)[0] ?? '', line.slice(line.indexOf(' ') + 1)]))
  }

  /** The server's maximum bytes of an item with its key and header; read once per connection. */
  async itemLimit(): Promise<number> {
    this.#itemLimit ??= this.stats('settings').then((settings) => Number(settings.get('item_size_max')))
    try {
      return (await this.#itemLimit) || DEFAULT_ITEM_LIMIT
    } catch (error) {
      this.#itemLimit = undefined
      throw error
    }
  }

  /** Calls the listener at the first reply on each new connection: a stopped server's host still accepts connections. */
  onConnect(listener: () => void): void {
    this.#onConnect = listener
  }

  /** Calls the listener when a connection is lost, before anything is sent on the next one. */
  onDrop(listener: () => void): void {
    this.#onDrop = listener
  }

  close(): void {
    this.#closed = true
    this.#drop('the connection was closed')
  }

  #connect(): Socket {
    if (performance.now() < this.#notBefore) throw this.#unavailable(this.#lastProblem)
    const socket = connect({ ...this.#address, noDelay: true, keepAlive: true })
    const parser = new ReplyParser()
    this.#socket = socket
    this.#connected = false
    this.#answered = false
    this.#since = performance.now()
    const drop = (problem: string) => {
      if (this.#socket === socket) this.#drop(problem)
    }
    socket.on('connect', () => {
      this.#connected = true
      this.#since = performance.now()
      this.#restartTimer()
    })
    socket.on('data', (chunk) => {
      try {
        for (const reply of parser.push(chunk)) if (this.#socket === socket) this.#take(reply)
      } catch (error) {
        drop(error instanceof Error ? `invalid reply: ${error.message}` : 'invalid reply')
      }
    })
    socket.on('error', (error) => drop(error.message || 'the connection failed'))
    socket.on('end', () => drop('connection closed by the server'))
    socket.on('close', () => drop('connection closed by the server'))
    return socket
  }

  #take(reply: Reply): void {
    const pending = this.#pending[0]
    const failed = reply.code === 'SERVER_ERROR' && pending !== undefined
    if (!failed && pending?.command.isAnswer(reply) !== true) {
      throw new Error(`${reply.code} ${reply.words.join(' ').slice(0, 80)}`.trim())
    }
    const isNew = !this.#answered
    this.#answered = true
    this.#failures = 0
    this.#pending.shift()
    if (failed) pending.reject(this.#unavailable(reply.words.join(' '), true))
    else pending.resolve(reply)
    if (isNew) this.#onConnect()
  }

  #drop(problem: string): void {
    this.#socket?.destroy()
    this.#socket = undefined
    this.#itemLimit = undefined
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#lastProblem = problem
    // A server that has answered may just have been restarted, so it is tried again at once.
    if (!this.#answered) {
      this.#notBefore = performance.now() + Math.min(MIN_RETRY_DELAY * 2 ** this.#failures, MAX_RETRY_DELAY)
      this.#failures += 1
    }
    this.#onDrop()
    for (const { reject } of this.#pending.splice(0)) reject(this.#unavailable(problem))
  }

  // One timer, for the oldest command.
  #startTimer(): void {
    const [first] = this.#pending
    if (this.#timer !== undefined || first === undefined) return
    const { since, timeout } = this.#connected
      ? { since: Math.max(first.since, this.#since), timeout: this.#commandTimeout }
      : { since: this.#since, timeout: this.#connectTimeout }
    const left = since + timeout - performance.now()
    if (left <= 0) {
      this.#drop(`no ${this.#connected ? 'answer' : 'connection'} within ${timeout} ms`)
    } else {
      // If this process was busy, the reply may have arrived but not been read.
      this.#timer = setTimeout(() => setImmediate(() => this.#restartTimer()), Math.ceil(left)).unref()
    }
  }

  #restartTimer(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#startTimer()
  }

  #unavailable(problem: string, answered = false): StoreUnavailableError {
    return new StoreUnavailableError(new Error(`memcached ${this.name}: ${problem}`), { answered })
  }
}
