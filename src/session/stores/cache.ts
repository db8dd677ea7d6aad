import { randomBytes } from 'node:crypto'
import { type Cache, type CacheEntry, DAMAGED } from '../caches/cache.ts'
import type { Compression } from '../caches/compression.ts'
import { KeyTakenError } from '../core/errors.ts'
import type { Outcome } from '../core/outcome.ts'
import { decodeBody, encodeBody } from './record-body.ts'
import {
  NotSupportedError,
  type SaveOutcome,
  type SessionRecord,
  type SessionStore,
  type StoredRecord,
  sessionIdOf,
  type UserSession,
  type UserSessionStore,
  type Version,
} from './store.ts'

/** What a {@link CacheStore} is made of. */
export interface CacheStoreOptions {
  readonly cache: Cache
  /** Stands before every key, so that one server can serve several applications; `session` by default. */
  readonly prefix?: string
  /** Raise it to leave every session behind at once; 1 by default. */
  readonly generation?: number
  readonly compression?: Compression
}

const POSSIBLE_KEY = /^[\w-]{1,128}$/

/** Sessions in a cache alone: quick, and as lasting as the cache. The server forgets what has expired by itself. */
export class CacheStore implements SessionStore, UserSessionStore {
  readonly name = 'cache'
  readonly #cache: Cache
  readonly #prefix: string
  readonly #compression: Compression | undefined

  /** @throws RangeError for a prefix that cannot stand in a key */
  constructor({ cache, prefix = 'session', generation = 1, compression }: CacheStoreOptions) {
    this.#cache = cache
    this.#prefix = cachePrefix(prefix, generation)
    this.#compression = compression
  }

  async load(key: string): Promise<StoredRecord | undefined> {
    if (!isPossible(key)) return undefined
    const entry = await this.#cache.get(this.#prefix + key)
    return entry && this.#read(entry)
  }

  async create(key: string, record: SessionRecord): Promise<Version> {
    if (!isPossible(key)) throw new RangeError('This is not a key that a codec makes')
    const entry = this.#entry(record)
    const [added] = await Promise.all([this.#cache.add(this.#prefix + key, entry), this.#index(key, record)])
    if (!added) throw new KeyTakenError()
    return entry.version
  }

  async save(key: string, version: Version, record: SessionRecord): Promise<SaveOutcome> {
    if (!isPossible(key)) return { outcome: 'missing' }
    const entry = this.#entry(record)
    const swap = this.#cache.swap(this.#prefix + key, String(version), entry)
    const [outcome] = await Promise.all([swap, this.#index(key, record)])
    return outcome === 'done' ? { outcome: 'saved', version: entry.version } : { outcome }
  }

  async touch(key: string, version: Version, times: { expires: number; lastActivity: number }): Promise<Outcome> {
    const stored = await this.load(key)
    if (stored === undefined) return 'missing'
    if (stored.version !== version) return 'conflict'
    const { expires, lastActivity } = times
    const record = { ...stored, expires, lastActivity }
    const entry = { ...this.#entry(record), version: String(version) }
    const swap = this.#cache.swap(this.#prefix + key, String(version), entry)
    const [outcome] = await Promise.all([swap, this.#index(key, record)])
    return outcome
  }

  async delete(key: string, version?: Version): Promise<Outcome> {
    if (!isPossible(key)) return 'missing'
    // Whose it is stands in the record alone, and the index should not name what is gone.
    const userId = this.#cache.users === undefined ? null : ((await this.load(key))?.userId ?? null)
    const outcome = await this.#cache.delete(this.#prefix + key, version === undefined ? undefined : String(version))
    if (outcome === 'done' && userId !== null) await this.#cache.users?.remove(userId, key)
    return outcome
  }

  async listByUser(userId: string): Promise<UserSession[]> {
    const users = this.#usersOf()
    const found = new Map<string, StoredRecord | undefined>()
    // Again until there is nothing new: a session that changes its key has a second record before the first one goes.
    for (let keys = await users.keys(userId); keys.length > 0; ) {
      await Promise.all(keys.map(async (key) => found.set(key, await this.load(key))))
      keys = (await users.keys(userId)).filter((key) => !found.has(key))
    }
    return [...found]
      .flatMap(([key, record]) => (record?.userId === userId ? [visible(key, record)] : []))
      .sort((one, other) => other.lastActivity - one.lastActivity)
  }

  async endByUser(userId: string, exceptId?: string): Promise<number> {
    const sessions = await this.listByUser(userId)
    const ended = sessions.filter(({ id }) => id !== exceptId).map(({ key }) => this.delete(key))
    return (await Promise.all(ended)).filter((outcome) => outcome === 'done').length
  }

  async close(): Promise<void> {
    await this.#cache.close()
  }

  #entry(record: SessionRecord): CacheEntry {
    // Drawn, not counted: an entry that was evicted and begun anew must not come to an old version again.
    const version = randomBytes(9).toString('base64url')
    const body = encodeBody({ record, version: null, expires: record.expires }, this.#compression)
    return { version, expires: record.expires, body }
  }

  #read({ version, expires, body }: CacheEntry): StoredRecord {
    const decoded = decodeBody(body, this.#compression)
    // The codec refuses empty data, and so says why there is no session.
    return decoded === undefined ? { ...UNREADABLE, version, expires } : { ...decoded.record, version, expires }
  }

  // Before the entry or beside it: a session that no list names could not be ended from afar.
  async #index(key: string, { userId, expires }: SessionRecord): Promise<void> {
    if (userId !== null) await this.#cache.users?.add(userId, key, expires)
  }

  #usersOf() {
    const { users, name } = this.#cache
    if (users === undefined) throw new NotSupportedError(`A cache on ${name} cannot tell whose sessions it keeps.`)
    return users
  }
}

/** The part of every cache key that is the application's. @throws RangeError for a prefix that cannot stand in a key */
export function cachePrefix(prefix: string, generation: number): string {
  if (!/^[\w.-]{1,32}$/.test(prefix) || !Number.isSafeInteger(generation)) {
    throw new RangeError('A cache prefix is 1 to 32 letters, digits, dots, dashes and underscores')
  }
  return `${prefix}:${generation}:`
}

/** Whether a codec could have made this key; what else clients send never reaches the wire. */
export function isPossible(key: string): boolean {
  return POSSIBLE_KEY.test(key)
}

const UNREADABLE = {
  data: '',
  expires: DAMAGED.expires,
  createdAt: 0,
  lastActivity: 0,
  userId: null,
  sessionId: null,
  ipAddress: null,
  userAgent: null,
}

function visible(key: string, record: StoredRecord): UserSession {
  const { createdAt, lastActivity, expires, ipAddress, userAgent } = record
  return { key, id: sessionIdOf(key, record), createdAt, lastActivity, expires, ipAddress, userAgent }
}
