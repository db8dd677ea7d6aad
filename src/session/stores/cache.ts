import { type Cache, type CacheEntry, DAMAGED, type KeptObject } from '../caches/cache.ts'
import type { Compression } from '../caches/compression.ts'
import { KeyTakenError } from '../core/errors.ts'
import type { Outcome } from '../core/outcome.ts'
import { ownText } from '../core/own-text.ts'
import { smallRandom } from '../core/random.ts'
import { decodeBody, encodeBody } from './record-body.ts'
import {
  isForward,
  NotSupportedError,
  type SaveOutcome,
  type SessionRecord,
  type SessionStore,
  type StoredRecord,
  sessionIdOf,
  type UserSession,
  type UserSessionStore,
  type Version,
  withVersion,
} from './store.ts'

/** Options for {@link CacheStore}. */
export interface CacheStoreOptions {
  readonly cache: Cache
  /** Prefix of all keys, so that applications can share a server; `session` by default. */
  readonly prefix?: string
  /** Part of every key: a new number discards all sessions; 1 by default. */
  readonly generation?: number
  /** None by default. */
  readonly compression?: Compression
}

const NOTHING: Promise<undefined> = Promise.resolve(undefined)
const NO_BODY = Buffer.alloc(0)
const VALID_KEY = /^[\w-]{1,128}$/

/** Keeps sessions in a cache only: fast, but lost when the cache loses them. Expired ones are removed by the server. */
export class CacheStore implements SessionStore, UserSessionStore {
  readonly name = 'cache'
  readonly #cache: Cache
  readonly #prefix: string
  readonly #compression: Compression | undefined
  readonly #keepsRecords: boolean
  readonly #recordIn = (entry: CacheEntry | undefined): StoredRecord | undefined => {
    if (entry === undefined) return undefined
    const { version, expires, body, object } = entry
    if (object instanceof KeptRecord) return withVersion(object.record, version)
    const record = decodeBody(body, this.#compression, version)
    if (record?.expires === expires && record.version === version) return record
    // The codec refuses empty data.
    return { ...UNREADABLE, version, expires }
  }

  /** @throws RangeError for an invalid prefix */
  constructor({ cache, prefix = 'session', generation = 1, compression }: CacheStoreOptions) {
    this.#cache = cache
    this.#prefix = cachePrefix(prefix, generation)
    this.#compression = compression
    this.#keepsRecords = cache.keepsObjects === true && compression === undefined
  }

  load(key: string): Promise<StoredRecord | undefined> {
    return isValidKey(key) ? this.#cache.get(this.#prefix + key).then(this.#recordIn) : NOTHING
  }

  async create(key: string, record: SessionRecord): Promise<Version> {
    if (!isValidKey(key)) throw new RangeError('This is not a key of a codec')
    const entry = this.#entry(key, record)
    const adding = this.#cache.add(this.#prefix + key, entry)
    if (!(await this.#indexed(key, record, adding))) throw new KeyTakenError()
    return entry.version
  }

  async save(key: string, version: Version, record: SessionRecord): Promise<SaveOutcome> {
    if (!isValidKey(key)) return { outcome: 'missing' }
    const entry = this.#entry(key, record)
    const swap = this.#cache.swap(this.#prefix + key, String(version), entry)
    const outcome = await this.#indexed(key, record, swap)
    return outcome === 'done' ? { outcome: 'saved', version: entry.version } : { outcome }
  }

  async touch(key: string, version: Version, times: { expires: number; lastActivity: number }): Promise<Outcome> {
    const stored = await this.load(key)
    if (stored === undefined) return 'missing'
    if (stored.version !== version) return 'conflict'
    const { expires, lastActivity } = times
    const record = { ...stored, expires, lastActivity }
    const entry = this.#entryAs(key, String(version), record)
    const swap = this.#cache.swap(this.#prefix + key, String(version), entry)
    return await this.#indexed(key, record, swap)
  }

  async delete(key: string, version?: Version): Promise<Outcome> {
    if (!isValidKey(key)) return 'missing'
    // Only the record has the user id, which is needed to remove the key from the index.
    const userId = this.#cache.users === undefined ? null : ((await this.load(key))?.userId ?? null)
    const outcome = await this.#cache.delete(this.#prefix + key, version === undefined ? undefined : String(version))
    if (outcome === 'done' && userId !== null) await this.#cache.users?.remove(userId, key)
    return outcome
  }

  async listByUser(userId: string): Promise<UserSession[]> {
    const users = this.#userIndex()
    const found = new Map<string, StoredRecord | undefined>()
    // Repeated until there is nothing new: during a change of key a session has two records.
    for (let keys = await users.keys(userId); keys.length > 0; ) {
      await Promise.all(keys.map(async (key) => found.set(key, await this.load(key))))
      keys = (await users.keys(userId)).filter((key) => !found.has(key))
    }
    return [...found]
      .flatMap(([key, record]) => (record?.userId === userId ? [toUserSession(key, record)] : []))
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

  #entry(key: string, record: SessionRecord): CacheEntry {
    // Random, not a counter: an entry that was evicted and created again must not repeat an old version.
    const version = smallRandom(9).toString('base64url')
    return this.#entryAs(key, version, record)
  }

  #entryAs(key: string, version: string, record: SessionRecord): CacheEntry {
    const { expires, userId } = record
    // Custom columns may have text of any length.
    const object = this.#keepsRecords && record.extra === undefined ? new KeptRecord(record, version) : undefined
    const body = object === undefined ? encodeBody(record, version, this.#compression) : NO_BODY
    if (userId !== null) return { version, expires, body, object, member: { userId, key } }
    return { version, expires, body, object, anonymous: !isForward(record) }
  }

  // While the entry is written: a session that is not in the index could not be ended by its user.
  async #indexed<T>(key: string, { userId, expires }: SessionRecord, writing: Promise<T>): Promise<T> {
    if (userId === null || this.#cache.users === undefined) return await writing
    const [written] = await Promise.all([writing, this.#cache.users.add(userId, key, expires)])
    return written
  }

  #userIndex() {
    const { users, name } = this.#cache
    if (users === undefined) throw new NotSupportedError(`A cache on ${name} does not know the users of its sessions.`)
    return users
  }
}

/** A record that a cache in this process keeps as it is: to encode and decode it takes an eighth of a change. */
class KeptRecord implements KeptObject {
  readonly record: StoredRecord

  constructor(record: SessionRecord, version: Version) {
    this.record = withVersion(record, version)
    // MessagePack decodes several texts as pieces of one.
    if (record.userId !== null) this.record.userId = ownText(record.userId)
  }

  get bytes(): number {
    const { data, userId, ipAddress, userAgent } = this.record
    return data.length + (userId?.length ?? 0) + (ipAddress?.length ?? 0) + (userAgent?.length ?? 0)
  }
}

/** The prefix of all cache keys. @throws RangeError for an invalid prefix */
export function cachePrefix(prefix: string, generation: number): string {
  if (!/^[\w.-]{1,32}$/.test(prefix) || !Number.isSafeInteger(generation)) {
    throw new RangeError('A cache prefix is 1 to 32 letters, digits, dots, dashes and underscores')
  }
  return `${prefix}:${generation}:`
}

/** Whether a codec could have made this key; other keys are never sent to the server. */
export function isValidKey(key: string): boolean {
  return VALID_KEY.test(key)
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

function toUserSession(key: string, record: StoredRecord): UserSession {
  const { createdAt, lastActivity, expires, ipAddress, userAgent } = record
  return { key, id: sessionIdOf(key, record), createdAt, lastActivity, expires, ipAddress, userAgent }
}
