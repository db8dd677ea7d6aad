import { connect, type Socket } from 'node:net'
import { StoreUnavailableError } from '../../core/errors.ts'
import { type Reply, ReplyParser } from './memcached-replies.ts'

/** Where a memcached listens. */
export interface MemcachedAddress {
  readonly host: string
  readonly port: number
}

/** How long to wait for a memcached, and how much. Times are milliseconds. */
export interface MemcachedPatience {
  /** 1000 by default. */
  readonly connectTimeout?: number
  /** 500 by default. */
  readonly commandTimeout?: number
  /** Most commands that may await their answer on one connection; 10,000 by default. */
  readonly maxPending?: number
}

/** One command, and what can be its answer. */
export interface Command {
  readonly line: string
  readonly body?: Buffer
  /** Anything else means that replies no longer belong to their commands: some other session's data might come next. */
  isAnswer(reply: Reply): boolean
}

interface Pending {
  readonly command: Command
  readonly since: number
  resolve(reply: Reply): void
  reject(error: StoreUnavailableError): void
}

const FIRST_PAUSE = 50
const LONGEST_PAUSE = 1000
const DEFAULT_ITEM_LIMIT = 1024 * 1024

/**
 * The connection to one server, made when it is first needed and made again after it broke. Commands are sent at once
 * and answered in their order. Whatever goes wrong ends the connection and fails all that wait on it: an answer that is
 * late, or not understood, leaves no way to tell to which command the next one belongs.
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
  /** When the server was dialled, and later when it took the call. */
  #since = 0
  #failures = 0
  #notBefore = 0
  #lastProblem = ''
  #timer: NodeJS.Timeout | undefined
  #itemLimit: Promise<number> | undefined
  #closed = false
  #onConnect: () => void = () => {}

  constructor({ host, port }: MemcachedAddress, patience: MemcachedPatience = {}) {
    this.name = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
    this.#address = { host, port }
    this.#connectTimeout = patience.connectTimeout ?? 1000
    this.#commandTimeout = patience.commandTimeout ?? 500
    this.#maxPending = patience.maxPending ?? 10_000
  }

  /** @throws StoreUnavailableError when there is no answer in time, or one that says that the server failed */
  async send(command: Command): Promise<Reply> {
    if (this.#closed) throw this.#unavailable('the connection was closed')
    if (this.#pending.length >= this.#maxPending) throw this.#unavailable('too many commands await their answer')
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
      this.#watch()
    })
  }

  /** The server's figures of one kind, by name. */
  async figures(kind: '' | 'items' | 'slabs' | 'settings'): Promise<Map<string, string>> {
    const { words } = await this.send({ line: `stats ${kind}`.trim(), isAnswer: ({ code }) => code === 'END' })
    return new Map(words.map((line) => [line.split(' ', 1)[0] ?? '', line.slice(line.indexOf(' ') + 1)]))
  }

  /** The most bytes that the server takes for an item with its key and header; asked once per connection. */
  async itemLimit(): Promise<number> {
    this.#itemLimit ??= this.figures('settings').then((settings) => Number(settings.get('item_size_max')))
    try {
      return (await this.#itemLimit) || DEFAULT_ITEM_LIMIT
    } catch (error) {
      this.#itemLimit = undefined
      throw error
    }
  }

  /** Has the listener called at the first answer on every new connection: a stopped server's machine accepts them, too. */
  onConnect(listener: () => void): void {
    this.#onConnect = listener
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
      this.#watchAnew()
    })
    socket.on('data', (chunk) => {
      try {
        for (const reply of parser.push(chunk)) if (this.#socket === socket) this.#take(reply)
      } catch (error) {
        drop(error instanceof Error ? `not understood: ${error.message}` : 'not understood')
      }
    })
    socket.on('error', (error) => drop(error.message || 'the connection failed'))
    socket.on('end', () => drop('it hung up'))
    socket.on('close', () => drop('it hung up'))
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
    // One that has worked may just have been restarted: it is tried again at once.
    if (!this.#answered) {
      this.#notBefore = performance.now() + Math.min(FIRST_PAUSE * 2 ** this.#failures, LONGEST_PAUSE)
      this.#failures += 1
    }
    for (const { reject } of this.#pending.splice(0)) reject(this.#unavailable(problem))
  }

  // One timer for the command that waits longest, which is always the first.
  #watch(): void {
    const [first] = this.#pending
    if (this.#timer !== undefined || first === undefined) return
    const { since, patience } = this.#connected
      ? { since: Math.max(first.since, this.#since), patience: this.#commandTimeout }
      : { since: this.#since, patience: this.#connectTimeout }
    const left = since + patience - performance.now()
    if (left <= 0) {
      this.#drop(`no ${this.#connected ? 'answer' : 'connection'} within ${patience} ms`)
    } else {
      // Where this process was busy, the answer may be here and only not have been read.
      this.#timer = setTimeout(() => setImmediate(() => this.#watchAnew()), Math.ceil(left)).unref()
    }
  }

  #watchAnew(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#watch()
  }

  #unavailable(problem: string, answered = false): StoreUnavailableError {
    return new StoreUnavailableError(new Error(`memcached ${this.name}: ${problem}`), { answered })
  }
}
