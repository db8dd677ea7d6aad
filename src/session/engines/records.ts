import type { Codec, Decoded } from '../codec/codec.ts'
import { emptyData, type SessionData } from '../core/data.ts'
import { KeyTakenError } from '../core/errors.ts'
import type { Observer, Operation } from '../core/events.ts'
import { absoluteAge, deadline, type ExpiryPolicy } from '../core/expiry.ts'
import { derivedSessionId, newSessionKey } from '../core/key.ts'
import type { Outcome } from '../core/outcome.ts'
import { retry } from '../core/retry.ts'
import { userIdOf } from '../core/user.ts'
import {
  isForward,
  type SessionRecord,
  type SessionStore,
  type StoredRecord,
  sessionIdOf,
  type Version,
} from '../stores/store.ts'
import type { Client, Loaded, Opened } from './engine.ts'

/** A session that has a record. */
export type LiveRecord = Loaded & { readonly id: string; readonly key: string; readonly hashed?: HashedKey }

/** The store's key of a session key, which is not hashed again for the same key and codec. */
interface HashedKey {
  readonly codec: Codec
  readonly key: string
  readonly storeKey: string
}

/** Whether a session has a record. */
export function hasRecord(loaded: Loaded | undefined): loaded is LiveRecord {
  return loaded !== undefined && loaded.key !== null
}

/** The metadata of a record. */
export interface RecordMetadata {
  readonly id: string
  readonly createdAt: number
  readonly client: Client
  /** The JSON that was read, in formats that other programs write. */
  readonly json?: string | undefined
}

/** The result of loading a key. With a `successor` it is a forward, and the data are from before the change of key. */
export type Found = (Opened & { live: false }) | { live: true; loaded: LiveRecord; successor?: string }

/** The session that an old key leads to. */
export interface ForwardTarget {
  /** The session as it was before the change of key. */
  readonly before: LiveRecord
  /** The session as it is now; undefined if it has ended. */
  readonly current: LiveRecord | undefined
}

/** Options for {@link Records}. */
export interface RecordsOptions {
  readonly store: SessionStore
  readonly codec: Codec
  readonly expiry: ExpiryPolicy
  /** Seconds for which an old key leads to the session after a change of key. */
  readonly forwardSeconds: number
  /** Custom columns, computed from the data at each save. */
  readonly columns?: ((data: SessionData) => Readonly<Record<string, string | number | null>>) | undefined
  readonly observe: Observer
  /** Returns milliseconds since 1970. */
  readonly now: () => number
}

const MAX_KEY_ATTEMPTS = 10
const MAX_HOPS = 4
// The lifetime of a successor until the old key leads to it: after a crash in between its key is unknown.
const UNCONFIRMED_MS = 60_000
// Django's table has no column for the creation time, so it is kept in the data.
const CREATED_KEY = '_session_created'
const NO_METADATA = { userId: null, ipAddress: null, userAgent: null }

/** Sessions as records of a store: each method is one operation on one record, or follows forwards. */
export class Records {
  readonly #options: RecordsOptions

  constructor(options: RecordsOptions) {
    this.#options = options
  }

  /** The stored record, not decoded. */
  read(storeKey: string): Promise<StoredRecord | undefined> {
    return this.#timed('load', () => this.#options.store.load(storeKey))
  }

  async load(key: string): Promise<Found> {
    const { codec, now } = this.#options
    const hashed = this.#hash(key)
    const { storeKey } = hashed
    const stored = await this.read(storeKey)
    if (stored === undefined) return { live: false, suspicion: 'unknown-key' }
    const decoded = codec.decode(key, stored.data, storeKey)
    const { version, expires, lastActivity } = stored
    const id = sessionIdOf(storeKey, stored)
    const reason = !decoded.ok ? decoded.reason : isConsistent(stored, decoded) ? undefined : 'inconsistent'
    if (!decoded.ok || reason !== undefined) {
      const { createdAt } = stored
      const unread = { id, key, data: emptyData(), version, expires, lastActivity, createdAt }
      return { live: false, suspicion: 'undecodable', detail: reason, unread }
    }
    const { data, successor, json } = decoded
    const createdAt = stored.createdAt || createdAtIn(data, now())
    if (deadline(this.#options.expiry, data, createdAt, now()) <= now()) return { live: false }
    const reseal = decoded.olderSecret && { ipAddress: stored.ipAddress, userAgent: stored.userAgent }
    const loaded = { id, key, data, version, expires, lastActivity, createdAt, json, reseal, hashed }
    return successor === undefined ? { live: true, loaded } : { live: true, loaded, successor }
  }

  /**
   * The session that a forward leads to, through further forwards; undefined if it has ended or is another user's by now,
   * so that the old key gives no access to it.
   */
  async resolveForward({ data }: LiveRecord, successor: string): Promise<LiveRecord | undefined> {
    const user = userIdOf(data)
    const end = await this.followForwards(successor, MAX_HOPS)
    return end !== undefined && (user === null || user === userIdOf(end.data)) ? end : undefined
  }

  /**
   * The same for any user.
   *
   * @param maxHops maximum number of forwards to follow; unlimited by default
   */
  async followForwards(successor: string, maxHops = Number.POSITIVE_INFINITY): Promise<LiveRecord | undefined> {
    let key = successor
    for (let hop = 1; hop <= maxHops; hop++) {
      const found = await this.load(key)
      if (!found.live) return undefined
      if (found.successor === undefined) return found.loaded
      key = found.successor
    }
    return undefined
  }

  /** The newest key that a forward leads to, whether or not it has a record. */
  async lastKey(successor: string): Promise<string> {
    let key = successor
    for (let hop = 1; hop <= MAX_HOPS; hop++) {
      const found = await this.load(key)
      if (!found.live || found.successor === undefined) break
      key = found.successor
    }
    return key
  }

  /** The session that an old key leads to; undefined if it has no forward. */
  async follow(key: string): Promise<ForwardTarget | undefined> {
    const found = await this.load(key)
    if (!found.live || found.successor === undefined) return undefined
    return { before: found.loaded, current: await this.resolveForward(found.loaded, found.successor) }
  }

  /**
   * Creates a record under a new key.
   *
   * @param unconfirmed whether it expires after a minute unless {@link touch} extends it; false by default
   */
  async create(data: SessionData, about: RecordMetadata, unconfirmed = false): Promise<LiveRecord> {
    return await retry(async () => {
      try {
        return await this.createAs(newSessionKey(), data, about, unconfirmed)
      } catch (error) {
        if (error instanceof KeyTakenError) return undefined
        throw error
      }
    }, MAX_KEY_ATTEMPTS)
  }

  /** Creates a record under this key. @throws KeyTakenError if a record has it */
  async createAs(key: string, data: SessionData, about: RecordMetadata, unconfirmed = false): Promise<LiveRecord> {
    const { store, now } = this.#options
    const hashed = this.#hash(key)
    const record = this.#record(hashed, data, about)
    if (unconfirmed) record.expires = Math.min(record.expires, now() + UNCONFIRMED_MS)
    // Wrapped, because a version may be text, which would be counted as an outcome.
    const create = async () => ({ version: await store.create(hashed.storeKey, record) })
    const { version } = await this.#timed('create', create)
    return this.#live(hashed, data, record, version, about.json)
  }

  /** Saves if the record still has the version that was read. */
  async save(current: LiveRecord, data: SessionData, client: Client): Promise<LiveRecord | 'conflict' | 'missing'> {
    const { store } = this.#options
    const { id, createdAt, json } = current
    const hashed = this.#hash(current.key, current.hashed)
    const record = this.#record(hashed, data, { id, createdAt, client, json })
    const result = await this.#timed('save', () => store.save(hashed.storeKey, current.version, record))
    return result.outcome === 'saved' ? this.#live(hashed, data, record, result.version, json) : result.outcome
  }

  /** Replaces the record of an old key by a forward, or deletes it if the format has no forwards. */
  async replaceByForward(current: LiveRecord, successor: string): Promise<Outcome> {
    const { codec, now, forwardSeconds } = this.#options
    if (!codec.forwards) return await this.delete(current, 'cycle')
    const data = codec.encode(current.key, current.data, { successor })
    return await this.replace(current, data, now() + forwardSeconds * 1000, 'cycle')
  }

  /** Replaces a record by text that is not a session, if it still has the version that was read. */
  async replace(current: LiveRecord, data: string, expires: number, operation: Operation = 'save'): Promise<Outcome> {
    const { store, columns } = this.#options
    const { version, createdAt, lastActivity } = current
    const extra = columns === undefined ? {} : { extra: columns(emptyData()) }
    const record = { data, expires, createdAt, lastActivity, sessionId: '', ...NO_METADATA, ...extra }
    const { outcome } = await this.#timed(operation, () => store.save(this.#storeKeyOf(current), version, record))
    return outcome === 'saved' ? 'done' : outcome
  }

  /** Moves the expiry, if the record still has the version that was read; saves it if an older secret sealed it. */
  async touch(current: LiveRecord): Promise<LiveRecord | 'conflict' | 'missing'> {
    if (current.reseal !== undefined) return await this.save(current, current.data, current.reseal)
    const { expiry, now } = this.#options
    const lastActivity = now()
    const expires = deadline(expiry, current.data, current.createdAt, lastActivity)
    const outcome = await this.setTimes(current, { expires, lastActivity })
    return outcome === 'done' ? { ...current, expires, lastActivity } : outcome
  }

  /** Sets the times (ms), if the record still has the version that was read. */
  async setTimes(record: LiveRecord, times: Pick<SessionRecord, 'expires' | 'lastActivity'>): Promise<Outcome> {
    const { store } = this.#options
    return await this.#timed('touch', () => store.touch(this.#storeKeyOf(record), record.version, times))
  }

  /** Deletes the record, if it still has the version that was read. */
  async delete(record: LiveRecord, operation: Operation = 'delete'): Promise<Outcome> {
    const { store } = this.#options
    return await this.#timed(operation, () => store.delete(this.#storeKeyOf(record), record.version))
  }

  /** Deletes the record, whatever its version. */
  async deleteAny(storeKey: string): Promise<Outcome> {
    return await this.#timed('delete', () => this.#options.store.delete(storeKey))
  }

  /** @param known from a copy of the record, perhaps with another key or by another codec */
  #hash(key: string, known?: HashedKey): HashedKey {
    const { codec } = this.#options
    return known?.key === key && known.codec === codec ? known : { codec, key, storeKey: codec.storeKey(key) }
  }

  #storeKeyOf({ key, hashed }: LiveRecord): string {
    return this.#hash(key, hashed).storeKey
  }

  /** @param json what was read first: a value that is changed and changed back has its text again */
  #live(
    hashed: HashedKey,
    data: SessionData,
    record: SessionRecord,
    version: Version,
    json: string | undefined,
  ): LiveRecord {
    const { createdAt, lastActivity, expires } = record
    const id = record.sessionId ?? derivedSessionId(hashed.storeKey)
    return { id, key: hashed.key, data, version, createdAt, lastActivity, expires, json, hashed }
  }

  #record(
    { key, storeKey }: HashedKey,
    data: SessionData,
    { id, createdAt, client, json: former }: RecordMetadata,
  ): SessionRecord {
    const { codec, expiry, columns, observe, now } = this.#options
    const lastActivity = now()
    if (codec.name === 'django' && absoluteAge(expiry, data) !== undefined) data[CREATED_KEY] = createdAt
    const encoded = codec.encode(key, data, { metadata: { id, createdAt }, former, name: storeKey })
    observe({ type: 'size', bytes: encoded.length })
    const record: SessionRecord = {
      data: encoded,
      expires: deadline(expiry, data, createdAt, lastActivity),
      createdAt,
      lastActivity,
      userId: userIdOf(data),
      sessionId: codec.forwards ? id : null,
      ipAddress: client.ipAddress,
      userAgent: client.userAgent,
    }
    if (columns !== undefined) record.extra = columns(data)
    return record
  }

  async #timed<T>(operation: Operation, work: () => Promise<T>): Promise<T> {
    const start = performance.now()
    let outcome = 'failed'
    try {
      const result = await work()
      outcome = outcomeOf(result)
      return result
    } finally {
      this.#options.observe({ type: 'operation', operation, outcome, milliseconds: performance.now() - start })
    }
  }
}

/** Whether the record's fields agree with what is sealed in it. Records of older versions have nothing sealed. */
function isConsistent(stored: StoredRecord, { data, successor, metadata }: Decoded & { ok: true }): boolean {
  if (stored.sessionId !== null && isForward(stored) !== (successor !== undefined)) return false
  if (metadata === undefined) return true
  return stored.sessionId === metadata.id && stored.createdAt === metadata.createdAt && stored.userId === userIdOf(data)
}

function createdAtIn(data: SessionData, now: number): number {
  const created = data[CREATED_KEY]
  // Written by Django, or without an absolute age: it counts from now.
  return typeof created === 'number' ? created : now
}

function outcomeOf(result: unknown): string {
  if (typeof result === 'string') return result
  if (result === undefined) return 'missing'
  return typeof result === 'object' && result !== null && 'outcome' in result ? String(result.outcome) : 'done'
}
