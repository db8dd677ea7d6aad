import { type Apply, Changes } from './changes.ts'
import { emptyData, type Json, plainJson, type SessionData } from './data.ts'
import { type Loaded, userIdOf } from './engines/engine.ts'
import { closesWithBrowser, EXPIRY_KEY, type ExpiryPolicy, expiryAge, expiryDate, storedExpiry } from './expiry.ts'
import { HandedOut } from './handed-out.ts'
import type { Observer } from './observe/events.ts'
import { readSlice, type Slice, writeSlice } from './slice.ts'

/** What a session needs to know of the application around it. */
export interface SessionContext {
  readonly expiry: ExpiryPolicy
  /** Milliseconds since 1970. */
  readonly now: () => number
  readonly observe: Observer
  readonly end: (loaded: Loaded) => Promise<void>
}

/** A key by its name, or the slice kept under it. */
type Key = string | { readonly name: string }

const TEST_KEY = 'testcookie'
const TEST_VALUE = 'worked'
const NEARLY = 0.8

/**
 * A visitor's session during one request: a dictionary of JSON values, and typed slices of it.
 *
 * Nothing is written until the request is answered, except by {@link Session.flush}. The counterpart of
 * Django's SessionBase; where the two differ is listed in docs/django.md.
 */
export class Session {
  readonly #context: SessionContext
  #loaded: Loaded | undefined
  #data: SessionData
  #changes = new Changes()
  readonly #handedOut = new HandedOut()
  #accessed = false
  #forced = false
  #flushed = false
  #cycled = false
  #restartClock = false
  #settled = false

  constructor(loaded: Loaded | undefined, context: SessionContext) {
    this.#loaded = loaded
    this.#data = loaded?.data ?? emptyData()
    this.#context = context
  }

  /** The value under a key, or a slice's value or default. Objects may be changed in place. */
  get<T>(slice: Slice<T>): T
  get(key: string): Json | undefined
  get(key: string, fallback: Json): Json
  get<T>(key: string | Slice<T>, fallback?: Json): Json | T | undefined {
    this.#accessed = true
    if (typeof key !== 'string') return this.#getSlice(key)
    const value = this.#data[key]
    if (value === undefined) return fallback
    this.#handedOut.add(key, value)
    return value
  }

  /**
   * Stores a value under a key; the last writer wins, unless a slice has a merge rule.
   *
   * @throws TypeError for what JSON cannot hold or the slice's schema refuses; SessionTooLargeError over its budget.
   */
  set<T>(slice: Slice<T>, value: T): void
  set(key: string, value: unknown): void
  set<T>(key: string | Slice<T>, value: unknown): void {
    this.#mayChange()
    if (typeof key !== 'string') this.#setSlice(key, value as T)
    else {
      plainJson(value)
      this.#data[key] = value as Json
      this.#handedOut.forget(key)
      this.#changes.set(key, value)
    }
  }

  /**
   * Changes a value by a pure function of the current one. Where another request saved first, the function
   * is applied again to the newer value, so that neither change is lost.
   *
   * @throws TypeError, SessionTooLargeError as {@link Session.set}, and whatever `change` throws.
   */
  update<T>(slice: Slice<T>, change: (current: T) => T): void
  update(key: string, change: (current: Json | undefined) => unknown): void
  update<T>(key: string | Slice<T>, change: ((current: T) => T) | ((current: Json | undefined) => unknown)): void {
    this.#mayChange()
    if (typeof key === 'string') {
      const apply = change as (current: Json | undefined) => unknown
      this.#apply(key, (current) => plainJson(apply(current)))
    } else {
      const apply = change as (current: T) => T
      this.#apply(key.name, (current) => this.#written(key, apply(this.#read(key, current).value)))
    }
  }

  has(key: Key): boolean {
    this.#accessed = true
    return this.#data[nameOf(key)] !== undefined
  }

  /** Removes a key; answers whether it was there. Removing nothing is no change. */
  delete(key: Key): boolean {
    this.#mayChange()
    const name = nameOf(key)
    if (this.#data[name] === undefined) return false
    delete this.#data[name]
    this.#handedOut.forget(name)
    this.#changes.delete(name)
    return true
  }

  /** Removes a key and answers its value; the fallback, and no change, where there is none. */
  pop(key: string, fallback?: Json): Json | undefined {
    const value = this.#data[key]
    return this.delete(key) ? value : fallback
  }

  /** The value under a key, stored first if there is none (Django behaviour 14). */
  setDefault(key: string, value: Json): Json {
    if (!this.has(key)) this.set(key, value)
    return this.get(key, value)
  }

  /** Stores several values at once: Django's `update(dict)`. */
  assign(values: Readonly<Record<string, unknown>>): void {
    for (const [key, value] of Object.entries(values)) this.set(key, value)
  }

  keys(): string[] {
    this.#accessed = true
    return Object.keys(this.#data)
  }

  values(): Json[] {
    return this.entries().map(([, value]) => value)
  }

  entries(): [string, Json][] {
    this.#accessed = true
    this.#noticeNestedChanges()
    const entries = Object.entries(this.#data)
    for (const [key, value] of entries) this.#handedOut.add(key, value)
    return entries
  }

  /** Forgets all data and keeps the session (behaviour 16). To end it, use {@link Session.flush}. */
  clear(): void {
    this.#mayChange()
    this.#data = emptyData()
    this.#handedOut.clear()
    this.#changes.clear()
  }

  /**
   * Ends the session at once, in the store too; later changes begin a new one. For logout (behaviour 50).
   *
   * @throws StoreUnavailableError when the store cannot say that it is ended.
   */
  async flush(): Promise<void> {
    this.#mayChange()
    if (this.#loaded !== undefined) await this.#context.end(this.#loaded)
    this.#loaded = undefined
    this.#data = emptyData()
    this.#handedOut.clear()
    this.#changes = new Changes()
    this.#forced = this.#cycled = this.#restartClock = false
    this.#flushed = true
  }

  /**
   * Gives the session a new key when the request is answered, and ends the old one. For every change
   * of privilege (behaviour 49, ASVS 7.2.4).
   *
   * @param options.restartClock whether the absolute age counts from now: at sign-in, not at a mere change of key
   */
  async cycleKey(options: { restartClock?: boolean } = {}): Promise<void> {
    this.#mayChange()
    this.#cycled = true
    this.#restartClock ||= options.restartClock ?? false
  }

  /** The signed-in user's id, or null. */
  get userId(): string | null {
    this.#accessed = true
    return userIdOf(this.#data)
  }

  /**
   * Gives this session an expiry of its own (behaviours 29, 35, 36).
   *
   * @param value seconds from each save, a fixed date, 0 for "until the browser closes", null for the global setting
   * @throws RangeError for a number that is not finite or an invalid date
   */
  setExpiry(value: number | Date | null): void {
    if (value === null) this.delete(EXPIRY_KEY)
    else this.set(EXPIRY_KEY, storedExpiry(value))
  }

  /** Seconds until the session expires if it is saved now (behaviour 31). */
  getExpiryAge(): number {
    return expiryAge(this.#context.expiry, this.#data[EXPIRY_KEY], this.#context.now())
  }

  getExpiryDate(): Date {
    return expiryDate(this.#context.expiry, this.#data[EXPIRY_KEY], this.#context.now())
  }

  expiresAtBrowserClose(): boolean {
    return closesWithBrowser(this.#context.expiry, this.#data[EXPIRY_KEY])
  }

  /** Stores a marker, to learn on the next request whether the browser keeps cookies (behaviour 20). */
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

  /** True with neither a key nor data (behaviour 9). */
  get isEmpty(): boolean {
    return this.#loaded === undefined && Object.keys(this.#data).length === 0
  }

  /** Whether data were read. */
  get accessed(): boolean {
    return this.#accessed
  }

  /** Whether the answer will save: something changed, nested values included, or it was set to true. */
  get modified(): boolean {
    if (!this.#settled) this.#noticeNestedChanges()
    return this.#forced || !this.#changes.empty
  }

  set modified(value: true) {
    this.#mayChange()
    this.#forced = value
  }

  /** What the engine has stored or read last, and what happened since: for the middleware alone. */
  state() {
    return {
      changed: this.modified,
      loaded: this.#loaded,
      data: this.#data,
      changes: this.#changes,
      empty: Object.keys(this.#data).length === 0,
      flushed: this.#flushed,
      cycled: this.#cycled,
      restartClock: this.#restartClock,
    }
  }

  /** Called once, when the answer is about to leave; a later change would be lost, so it throws. */
  close(loaded: Loaded | undefined = this.#loaded): void {
    this.#settled = true
    this.#loaded = loaded
  }

  #getSlice<T>(slice: Slice<T>): T {
    const held = this.#handedOut.of(slice as Slice<unknown>)
    if (held !== undefined) return held as T
    const stored = this.#data[slice.name]
    // A copy: what the handler does to it must not reach the base that a merge compares with.
    const { value, state } = this.#read(slice, stored === undefined ? stored : plainJson(stored))
    if (this.#settled) return value
    // Judged again at replay: what another request has stored anew meanwhile is not expired.
    if (state === 'expired') this.#apply(slice.name, (it) => (this.#read(slice, it).state === state ? undefined : it))
    this.#handedOut.add(slice.name, value, slice as Slice<unknown>)
    return value
  }

  #setSlice<T>(slice: Slice<T>, value: T): void {
    const { merge, name } = slice
    if (merge === undefined) {
      this.set(name, this.#written(slice, value))
      return
    }
    const base = this.#read(slice, this.#data[name]).value
    const unchanged = JSON.stringify(base)
    // As it is now: the handler may go on changing its object, which is a change of its own.
    const mine = structuredClone(value)
    this.#apply(name, (current) => {
      const theirs = this.#read(slice, current).value
      return this.#written(slice, JSON.stringify(theirs) === unchanged ? mine : merge(mine, theirs, base))
    })
  }

  #read<T>(slice: Slice<T>, stored: Json | undefined): { value: T; state: string } {
    const read = readSlice(slice, stored, this.#context.now())
    if (read.state === 'ok') return read
    if (read.state === 'invalid' || read.state === 'newer-version') {
      this.#context.observe({ type: 'slice', slice: slice.name, problem: read.state, detail: read.detail })
    }
    // A copy, or a default that is one object for all would carry changes from visitor to visitor.
    return { value: structuredClone(slice.default()), state: read.state }
  }

  #written<T>(slice: Slice<T>, value: T): Json {
    const { stored, bytes } = writeSlice(slice, value, this.#context.now())
    if (bytes > slice.budget * NEARLY) {
      this.#context.observe({ type: 'budget', slice: slice.name, bytes, limit: slice.budget })
    }
    return stored
  }

  #apply(key: string, apply: Apply): void {
    this.#noticeNestedChanges(key)
    const current = this.#data[key]
    // A copy, so that an update that throws half-way has changed nothing.
    const next = apply(current === undefined ? undefined : plainJson(current))
    this.#handedOut.forget(key)
    if (next === undefined) delete this.#data[key]
    else this.#data[key] = next
    this.#changes.update(key, apply)
  }

  #noticeNestedChanges(only?: string): void {
    for (const { key, value, slice } of this.#handedOut.takeChanged(only)) {
      if (slice === undefined) this.set(key, value)
      else this.#setSlice(slice, value)
      this.#handedOut.add(key, value, slice)
    }
  }

  #mayChange(): void {
    this.#accessed = true
    if (this.#settled) throw new Error('The session was saved with the answer; a change after that would be lost')
  }
}

function nameOf(key: Key): string {
  return typeof key === 'string' ? key : key.name
}
