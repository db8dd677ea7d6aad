import { SessionTooLargeError } from '../../core/errors.ts'
import type { Outcome } from '../../core/outcome.ts'
import { retry } from '../../core/retry.ts'
import type { Cache, CacheEntry } from '../cache.ts'
import { pack, unpack } from '../frame.ts'
import type { MemcachedAddress, MemcachedPatience } from './memcached-connection.ts'
import type { Reply } from './memcached-replies.ts'
import { MemcachedServers, type ServerFigures } from './memcached-servers.ts'

/** What a {@link MemcachedCache} is made of. */
export interface MemcachedOptions extends MemcachedPatience {
  /** The servers, or a URL that names them all: `memcached://host:port,host:port`. Every process must name the same ones. */
  readonly servers: string | readonly MemcachedAddress[]
  /** Milliseconds since 1970. */
  readonly now?: () => number
}

interface Found {
  readonly entry: CacheEntry
  /** The server's own mark of this state. */
  readonly cas: string
}

// The protocol has no way to quote a key: what could end a line, or a word, must never be sent.
const POSSIBLE_KEY = /^[\w.:-]{1,250}$/
const SECOND = 1000
// Beyond this many seconds the server reads a lifetime as a date since 1970.
const LONGEST_LIFETIME = 30 * 24 * 3600
const LAST_DATE = 2 ** 31 - 1
// What a server keeps beside key and value: its own header, the mark of the state, the pieces that a large item has.
const ITEM_HEADER = 256
const MAX_ATTEMPTS = 20
const IS_CAS = /^\d{1,20}$/
const WRITTEN = ['HD', 'NS', 'EX', 'NF']
const DELETED = ['HD', 'EX', 'NF']

/**
 * A cache on one or more memcached servers from 1.6 on, by their meta protocol.
 *
 * A full server forgets what was longest without use, and a restarted one everything, in silence: sessions that are
 * kept here alone then end. It cannot tell whose keys are whose.
 */
export class MemcachedCache implements Cache {
  readonly name = 'memcached'
  readonly #servers: MemcachedServers
  readonly #now: () => number

  /** @throws RangeError for servers that cannot be understood */
  constructor({ servers, now = Date.now, ...patience }: MemcachedOptions) {
    this.#servers = new MemcachedServers(servers, patience)
    this.#now = now
  }

  async get(key: string): Promise<CacheEntry | undefined> {
    return (await this.#find(key))?.entry
  }

  /** @throws SessionTooLargeError for more than the server takes, before anything is sent */
  async add(key: string, entry: CacheEntry): Promise<boolean> {
    return (await this.#set(key, entry, 'ME')) === 'HD'
  }

  /** @throws SessionTooLargeError for more than the server takes, before anything is sent */
  async swap(key: string, version: string, entry: CacheEntry): Promise<Outcome> {
    return await this.#over(key, version, (cas) => this.#set(key, entry, `C${cas}`))
  }

  async delete(key: string, version?: string): Promise<Outcome> {
    if (version !== undefined) return await this.#over(key, version, (cas) => this.#delete(key, ` C${cas}`))
    return (await this.#delete(key)) === 'HD' ? 'done' : 'missing'
  }

  /** Resolves when every server answers; the first that does not is named by the error's cause. */
  async ping(): Promise<void> {
    const command = { line: 'mn', isAnswer: ({ code }: Reply) => code === 'MN' }
    await Promise.all(this.#servers.all.map((server) => server.send(command)))
  }

  /** How each server fares, in the order in which they were named; one that does not answer is told as down. */
  async serverFigures(): Promise<ServerFigures[]> {
    return await this.#servers.figures()
  }

  onConnect(listener: () => void): void {
    for (const server of this.#servers.all) server.onConnect(listener)
  }

  async close(): Promise<void> {
    for (const server of this.#servers.all) server.close()
  }

  async #find(key: string): Promise<Found | undefined> {
    const { value, words } = await this.#serverOf(key).send({
      line: `mg ${key} v c k`,
      // The server repeats the key, so that no session is ever handed to whom it does not belong.
      isAnswer: ({ code, words }) =>
        code === 'VA' ? flag(words, 'k') === key && IS_CAS.test(flag(words, 'c')) : code === 'EN',
    })
    if (value === undefined) return undefined
    const entry = unpack(value)
    return entry.expires > this.#now() ? { entry, cas: flag(words, 'c') } : undefined
  }

  // Read, compare, and write only if nobody has written since.
  async #over(key: string, version: string, write: (cas: string) => Promise<string>): Promise<Outcome> {
    return await retry(async (attempt) => {
      const found = await this.#find(key)
      if (found === undefined) return 'missing'
      if (found.entry.version !== version) return 'conflict'
      if ((await write(found.cas)) === 'HD') return 'done'
      // Somebody moves the expiry all the time; who reads again and tries again is right in any case.
      return attempt === MAX_ATTEMPTS ? 'conflict' : undefined
    }, MAX_ATTEMPTS)
  }

  async #set(key: string, entry: CacheEntry, mode: string): Promise<string> {
    const server = this.#serverOf(key)
    const body = pack(entry)
    // Never left to the server: on refusing a new state for its size it deletes the old one.
    const limit = (await server.itemLimit()) - key.length - ITEM_HEADER
    if (body.length > limit) throw new SessionTooLargeError(body.length, limit)
    const line = `ms ${key} ${body.length} T${this.#lifetime(entry.expires)} ${mode}`
    const { code } = await server.send({ line, body, isAnswer: ({ code }) => WRITTEN.includes(code) })
    return code
  }

  async #delete(key: string, flags = ''): Promise<string> {
    const server = this.#serverOf(key)
    const { code } = await server.send({ line: `md ${key}${flags}`, isAnswer: ({ code }) => DELETED.includes(code) })
    return code
  }

  // Only to free the server's memory: when an entry ends to the millisecond its own header says.
  #lifetime(expires: number): number {
    // The server's clock ticks once a second, and the first tick may be at hand.
    const seconds = Math.max(Math.ceil((expires - this.#now()) / SECOND), 1) + 1
    if (seconds <= LONGEST_LIFETIME) return seconds
    const date = Math.floor(Date.now() / SECOND) + seconds
    return date <= LAST_DATE ? date : 0
  }

  #serverOf(key: string) {
    if (!POSSIBLE_KEY.test(key)) throw new RangeError('This cannot be a key of a memcached')
    return this.#servers.of(key)
  }
}

function flag(words: readonly string[], name: string): string {
  return words.find((word) => word.startsWith(name))?.slice(1) ?? ''
}
