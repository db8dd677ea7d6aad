import { setTimeout as sleep } from 'node:timers/promises'
import type { Codec } from '../codec/codec.ts'
import { emptyData, plainJson, type SessionData } from '../data.ts'
import { KeyTakenError, SessionContendedError } from '../errors.ts'
import { deadline, EXPIRY_KEY, type ExpiryPolicy } from '../expiry.ts'
import { isSessionKey, newSessionKey } from '../key.ts'
import type { Observer, Operation } from '../observe/events.ts'
import {
  knowsUsers,
  NotSupportedError,
  type Outcome,
  type SessionRecord,
  type SessionStore,
  type UserSessionStore,
  type Version,
} from '../stores/store.ts'
import {
  type Client,
  type Commit,
  type Committed,
  type Engine,
  type Loaded,
  type Opened,
  type UserSessions,
  userIdOf,
} from './engine.ts'
import { KeyedQueue } from './queue.ts'

/** What {@link StoredEngine} is made of. */
export interface StoredEngineOptions {
  /** What SESSION_ENGINE calls it; the store's name by default. */
  readonly name?: string
  readonly store: SessionStore
  readonly codec: Codec
  readonly expiry: ExpiryPolicy
  /** Columns of the application's own, taken from the data at each save; the store must know their names. */
  readonly columns?: (data: SessionData) => Readonly<Record<string, string | number | null>>
  readonly observe?: Observer
  /** Milliseconds since 1970. */
  readonly now?: () => number
}

// A process whose requests follow one another closely wins most rounds, so the others need patience: about a second.
const ATTEMPTS = 100
const LONGEST_PAUSE = 20
const KEY_DRAWS = 10
// Django's table has no column for it, so there a session remembers its birth among its own data.
const CREATED_KEY = '_session_created'

type Live = Loaded & { key: string }

/** Sessions in a store, with a key in the cookie. Keeps the two laws by versioned saves and replay. */
export class StoredEngine implements Engine {
  readonly name: string
  readonly store: SessionStore
  readonly codec: Codec
  readonly #expiry: ExpiryPolicy
  readonly #columns: StoredEngineOptions['columns']
  readonly #observe: Observer
  readonly #now: () => number
  readonly #queue = new KeyedQueue<Committed>()

  constructor(options: StoredEngineOptions) {
    this.name = options.name ?? options.store.name
    this.store = options.store
    this.codec = options.codec
    this.#expiry = options.expiry
    this.#columns = options.columns
    this.#observe = options.observe ?? (() => {})
    this.#now = options.now ?? Date.now
  }

  async open(cookie: string): Promise<Opened> {
    if (!isSessionKey(cookie)) return { live: false, suspicion: 'malformed-cookie' }
    return await this.#load(cookie)
  }

  /** Whether a live record has this session key. */
  async exists(key: string): Promise<boolean> {
    return isSessionKey(key) && (await this.store.load(this.codec.storeKey(key))) !== undefined
  }

  async commit(commit: Commit): Promise<Committed> {
    const { loaded } = commit
    if (commit.write === 'create' || !hasKey(loaded)) return await this.#create(commit, dataFor(commit, undefined))
    return await this.#queue.run(loaded.key, async (before) => {
      // Whoever ran before in this process has ended the session, or knows its newest state.
      if (before?.outcome === 'ended' && commit.write === 'save') return before
      const newest = before?.outcome === 'saved' && before.loaded.key === loaded.key ? (before.loaded as Live) : loaded
      return commit.write === 'cycle'
        ? await this.#cycle(commit, newest)
        : await this.#save(commit, newest, newest !== loaded)
    })
  }

  async touch(loaded: Loaded): Promise<{ loaded: Loaded; cookie: string } | undefined> {
    if (!hasKey(loaded)) return undefined
    const lastActivity = this.#now()
    const expires = deadline(this.#expiry, loaded.data[EXPIRY_KEY], loaded.createdAt, lastActivity)
    const outcome = await this.#timed('touch', () =>
      this.store.touch(this.codec.storeKey(loaded.key), loaded.version, { expires, lastActivity }),
    )
    return outcome === 'done' ? { loaded: { ...loaded, expires, lastActivity }, cookie: loaded.key } : undefined
  }

  async end(loaded: Loaded): Promise<void> {
    if (hasKey(loaded)) await this.#timed('delete', () => this.store.delete(this.codec.storeKey(loaded.key)))
  }

  async adopt(commit: Commit & { loaded: Loaded }): Promise<Committed & { outcome: 'saved' }> {
    const { loaded, write, client } = commit
    const data = plainJson(commit.data) as SessionData
    if (write === 'cycle' || !hasKey(loaded)) return await this.#create(commit, data)
    const record = this.#record(loaded.key, data, client, loaded.createdAt, this.#now())
    const version = await this.#timed('create', () => this.store.create(this.codec.storeKey(loaded.key), record))
    return saved(loaded.key, data, record, version, false)
  }

  async leave(loaded: Loaded, grace = 0): Promise<Outcome> {
    if (!hasKey(loaded)) return 'missing'
    const { version, lastActivity } = loaded
    const key = this.codec.storeKey(loaded.key)
    if (grace === 0) return await this.#timed('cycle', () => this.store.delete(key, version))
    const expires = Math.min(loaded.expires, this.#now() + grace)
    return await this.#timed('touch', () => this.store.touch(key, version, { expires, lastActivity }))
  }

  async claim(loaded: Loaded, mark: string): Promise<Outcome> {
    if (!hasKey(loaded)) return 'missing'
    const { createdAt, lastActivity, expires, version } = loaded
    // Nobody's: what is listed and ended by its user is the session in the other engine.
    const owner = { userId: null, ipAddress: null, userAgent: null }
    const extra = this.#columns === undefined ? {} : { extra: this.#columns(emptyData()) }
    const record = { data: mark, expires, createdAt, lastActivity, ...owner, ...extra }
    const save = () => this.store.save(this.codec.storeKey(loaded.key), version, record)
    const { outcome } = await this.#timed('save', save)
    return outcome === 'saved' ? 'done' : outcome
  }

  async claimed(key: string): Promise<string | undefined> {
    return (await this.#timed('load', () => this.store.load(this.codec.storeKey(key))))?.data
  }

  async endUser(userId: string, except: string | null = null): Promise<number> {
    return await this.#users().endByUser(userId, except === null ? undefined : this.codec.storeKey(except))
  }

  async listUser(userId: string, current: string | null = null): Promise<UserSessions> {
    const own = current === null ? undefined : this.codec.storeKey(current)
    try {
      const sessions = await this.#users().listByUser(userId)
      const listed = sessions.map((session) => ({ ...session, current: session.key === own }))
      return { listed, complete: true, endable: true }
    } catch (error) {
      if (!(error instanceof NotSupportedError)) throw error
      return { listed: [], complete: false, endable: false }
    }
  }

  async endOne(userId: string, id: string): Promise<boolean> {
    const record = await this.#timed('load', () => this.store.load(id))
    if (record?.userId !== userId) return false
    return (await this.#timed('delete', () => this.store.delete(id))) === 'done'
  }

  #users(): UserSessionStore {
    if (knowsUsers(this.store)) return this.store
    throw new NotSupportedError(`The ${this.name} engine cannot tell whose sessions it keeps.`)
  }

  async #load(key: string): Promise<Opened & ({ live: false } | { loaded: Live })> {
    const stored = await this.#timed('load', () => this.store.load(this.codec.storeKey(key)))
    if (stored === undefined) return { live: false, suspicion: 'unknown-key' }
    const decoded = this.codec.decode(key, stored.data)
    if (!decoded.ok) return { live: false, suspicion: 'undecodable', detail: decoded.reason }
    const { version, expires, lastActivity } = stored
    const createdAt = stored.createdAt || createdAmongData(decoded.data, this.#now())
    return { live: true, loaded: { key, data: decoded.data, version, expires, lastActivity, createdAt } }
  }

  async #create(commit: Commit, data: SessionData): Promise<Committed & { outcome: 'saved' }> {
    const now = this.#now()
    const createdAt = commit.loaded === undefined || commit.restartClock ? now : commit.loaded.createdAt
    for (let draw = 0; draw < KEY_DRAWS; draw++) {
      const key = newSessionKey()
      const record = this.#record(key, data, commit.client, createdAt, now)
      try {
        // Wrapped, because a version may be the stored text, which is nobody's outcome.
        const create = async () => ({ version: await this.store.create(this.codec.storeKey(key), record) })
        const { version } = await this.#timed('create', create)
        return saved(key, data, record, version, false)
      } catch (error) {
        if (!(error instanceof KeyTakenError)) throw error
      }
    }
    throw new SessionContendedError()
  }

  async #save(commit: Commit, newest: Live, replayed: boolean): Promise<Committed> {
    let current = newest
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      const data = dataFor(commit, current)
      const record = this.#record(current.key, data, commit.client, current.createdAt, this.#now())
      const { version } = current
      const result = await this.#timed('save', () => this.store.save(this.codec.storeKey(current.key), version, record))
      if (result.outcome === 'saved') return saved(current.key, data, record, result.version, replayed || attempt > 1)
      const reloaded = result.outcome === 'missing' ? undefined : await this.#reload(current.key, attempt)
      if (reloaded === undefined) return { outcome: 'ended' }
      current = reloaded
    }
    throw new SessionContendedError()
  }

  /**
   * Moves the session to a new key: create the new, then end the old only if it is still as read. A
   * crash in between leaves the old one in force and a new one whose key nobody was told.
   */
  async #cycle(commit: Commit, newest: Live): Promise<Committed> {
    let current = newest
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      const next = await this.#create({ ...commit, loaded: current }, dataFor(commit, current))
      const { version } = current
      const ended = await this.#timed('cycle', () => this.store.delete(this.codec.storeKey(current.key), version))
      if (ended === 'done') return next
      await this.end(next.loaded)
      const reloaded = ended === 'missing' ? undefined : await this.#reload(current.key, attempt)
      // A sign-in stands on its own: where the old session has ended, it goes on with this request's changes alone.
      if (reloaded === undefined) {
        return await this.#create({ ...commit, loaded: undefined }, commit.changes.replayOn(emptyData()))
      }
      current = reloaded
    }
    throw new SessionContendedError()
  }

  async #reload(key: string, attempt: number): Promise<Live | undefined> {
    this.#observe({ type: 'conflict', attempt })
    // The first retry is immediate; later ones spread out, so that many writers do not march in step.
    if (attempt > 1) await sleep(Math.random() * Math.min(2 ** attempt, LONGEST_PAUSE))
    const opened = await this.#load(key)
    return opened.live ? opened.loaded : undefined
  }

  #record(key: string, data: SessionData, client: Client, createdAt: number, now: number): SessionRecord {
    if (this.codec.name === 'django' && this.#expiry.absoluteAge !== undefined) data[CREATED_KEY] = createdAt
    const encoded = this.codec.encode(key, data)
    this.#observe({ type: 'size', bytes: encoded.length })
    return {
      data: encoded,
      expires: deadline(this.#expiry, data[EXPIRY_KEY], createdAt, now),
      createdAt,
      lastActivity: now,
      userId: userIdOf(data),
      ipAddress: client.ipAddress,
      userAgent: client.userAgent,
      ...(this.#columns === undefined ? {} : { extra: this.#columns(data) }),
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
      this.#observe({ type: 'operation', operation, outcome, milliseconds: performance.now() - start })
    }
  }
}

/** What to write over `current`: the request's own data if that is what it loaded, its changes replayed otherwise. */
function dataFor({ loaded, data, changes }: Commit, current: Loaded | undefined): SessionData {
  return current === loaded ? (plainJson(data) as SessionData) : changes.replayOn(current?.data ?? emptyData())
}

function hasKey(loaded: Loaded | undefined): loaded is Live {
  return loaded !== undefined && loaded.key !== null
}

function saved(key: string, data: SessionData, record: SessionRecord, version: Version, replayed: boolean) {
  const { createdAt, lastActivity, expires } = record
  return {
    outcome: 'saved' as const,
    loaded: { key, data, version, createdAt, lastActivity, expires },
    cookie: key,
    replayed,
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
