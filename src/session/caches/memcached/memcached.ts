import { randomBytes } from 'node:crypto'
import { SessionTooLargeError, StoreUnavailableError } from '../../core/errors.ts'
import type { Outcome } from '../../core/outcome.ts'
import { retry } from '../../core/retry.ts'
import type { Cache, CacheEntry, CacheServers } from '../cache.ts'
import { pack, unpack } from '../frame.ts'
import type { MemcachedAddress, MemcachedConnection, MemcachedConnectionOptions } from './memcached-connection.ts'
import type { Reply } from './memcached-replies.ts'
import { MemcachedServers, type ServerStats } from './memcached-servers.ts'

/** Options for {@link MemcachedCache}. */
export interface MemcachedOptions extends MemcachedConnectionOptions {
  /** The servers, or a URL that names them all: `memcached://host:port,host:port`. Every process must name the same ones. */
  readonly servers: string | readonly MemcachedAddress[]
  /** Returns milliseconds since 1970; Date.now by default. */
  readonly now?: () => number
}

interface Found {
  readonly entry: CacheEntry
  /** The server's compare-and-set value of this state. */
  readonly cas: string
}

// The protocol cannot quote keys, so a key must not contain spaces or line breaks.
const VALID_KEY = /^[\w.:-]{1,250}$/
const MS_PER_SECOND = 1000
// Above this many seconds the server reads a TTL as a Unix time.
const MAX_RELATIVE_TTL = 30 * 24 * 3600
const MAX_UNIX_TIME = 2 ** 31 - 1
// What a server stores in addition to key and value: item header, CAS value, chunk headers.
const ITEM_HEADER = 256
const MAX_ATTEMPTS = 20
const IS_CAS = /^\d{1,20}$/
const WRITTEN = ['HD', 'NS', 'EX', 'NF']
const PING = { line: 'mn', isAnswer: ({ code }: Reply) => code === 'MN' }
// Names one run of a server: several may share an address, and a restarted one is empty.
const IDENTITY_KEY = 'session-cache-identity'
const DELETED = ['HD', 'EX', 'NF']

/**
 * A cache on one or more Memcached servers, version 1.6 or later, over the meta protocol.
 *
 * A full server evicts the least recently used entries and a restart loses all of them: sessions that are kept only
 * here then end. It has no index of users.
 */
export class MemcachedCache implements Cache {
  readonly name = 'memcached'
  readonly staleFor = 0
  readonly servers: CacheServers
  readonly #servers: MemcachedServers
  readonly #now: () => number
  #connection: object = {}

  /** @throws RangeError for an empty list, a duplicate server or an invalid URL */
  constructor({ servers, now = Date.now, ...connection }: MemcachedOptions) {
    this.#servers = new MemcachedServers(servers, connection)
    this.#now = now
    for (const server of this.#servers.all) {
      // The next connection may lead to another server behind the same name.
      server.onDrop(() => {
        this.#connection = {}
      })
    }
    this.servers = {
      names: () => this.#servers.all.map(({ name }) => name),
      of: (key) => this.#serverOf(key).name,
      ping: async (name) => {
        await this.#servers.all.find((server) => server.name === name)?.send(PING)
      },
    }
  }

  get connection(): object {
    return this.#connection
  }

  async get(key: string): Promise<CacheEntry | undefined> {
    return (await this.#find(key))?.entry
  }

  /** @throws SessionTooLargeError if the entry exceeds the server's item size; nothing is sent then */
  async add(key: string, entry: CacheEntry): Promise<boolean> {
    return (await this.#set(key, entry, 'ME')) === 'HD'
  }

  /** @throws SessionTooLargeError if the entry exceeds the server's item size; nothing is sent then */
  async swap(key: string, version: string, entry: CacheEntry): Promise<Outcome> {
    return await this.#compareAnd(key, version, (cas) => this.#set(key, entry, `C${cas}`))
  }

  async delete(key: string, version?: string): Promise<Outcome> {
    if (version !== undefined) return await this.#compareAnd(key, version, (cas) => this.#delete(key, ` C${cas}`))
    return (await this.#delete(key)) === 'HD' ? 'done' : 'missing'
  }

  /** Resolves when every server answers; the error's cause names the first that does not. */
  async ping(): Promise<void> {
    await Promise.all(this.#servers.all.map((server) => server.send(PING)))
  }

  /** The servers' names and random texts that they keep: a restart, a flush or an eviction changes a text. */
  async identity(): Promise<string> {
    return (await Promise.all(this.#servers.all.map(identityOf))).sort().join()
  }

  /** Statistics of each server in the configured order; `up: false` for one that does not answer. */
  async serverStats(): Promise<ServerStats[]> {
    return await this.#servers.stats()
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
      // The server repeats the key, so that a reply can never be taken for another session's.
      isAnswer: ({ code, words }) =>
        code === 'VA' ? flag(words, 'k') === key && IS_CAS.test(flag(words, 'c')) : code === 'EN',
    })
    if (value === undefined) return undefined
    const entry = unpack(value)
    return entry.expires > this.#now() ? { entry, cas: flag(words, 'c') } : undefined
  }

  // Reads, compares, and writes only if the entry has not changed since.
  async #compareAnd(key: string, version: string, write: (cas: string) => Promise<string>): Promise<Outcome> {
    return await retry(async (attempt) => {
      const found = await this.#find(key)
      if (found === undefined) return 'missing'
      if (found.entry.version !== version) return 'conflict'
      if ((await write(found.cas)) === 'HD') return 'done'
      // Another writer keeps moving the expiry: a conflict makes the caller read again.
      return attempt === MAX_ATTEMPTS ? 'conflict' : undefined
    }, MAX_ATTEMPTS)
  }

  async #set(key: string, entry: CacheEntry, mode: string): Promise<string> {
    const server = this.#serverOf(key)
    const body = pack(entry)
    // Checked here, because a server that refuses a value for its size deletes the old one.
    const limit = (await server.itemLimit()) - key.length - ITEM_HEADER
    if (body.length > limit) throw new SessionTooLargeError(body.length, limit)
    const line = `ms ${key} ${body.length} T${this.#ttl(entry.expires)} ${mode}`
    const { code } = await server.send({ line, body, isAnswer: ({ code }) => WRITTEN.includes(code) })
    return code
  }

  async #delete(key: string, flags = ''): Promise<string> {
    const server = this.#serverOf(key)
    const { code } = await server.send({ line: `md ${key}${flags}`, isAnswer: ({ code }) => DELETED.includes(code) })
    return code
  }

  // Only frees the server's memory: the exact expiry is in the entry's header.
  #ttl(expires: number): number {
    // The server's clock ticks once a second, so a TTL may end up to one second early.
    const seconds = Math.max(Math.ceil((expires - this.#now()) / MS_PER_SECOND), 1) + 1
    if (seconds <= MAX_RELATIVE_TTL) return seconds
    const date = Math.floor(Date.now() / MS_PER_SECOND) + seconds
    return date <= MAX_UNIX_TIME ? date : 0
  }

  #serverOf(key: string) {
    if (!VALID_KEY.test(key)) throw new RangeError('This is not a valid Memcached key')
    return this.#servers.of(key)
  }
}

async function identityOf(server: MemcachedConnection): Promise<string> {
  const text = randomBytes(12).toString('base64url')
  const add = `ms ${IDENTITY_KEY} ${text.length} T0 ME`
  // On one connection, in this order.
  const [, { value }] = await Promise.all([
    server.send({ line: add, body: Buffer.from(text), isAnswer: ({ code }) => WRITTEN.includes(code) }),
    server.send({
      line: `mg ${IDENTITY_KEY} v k`,
      isAnswer: ({ code, words }) => (code === 'VA' ? flag(words, 'k') === IDENTITY_KEY : code === 'EN'),
    }),
  ])
  if (value === undefined) throw new StoreUnavailableError(new Error('Memcached keeps nothing'), { answered: true })
  return `${server.name} ${value.toString('latin1')}`
}

function flag(words: readonly string[], name: string): string {
  return words.find((word) => word.startsWith(name))?.slice(1) ?? ''
}
