import { type Json, type NotJson, plainJson, type SessionData } from './core/data.ts'
import type { Document } from './core/document.ts'
import type { SessionState } from './session-state.ts'
import { isSliceName, refuseNewer, type Slice } from './slice.ts'
import { rulesOf, type SliceValues } from './slice-values.ts'

/** A key, or a slice. */
export type Key = string | (Pick<Slice<unknown>, 'name'> & Partial<Pick<Slice<unknown>, 'login' | 'account'>>)

type Storable<T> = T extends NotJson ? never : T

/** The data of a session as a dictionary of JSON values and typed slices; base class of `Session`. */
export class SessionDictionary {
  readonly #state: SessionState

  /** @param state the open session */
  constructor(state: SessionState) {
    this.#state = state
  }

  /**
   * Returns the value of a key, or a slice's value or default. Objects may be changed in place.
   *
   * @param fallback returned if there is no value; undefined by default
   * @throws TypeError for the name of a slice: pass the slice instead
   */
  get<T>(slice: Slice<T>): T
  get(key: string): Json | undefined
  get(key: string, fallback: Json): Json
  get<T>(key: string | Slice<T>, fallback?: Json): Json | T | undefined {
    this.#state.assertReadable()
    if (typeof key !== 'string') return this.#targetOf(key).slices.get(key, !this.#state.isOpen)
    const value = this.#state.document.get(plainKey(key))
    return value === undefined ? fallback : value
  }

  /**
   * Stores a value. If two overlapping requests set one key, the later one wins, or the slice's `merge` combines both. If the
   * new value depends on the current one, use {@link SessionDictionary.update}.
   *
   * @throws TypeError for a value that is not JSON or that the slice's schema refuses; SessionTooLargeError above its
   *   budget; SliceNewerError; Error if the session is closed, or needs a cookie after the headers were sent
   */
  set<T>(slice: Slice<T>, value: T): void
  set<T>(key: string, value: Storable<T>): void
  set<T>(key: string | Slice<T>, value: unknown): void {
    this.#assertChangeable(key)
    if (typeof key === 'string') this.#state.document.set(plainKey(key), value)
    else this.#targetOf(key).slices.set(key, value as T)
  }

  /**
   * Changes a value with a pure function of the current one. If another request saves first, the function is called again
   * with the newer value, so that neither change is lost. It must be synchronous and must not use the session.
   *
   * @throws TypeError, SessionTooLargeError, SliceNewerError as {@link SessionDictionary.set}; any error of `change`
   */
  update<T>(slice: Slice<T>, change: (current: T) => T): void
  update<T>(key: string, change: (current: Json | undefined) => Storable<T>): void
  update<T>(key: string | Slice<T>, change: ((current: T) => T) | ((current: Json | undefined) => unknown)): void {
    this.#assertChangeable(key)
    if (typeof key === 'string') {
      const apply = change as (current: Json | undefined) => unknown
      this.#state.document.apply(plainKey(key), (current) =>
        plainJson(this.#state.updates.call(key, apply, current), key),
      )
    } else {
      const apply = change as (current: T) => T
      this.#targetOf(key).slices.update(key, (current) => this.#state.updates.call(key.name, apply, current))
    }
  }

  /**
   * Changes several plain keys with one pure function that changes the data in place; it is called again with newer data,
   * as in {@link SessionDictionary.update}.
   *
   * @throws TypeError for a value that is not JSON; any error of `change`
   */
  updateAll(change: (data: SessionData) => void): void {
    this.#assertChangeable()
    this.#state.document.applyToAll((data) => {
      this.#state.updates.call('*', change, data)
      Object.assign(data, plainJson(data))
    })
  }

  /** Whether a key or slice has a stored value. */
  has(key: Key): boolean {
    this.#state.assertReadable()
    return this.#targetOf(key).document.data[nameOf(key)] !== undefined
  }

  /**
   * Removes a key; returns whether it existed. If not, nothing is recorded; see {@link SessionDictionary.drop}.
   *
   * @throws SliceNewerError for a slice that a newer version of the application has written
   */
  delete(key: Key): boolean {
    this.#assertChangeable(key)
    // With an old key it is unknown whether there is a value.
    return (this.has(key) || this.#targetOf(key).hidden) && this.#remove(key)
  }

  /**
   * Removes a key, also if another request stores it before this one is saved.
   *
   * @throws SliceNewerError as {@link SessionDictionary.delete}
   */
  drop(key: Key): void {
    this.#assertChangeable(key)
    this.#remove(key)
  }

  /** Removes a key and returns its value; the fallback if there is none. */
  pop(key: string, fallback?: Json): Json | undefined {
    const value = this.get(key)
    return this.delete(key) ? value : fallback
  }

  /** Returns the value of a key; stores the given one if there is none when the session is saved. */
  setDefault(key: string, value: Json): Json {
    this.#assertChangeable()
    this.#state.document.setDefault(plainKey(key), value)
    return this.get(key, value)
  }

  /** Stores several values at once: Django's `update(dict)`. */
  assign(values: Readonly<Record<string, unknown>>): void {
    for (const [key, value] of Object.entries(values)) this.set(key, value)
  }

  /** All keys, including those of slices. */
  keys(): string[] {
    this.#state.assertReadable()
    return Object.keys(this.#state.content)
  }

  /** The values of all keys, as {@link SessionDictionary.entries} gives them. */
  values(): Json[] {
    return this.entries().map(([, value]) => value)
  }

  /** All keys with their values; slices in their stored form, as frozen copies. */
  entries(): [string, Json][] {
    this.#state.assertReadable()
    this.#state.document.detectChanges()
    this.#state.account.current?.document.detectChanges()
    return Object.entries(this.#state.content).map(([key, stored]) => {
      const value = isSliceName(key) ? frozen(plainJson(stored)) : this.#state.document.get(key)
      return [key, value ?? null]
    })
  }

  /**
   * Removes all data, including who is signed in, but keeps the session. To end it, use `session.flush()`. The account is
   * not changed.
   */
  clear(): void {
    this.#assertChangeable()
    this.#state.account.forget()
    this.#state.document.clear()
  }

  #targetOf(key: Key): { document: Document; slices: SliceValues; hidden: boolean } {
    const kept = typeof key !== 'string' && key.account === true ? this.#state.account.current : undefined
    return kept ?? { document: this.#state.document, slices: this.#state.slices, hidden: false }
  }

  #remove(key: Key): boolean {
    const { document } = this.#targetOf(key)
    if (typeof key === 'string') return document.delete(plainKey(key))
    const found = document.data[key.name] !== undefined
    const remove = (stored: Json | undefined) => refuseNewer(key.name, stored)
    document.apply(key.name, remove, { replaces: true, ...rulesOfKey(key) })
    return found
  }

  #assertChangeable(key?: Key): void {
    const ofAccount = key !== undefined && this.#targetOf(key).document !== this.#state.document
    this.#state.assertChangeable(!ofAccount && this.#state.needsCookie)
    if (ofAccount) this.#state.account.current?.assertChangeable()
  }
}

function nameOf(key: Key): string {
  return typeof key === 'string' ? plainKey(key) : key.name
}

function plainKey(key: string): string {
  if (isSliceName(key)) throw new TypeError(`"${key}" is a slice: pass the slice instead of its name`)
  return key
}

function rulesOfKey(key: Key) {
  if (typeof key === 'string' || key.login === undefined) return {}
  return rulesOf({ login: key.login, account: key.account === true })
}

function frozen(value: Json): Json {
  if (typeof value !== 'object' || value === null) return value
  for (const item of Object.values(value)) frozen(item)
  Object.freeze(value)
  return value
}
