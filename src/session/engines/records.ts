import type { Codec } from '../codec/codec.ts'
import { emptyData, type SessionData } from '../core/data.ts'
import { KeyTakenError } from '../core/errors.ts'
import type { Observer, Operation } from '../core/events.ts'
import { deadline, EXPIRY_KEY, type ExpiryPolicy } from '../core/expiry.ts'
import { newSessionKey } from '../core/key.ts'
import type { Outcome } from '../core/outcome.ts'
import { retry } from '../core/retry.ts'
import { userIdOf } from '../core/user.ts'
import { type SessionRecord, type SessionStore, type StoredRecord, sessionIdOf } from '../stores/store.ts'
import type { Client, Loaded, Opened } from './engine.ts'

/** A session that has a record. */
export type Live = Loaded & { readonly id: string; readonly key: string }

/** Whether a session has a record, as far as is known here. */
export function hasRecord(loaded: Loaded | undefined): loaded is Live {
  return loaded !== undefined && loaded.key !== null
}

/** What a record tells of a session beside its data. */
export interface About {
  readonly id: string
  readonly createdAt: number
  readonly client: Client
}

/** What a key leads to; with a successor it is a forward, and the data are those from before the key changed. */
export type Found = (Opened & { live: false }) | { live: true; loaded: Live; successor?: string }

/** Where an old key leads in the end. */
export interface Trail {
  /** The session as it was under the old key. */
  readonly frozen: Live
  /** As it is now; undefined when it has ended. */
  readonly end: Live | undefined
}

/** What {@link Records} needs. */
export interface RecordsOptions {
  readonly store: SessionStore
  readonly codec: Codec
  readonly expiry: ExpiryPolicy
  /** Seconds for which an old key leads to the session after a change of key: as long as a request may take. */
  readonly forwardFor: number
  readonly columns?: ((data: SessionData) => Readonly<Record<string, string | number | null>>) | undefined
  readonly observe: Observer
  /** Milliseconds since 1970. */
  readonly now: () => number
}

const KEY_DRAWS = 10
const MAX_HOPS = 4
// The life of a successor until the old key leads to it: after a crash in between nobody knows its key.
const UNCONFIRMED = 60_000
// Django's table has no column for it, so there a session remembers its birth among its own data.
const CREATED_KEY = '_session_created'
const NOBODY = { userId: null, ipAddress: null, userAgent: null }

/** Sessions as records of a store: each method is one step on one record, or follows forwards. */
export class Records {
  readonly #options: RecordsOptions

  constructor(options: RecordsOptions) {
    this.#options = options
  }

  /** The record as it is stored, whatever it holds. */
  async read(storeKey: string): Promise<StoredRecord | undefined> {
    return await this.#timed('load', () => this.#options.store.load(storeKey))
  }

  async load(key: string): Promise<Found> {
    const { codec, now } = this.#options
    const storeKey = codec.storeKey(key)
    const stored = await this.read(storeKey)
    if (stored === undefined) return { live: false, suspicion: 'unknown-key' }
    const decoded = codec.decode(key, stored.data)
    if (!decoded.ok) return { live: false, suspicion: 'undecodable', detail: decoded.reason }
    const { data, successor } = decoded
    const { version, expires, lastActivity } = stored
    const createdAt = stored.createdAt || createdAmongData(data, now())
    const loaded = { id: sessionIdOf(storeKey, stored), key, data, version, expires, lastActivity, createdAt }
    return { live: true, loaded, ...(successor === undefined ? {} : { successor }) }
  }

  /**
   * The session that a forward leads to, over other forwards if need be; undefined when it has ended, or has become
   * another user's: then nothing of the former one may be seen or changed under the old key.
   */
  async endOf({ data }: Live, successor: string): Promise<Live | undefined> {
    const user = userIdOf(data)
    const end = await this.lastOf(successor, MAX_HOPS)
    return end !== undefined && (user === null || user === userIdOf(end.data)) ? end : undefined
  }

  /**
   * The same, whoever's it has become.
   *
   * @param maxHops for an ending there is no limit: every hop is a key that was changed while forwards live
   */
  async lastOf(successor: string, maxHops = Number.POSITIVE_INFINITY): Promise<Live | undefined> {
    let key = successor
    for (let hop = 1; hop <= maxHops; hop++) {
      const found = await this.load(key)
      if (!found.live) return undefined
      if (found.successor === undefined) return found.loaded
      key = found.successor
    }
    return undefined
  }

  /** Where an old key leads now; undefined when it leads nowhere any more, or is no old key. */
  async follow(key: string): Promise<Trail | undefined> {
    const found = await this.load(key)
    if (!found.live || found.successor === undefined) return undefined
    return { frozen: found.loaded, end: await this.endOf(found.loaded, found.successor) }
  }

  /**
   * Creates a record under a key that nobody has.
   *
   * @param unconfirmed whether it lives a minute at most until {@link touch} gives it its full life
   */
  async create(data: SessionData, about: About, unconfirmed = false): Promise<Live> {
    return await retry(async () => {
      try {
        return await this.createAs(newSessionKey(), data, about, unconfirmed)
      } catch (error) {
        if (error instanceof KeyTakenError) return undefined
        throw error
      }
    }, KEY_DRAWS)
  }

  /** @throws KeyTakenError */
  async createAs(key: string, data: SessionData, about: About, unconfirmed = false): Promise<Live> {
    const { store, codec, now } = this.#options
    const record = this.#record(key, data, about)
    if (unconfirmed) record.expires = Math.min(record.expires, now() + UNCONFIRMED)
    // Wrapped, because a version may be the stored text, which is nobody's outcome.
    const create = async () => ({ version: await store.create(codec.storeKey(key), record) })
    const { version } = await this.#timed('create', create)
    return this.#live(key, data, { ...record, version })
  }

  /** Saves over the version that was read. */
  async save(current: Live, data: SessionData, client: Client): Promise<Live | 'conflict' | 'missing'> {
    const { store, codec } = this.#options
    const record = this.#record(current.key, data, { ...current, client })
    const result = await this.#timed('save', () => store.save(codec.storeKey(current.key), current.version, record))
    return result.outcome === 'saved' ? this.#live(current.key, data, { ...record, ...result }) : result.outcome
  }

  /** Gives up a key that was changed: a forward takes its record's place where the format has forwards, nothing otherwise. */
  async giveUp(current: Live, successor: string): Promise<Outcome> {
    const { codec, now, forwardFor } = this.#options
    if (!codec.forwards) return await this.delete(current, 'cycle')
    const data = codec.encode(current.key, current.data, successor)
    return await this.replace(current, data, now() + forwardFor * 1000, 'cycle')
  }

  /** Puts text that is nobody's session in the place of what is as it was read. */
  async replace(current: Live, data: string, expires: number, operation: Operation = 'save'): Promise<Outcome> {
    const { store, codec, columns } = this.#options
    const { key, version, createdAt, lastActivity } = current
    const extra = columns === undefined ? {} : { extra: columns(emptyData()) }
    const record = { data, expires, createdAt, lastActivity, sessionId: '', ...NOBODY, ...extra }
    const { outcome } = await this.#timed(operation, () => store.save(codec.storeKey(key), version, record))
    return outcome === 'saved' ? 'done' : outcome
  }

  /** Moves the expiry of what is as it was read. */
  async touch(current: Live): Promise<Live | 'conflict' | 'missing'> {
    const { expiry, now } = this.#options
    const lastActivity = now()
    const expires = deadline(expiry, current.data[EXPIRY_KEY], current.createdAt, lastActivity)
    const outcome = await this.setTimes(current, { expires, lastActivity })
    return outcome === 'done' ? { ...current, expires, lastActivity } : outcome
  }

  /** Sets the times, in milliseconds since 1970, of what is as it was read. */
  async setTimes({ key, version }: Live, times: Pick<SessionRecord, 'expires' | 'lastActivity'>): Promise<Outcome> {
    const { store, codec } = this.#options
    return await this.#timed('touch', () => store.touch(codec.storeKey(key), version, times))
  }

  /** Deletes what is as it was read. */
  async delete({ key, version }: Live, operation: Operation = 'delete'): Promise<Outcome> {
    const { store, codec } = this.#options
    return await this.#timed(operation, () => store.delete(codec.storeKey(key), version))
  }

  /** Deletes whatever is there. */
  async deleteAny(storeKey: string): Promise<Outcome> {
    return await this.#timed('delete', () => this.#options.store.delete(storeKey))
  }

  #live(key: string, data: SessionData, record: SessionRecord & Pick<Loaded, 'version'>): Live {
    const { version, createdAt, lastActivity, expires } = record
    const id = sessionIdOf(this.#options.codec.storeKey(key), record)
    return { id, key, data, version, createdAt, lastActivity, expires }
  }

  #record(key: string, data: SessionData, { id, createdAt, client }: About): SessionRecord {
    const { codec, expiry, columns, observe, now } = this.#options
    const lastActivity = now()
    if (codec.name === 'django' && expiry.absoluteAge !== undefined) data[CREATED_KEY] = createdAt
    const encoded = codec.encode(key, data)
    observe({ type: 'size', bytes: encoded.length })
    return {
      data: encoded,
      expires: deadline(expiry, data[EXPIRY_KEY], createdAt, lastActivity),
      createdAt,
      lastActivity,
      userId: userIdOf(data),
      sessionId: codec.forwards ? id : null,
      ipAddress: client.ipAddress,
      userAgent: client.userAgent,
      ...(columns === undefined ? {} : { extra: columns(data) }),
    }
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

function createdAmongData(data: SessionData, now: number): number {
  const created = data[CREATED_KEY]
  // Written by Django, or before there was an absolute age: the clock starts now.
  return typeof created === 'number' ? created : now
}

function outcomeOf(result: unknown): string {
  if (typeof result === 'string') return result
  if (result === undefined) return 'missing'
  return typeof result === 'object' && result !== null && 'outcome' in result ? String(result.outcome) : 'done'
}
