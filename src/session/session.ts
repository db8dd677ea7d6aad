import { type Json, type NotJson, plainJson, type SessionData } from './data.ts'
import { Document } from './document.ts'
import { type Loaded, userIdOf } from './engines/engine.ts'
import { closesWithBrowser, EXPIRY_KEY, type ExpiryPolicy, expiryAge, expiryDate, storedExpiry } from './expiry.ts'
import type { Observer } from './observe/events.ts'
import type { Operations } from './operations.ts'
import { isSliceName, type Slice } from './slice.ts'
import { SliceValues } from './slice-values.ts'

/** What a session needs to know of whoever opened it. */
export interface SessionContext {
  readonly expiry: ExpiryPolicy
  /** Milliseconds since 1970. */
  readonly now: () => number
  readonly observe: Observer
  /** Whether a change of a session that is stored already needs a new cookie: it does where the cookie holds the data. */
  readonly cookieHoldsData: boolean
  /** Whether a cookie can still be sent. */
  readonly canSendCookie: () => boolean
  /** Writes what was changed, and returns what is stored then. */
  readonly save: (session: Session) => Promise<void>
  readonly end: (loaded: Loaded) => Promise<void>
}

/** A batch of changes on its way to the storage. */
export interface Batch {
  readonly operations: Operations
  /** The data with them, right unless another request has saved meanwhile. */
  readonly data: SessionData
  readonly loaded: Loaded | undefined
  readonly cycled: boolean
  readonly restartClock: boolean
}

/** A key by its name, or the slice kept under it. */
type Key = string | { readonly name: string }

type Storable<T> = T extends NotJson ? never : T

const TEST_KEY = 'testcookie'
const TEST_VALUE = 'worked'

/**
 * A visitor's session while a request, a socket or a job works with it: a dictionary of JSON values, and typed slices.
 *
 * Changes are written when the request is answered, or by {@link Session.save}. The counterpart of Django's SessionBase;
 * where the two differ is listed in docs/django.md.
 */
export class Session {
  readonly #context: SessionContext
  readonly #document: Document
  readonly #slices: SliceValues
  #loaded: Loaded | undefined
  /** `failed`: nobody knows whether the last changes were stored, so nothing is stored after them. */
  #state: 'open' | 'failed' | 'closed' = 'open'
  #saving: Promise<void> | undefined
  #inFunction = false
  #accessed = false
  #forced = false
  #flushed = false
  #cycled = false
  #restartClock = false

  constructor(loaded: Loaded | undefined, context: SessionContext) {
    this.#loaded = loaded
    this.#context = context
    this.#document = new Document(loaded?.data)
    this.#slices = new SliceValues(this.#document, context.now, context.observe)
  }

  /**
   * The value under a key, or a slice's value or default. Objects may be changed in place.
   *
   * @throws TypeError for the name of a slice: pass the slice
   */
  get<T>(slice: Slice<T>): T
  get(key: string): Json | undefined
  get(key: string, fallback: Json): Json
  get<T>(key: string | Slice<T>, fallback?: Json): Json | T | undefined {
    this.#read()
    if (typeof key !== 'string') return this.#slices.get(key, this.#state !== 'open')
    const value = this.#document.get(plainKey(key))
    return value === undefined ? fallback : value
  }

  /**
   * Stores a value under a key. Of two requests that set one key at once, the later one counts, and a slice with a merge
   * rule joins both; where the change depends on the value that is there, use {@link Session.update}.
   *
   * @throws TypeError for what JSON cannot hold or the slice's schema refuses; SessionTooLargeError over its budget;
   *   SliceNewerError; Error when the session is closed, or needs a cookie after the headers were sent
   */
  set<T>(slice: Slice<T>, value: T): void
  set<T>(key: string, value: Storable<T>): void
  set<T>(key: string | Slice<T>, value: unknown): void {
    this.#mayChange()
    if (typeof key === 'string') this.#document.set(plainKey(key), value)
    else this.#slices.set(key, value as T)
  }

  /**
   * Changes a value by a pure function of the current one. Where another request saved first, the function is applied
   * again to the newer value, so that neither change is lost. It may not use the session, and must not be asynchronous.
   *
   * @throws TypeError, SessionTooLargeError, SliceNewerError as {@link Session.set}, and whatever `change` throws
   */
  update<T>(slice: Slice<T>, change: (current: T) => T): void
  update<T>(key: string, change: (current: Json | undefined) => Storable<T>): void
  update<T>(key: string | Slice<T>, change: ((current: T) => T) | ((current: Json | undefined) => unknown)): void {
    this.#mayChange()
    if (typeof key === 'string') {
      const apply = change as (current: Json | undefined) => unknown
      this.#document.apply(plainKey(key), (current) => plainJson(this.#call(key, apply, current), key))
    } else {
      const apply = change as (current: T) => T
      this.#slices.update(key, (current) => this.#call(key.name, apply, current))
    }
  }

  /**
   * Changes several plain keys by one pure function of all data, which changes them in place; it is applied again to
   * newer data, like that of {@link Session.update}.
   *
   * @throws TypeError for what JSON cannot hold, and whatever `change` throws
   */
  updateAll(change: (data: SessionData) => void): void {
    this.#mayChange()
    this.#document.applyToAll((data) => {
      this.#call('*', change, data)
      Object.assign(data, plainJson(data))
    })
  }

  has(key: Key): boolean {
    this.#read()
    return this.#document.data[nameOf(key)] !== undefined
  }

  /** Removes a key; returns whether it was there. Removing nothing is no change; see {@link Session.drop}. */
  delete(key: Key): boolean {
    this.#mayChange()
    return this.#document.data[nameOf(key)] !== undefined && this.#document.delete(nameOf(key), fateOf(key))
  }

  /** Removes a key, and also what another request stores under it before this one is saved. */
  drop(key: Key): void {
    this.#mayChange()
    this.#document.delete(nameOf(key), fateOf(key))
  }

  /** Removes a key and returns its value; the fallback, and no change, where there is none. */
  pop(key: string, fallback?: Json): Json | undefined {
    const value = this.get(key)
    return this.delete(key) ? value : fallback
  }

  /** The value under a key, stored first if there is none by then. */
  setDefault(key: string, value: Json): Json {
    this.#mayChange()
    this.#document.setDefault(plainKey(key), value)
    return this.get(key, value)
  }

  /** Stores several values at once: Django's `update(dict)`. */
  assign(values: Readonly<Record<string, unknown>>): void {
    for (const [key, value] of Object.entries(values)) this.set(key, value)
  }

  keys(): string[] {
    this.#read()
    return Object.keys(this.#document.data)
  }

  values(): Json[] {
    return this.entries().map(([, value]) => value)
  }

  /** All keys with their values; those of slices in their stored form, as frozen copies. */
  entries(): [string, Json][] {
    this.#read()
    this.#document.notice()
    return this.keys().map((key) => {
      const value = isSliceName(key) ? frozen(plainJson(this.#document.data[key])) : this.#document.get(key)
      return [key, value ?? null]
    })
  }

  /** Forgets all data and keeps the session. To end it, use {@link Session.flush}. */
  clear(): void {
    this.#mayChange()
    this.#document.clear()
  }

  /**
   * Ends the session at once, in the store too, whatever keys it has had; later changes begin a new one. For logout.
   *
   * @param options.keep what the new one begins with; slices go along in their stored form, whoever wrote it
   * @throws StoreUnavailableError, SessionContendedError when it cannot be told that it is ended
   */
  async flush(options: { keep?: readonly Key[] } = {}): Promise<void> {
    this.#mayChange()
    if (this.#saving !== undefined) await this.idle()
    if (this.#loaded !== undefined) await this.#context.end(this.#loaded)
    this.#loaded = undefined
    this.#document.notice()
    const kept = (options.keep ?? []).map((key) => [nameOf(key), this.#document.data[nameOf(key)]] as const)
    this.#document.clear()
    this.#document.take()
    for (const [name, value] of kept) if (value !== undefined) this.#document.setDefault(name, value)
    this.#forced = this.#cycled = this.#restartClock = false
    this.#flushed = true
  }

  /**
   * Gives the session a new key when it is saved; requests under way with the old one are still answered. For every
   * change of privilege (ASVS 7.2.4).
   *
   * @param options.restartClock whether the absolute age counts from now: at sign-in, not at a mere change of key
   * @throws Error after the headers were sent
   */
  async cycleKey(options: { restartClock?: boolean } = {}): Promise<void> {
    this.#mayChange(true)
    this.#cycled = true
    this.#restartClock ||= options.restartClock ?? false
  }

  /**
   * Stores what was changed so far, without waiting for the answer: before a stream begins, or to have the key. What
   * changes meanwhile is stored by the next save.
   *
   * @throws SessionEndedError, SessionTooLargeError, StoreUnavailableError, SessionContendedError
   */
  async save(): Promise<void> {
    this.#mayChange()
    const before = this.#saving ?? Promise.resolve()
    const turn = before.catch(() => {}).then(() => this.#context.save(this))
    this.#saving = turn
    try {
      await turn
    } finally {
      if (this.#saving === turn) this.#saving = undefined
    }
  }

  /** The signed-in user's id, or null. */
  get userId(): string | null {
    this.#read()
    return userIdOf(this.#document.data)
  }

  /**
   * Gives this session an expiry different from the setting's.
   *
   * @param value seconds from each save, a fixed date, 0 for "until the browser closes", null for the global setting
   * @throws RangeError for a number that is not finite or an invalid date
   */
  setExpiry(value: number | Date | null): void {
    if (value === null) this.delete(EXPIRY_KEY)
    else this.set(EXPIRY_KEY, storedExpiry(value))
  }

  /** Seconds until the session expires if it is saved now. */
  getExpiryAge(): number {
    return expiryAge(this.#context.expiry, this.#document.data[EXPIRY_KEY], this.#context.now())
  }

  getExpiryDate(): Date {
    return expiryDate(this.#context.expiry, this.#document.data[EXPIRY_KEY], this.#context.now())
  }

  expiresAtBrowserClose(): boolean {
    return closesWithBrowser(this.#context.expiry, this.#document.data[EXPIRY_KEY])
  }

  /** Stores a marker, to learn on the next request whether the browser keeps cookies. */
  setTestCookie(): void {
    this.set(TEST_KEY, TEST_VALUE)
  }

  testCookieWorked(): boolean {
    return this.get(TEST_KEY) === TEST_VALUE
  }

  deleteTestCookie(): void {
    this.delete(TEST_KEY)
  }

  /** The secret session key; null until the session is first saved. Never log it or show it. */
  get key(): string | null {
    return this.#loaded?.key ?? null
  }

  /** The public id, which names the session and opens nothing; null until it is first saved, or where it has none. */
  get id(): string | null {
    return this.#loaded?.id ?? null
  }

  /** Whether this is a late request with the key from before a change of key: it sees the data as they were then. */
  get forwarded(): boolean {
    return this.#loaded?.forwarded === true
  }

  /** True with neither a key nor data. */
  get isEmpty(): boolean {
    return this.#loaded === undefined && Object.keys(this.#document.data).length === 0
  }

  /** Whether data were read. */
  get accessed(): boolean {
    return this.#accessed
  }

  /** Whether the answer will save: something changed, nested values included, or it was set to true. */
  get modified(): boolean {
    if (this.#state === 'open') this.#document.notice()
    return this.#forced || !this.#document.operations.empty
  }

  set modified(value: true) {
    this.#mayChange()
    this.#forced = value
  }

  /** What was stored or read last, and what happened since: for whoever opened the session. */
  state() {
    return {
      changed: this.modified,
      loaded: this.#loaded,
      data: this.#document.data,
      operations: this.#document.operations,
      empty: Object.keys(this.#document.data).length === 0,
      flushed: this.#flushed,
      cycled: this.#cycled,
      restartClock: this.#restartClock,
    }
  }

  /** Waits for a save under way, however it ends. */
  async idle(): Promise<void> {
    await this.#saving?.catch(() => {})
  }

  /** Hands over the changes so far, for whoever stores them; what comes from now on is the next batch. */
  take(): Batch {
    const operations = this.#document.take()
    const batch = {
      operations,
      data: plainJson(this.#document.data) as SessionData,
      loaded: this.#loaded,
      cycled: this.#cycled,
      restartClock: this.#restartClock,
    }
    this.#forced = this.#cycled = this.#restartClock = false
    return batch
  }

  /** Goes on from what was stored. `isNewer`: another request's changes are among it. */
  stored(loaded: Loaded, isNewer: boolean): void {
    this.#loaded = loaded
    this.#document.rebase(loaded.data, isNewer)
  }

  /** Takes back a batch of which nothing was stored. */
  restore({ operations, cycled, restartClock }: Batch): void {
    this.#document.restore(operations)
    this.#cycled ||= cycled
    this.#restartClock ||= restartClock
  }

  /** After a save of which nobody knows whether it happened: nothing may be stored a second time. */
  fail(): void {
    this.#state = 'failed'
  }

  /** From now on it can be read, and changing it throws. */
  close(): void {
    if (this.#state === 'open') this.#state = 'closed'
  }

  /** What `work` changes belongs to a sign-in: it is left out where another request signed the same user in first. */
  signingIn(work: () => void): void {
    this.#document.operations.signingIn(work)
  }

  #call<A extends readonly unknown[], R>(key: string, change: (...args: A) => R, ...args: A): R {
    this.#inFunction = true
    try {
      const result = change(...args)
      if (isThenable(result)) throw new TypeError(`The function that updates "${key}" must not be asynchronous`)
      return result
    } finally {
      this.#inFunction = false
    }
  }

  #read(): void {
    if (this.#inFunction) throw new TypeError('A function that updates the session must not use the session')
    this.#accessed = true
  }

  #mayChange(needsCookie = this.#context.cookieHoldsData || this.#loaded === undefined): void {
    this.#read()
    if (this.#state === 'failed') throw new Error('The last save failed, so nothing more can be stored')
    if (this.#state === 'closed')
      throw new Error('The session was saved with the answer; a change after that would be lost')
    if (needsCookie && !this.#context.canSendCookie()) {
      throw new Error('The headers were sent already: await session.save() before them, so that a cookie can be sent')
    }
  }
}

function nameOf(key: Key): string {
  return typeof key === 'string' ? plainKey(key) : key.name
}

function plainKey(key: string): string {
  if (isSliceName(key)) throw new TypeError(`"${key}" is a slice: pass the slice instead of its name`)
  return key
}

function fateOf(key: Key) {
  return { survivesSignIn: typeof key !== 'string' && 'login' in key && key.login !== 'drop' }
}

function isThenable(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'
}

function frozen(value: Json): Json {
  if (typeof value !== 'object' || value === null) return value
  for (const item of Object.values(value)) frozen(item)
  Object.freeze(value)
  return value
}
