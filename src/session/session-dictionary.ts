import { type Json, type NotJson, plainJson, type SessionData } from './core/data.ts'
import type { Document } from './core/document.ts'
import type { SessionState } from './session-state.ts'
import { isSliceName, refuseNewer, type Slice } from './slice.ts'
import { fateOf, type SliceValues } from './slice-values.ts'

/** A key by its name, or the slice kept under it. */
export type Key = string | (Pick<Slice<unknown>, 'name'> & Partial<Pick<Slice<unknown>, 'login' | 'account'>>)

type Storable<T> = T extends NotJson ? never : T

/** What a session keeps, as a dictionary of JSON values and of typed slices: the larger part of a `Session`. */
export class SessionDictionary {
  readonly #state: SessionState

  /** @param state where it is read and changed */
  constructor(state: SessionState) {
    this.#state = state
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
    this.#state.mayRead()
    if (typeof key !== 'string') return this.#placeOf(key).slices.get(key, !this.#state.isOpen)
    const value = this.#state.document.get(plainKey(key))
    return value === undefined ? fallback : value
  }

  /**
   * Stores a value under a key. Of two requests that set one key at once, the later one counts, and a slice with a merge
   * rule joins both; where the change depends on the value that is there, use {@link SessionDictionary.update}.
   *
   * @throws TypeError for what JSON cannot hold or the slice's schema refuses; SessionTooLargeError over its budget;
   *   SliceNewerError; Error when the session is closed, or needs a cookie after the headers were sent
   */
  set<T>(slice: Slice<T>, value: T): void
  set<T>(key: string, value: Storable<T>): void
  set<T>(key: string | Slice<T>, value: unknown): void {
    this.#mayChange(key)
    if (typeof key === 'string') this.#state.document.set(plainKey(key), value)
    else this.#placeOf(key).slices.set(key, value as T)
  }

  /**
   * Changes a value by a pure function of the current one. Where another request saved first, the function is applied
   * again to the newer value, so that neither change is lost. It may not use the session, and must not be asynchronous.
   *
   * @throws TypeError, SessionTooLargeError, SliceNewerError as {@link SessionDictionary.set}, and whatever `change` throws
   */
  update<T>(slice: Slice<T>, change: (current: T) => T): void
  update<T>(key: string, change: (current: Json | undefined) => Storable<T>): void
  update<T>(key: string | Slice<T>, change: ((current: T) => T) | ((current: Json | undefined) => unknown)): void {
    this.#mayChange(key)
    if (typeof key === 'string') {
      const apply = change as (current: Json | undefined) => unknown
      this.#state.document.apply(plainKey(key), (current) => plainJson(this.#state.call(key, apply, current), key))
    } else {
      const apply = change as (current: T) => T
      this.#placeOf(key).slices.update(key, (current) => this.#state.call(key.name, apply, current))
    }
  }

  /**
   * Changes several plain keys by one pure function of all data, which changes them in place; it is applied again to
   * newer data, like that of {@link SessionDictionary.update}.
   *
   * @throws TypeError for what JSON cannot hold, and whatever `change` throws
   */
  updateAll(change: (data: SessionData) => void): void {
    this.#mayChange()
    this.#state.document.applyToAll((data) => {
      this.#state.call('*', change, data)
      Object.assign(data, plainJson(data))
    })
  }

  /** Whether there is a value under a key, or anything stored of a slice. */
  has(key: Key): boolean {
    this.#state.mayRead()
    return this.#placeOf(key).document.data[nameOf(key)] !== undefined
  }

  /**
   * Removes a key; returns whether it was there. Removing nothing is no change; see {@link SessionDictionary.drop}.
   *
   * @throws SliceNewerError for a slice that a newer version of the application has written
   */
  delete(key: Key): boolean {
    this.#mayChange(key)
    // Under an old key nobody sees whether there is something.
    return (this.has(key) || this.#placeOf(key).hidden) && this.#remove(key)
  }

  /**
   * Removes a key, and also what another request stores under it before this one is saved.
   *
   * @throws SliceNewerError as {@link SessionDictionary.delete}
   */
  drop(key: Key): void {
    this.#mayChange(key)
    this.#remove(key)
  }

  /** Removes a key and returns its value; the fallback, and no change, where there is none. */
  pop(key: string, fallback?: Json): Json | undefined {
    const value = this.get(key)
    return this.delete(key) ? value : fallback
  }

  /** The value under a key, stored first if there is none by then. */
  setDefault(key: string, value: Json): Json {
    this.#mayChange()
    this.#state.document.setDefault(plainKey(key), value)
    return this.get(key, value)
  }

  /** Stores several values at once: Django's `update(dict)`. */
  assign(values: Readonly<Record<string, unknown>>): void {
    for (const [key, value] of Object.entries(values)) this.set(key, value)
  }

  /** All keys, those of slices too. */
  keys(): string[] {
    this.#state.mayRead()
    return Object.keys(this.#state.content)
  }

  /** The values of all keys, as {@link SessionDictionary.entries} gives them. */
  values(): Json[] {
    return this.entries().map(([, value]) => value)
  }

  /** All keys with their values; those of slices in their stored form, as frozen copies. */
  entries(): [string, Json][] {
    this.#state.mayRead()
    this.#state.document.notice()
    this.#state.account.kept?.document.notice()
    return Object.entries(this.#state.content).map(([key, stored]) => {
      const value = isSliceName(key) ? frozen(plainJson(stored)) : this.#state.document.get(key)
      return [key, value ?? null]
    })
  }

  /**
   * Forgets all data, also who is signed in, and keeps the session. To end it, use `session.flush()`. What an account
   * keeps stays with the account.
   */
  clear(): void {
    this.#mayChange()
    this.#state.account.forget()
    this.#state.document.clear()
  }

  #placeOf(key: Key): { document: Document; slices: SliceValues; hidden: boolean } {
    const kept = typeof key !== 'string' && key.account === true ? this.#state.account.kept : undefined
    return kept ?? { document: this.#state.document, slices: this.#state.slices, hidden: false }
  }

  #remove(key: Key): boolean {
    const { document } = this.#placeOf(key)
    if (typeof key === 'string') return document.delete(plainKey(key))
    const found = document.data[key.name] !== undefined
    const remove = (stored: Json | undefined) => refuseNewer(key.name, stored)
    document.apply(key.name, remove, { replaces: true, ...fateOfKey(key) })
    return found
  }

  #mayChange(key?: Key): void {
    const ofAccount = key !== undefined && this.#placeOf(key).document !== this.#state.document
    this.#state.mayChange(!ofAccount && this.#state.needsCookie)
    if (ofAccount) this.#state.account.kept?.mayChange()
  }
}

function nameOf(key: Key): string {
  return typeof key === 'string' ? plainKey(key) : key.name
}

function plainKey(key: string): string {
  if (isSliceName(key)) throw new TypeError(`"${key}" is a slice: pass the slice instead of its name`)
  return key
}

function fateOfKey(key: Key) {
  if (typeof key === 'string' || key.login === undefined) return {}
  return fateOf({ login: key.login, account: key.account === true })
}

function frozen(value: Json): Json {
  if (typeof value !== 'object' || value === null) return value
  for (const item of Object.values(value)) frozen(item)
  Object.freeze(value)
  return value
}
