import { type Json, plainJson } from './core/data.ts'
import { applyDifferences, differences } from './core/differences.ts'
import type { Document } from './core/document.ts'
import { SliceNewerError } from './core/errors.ts'
import type { Observer } from './core/events.ts'
import type { ApplyChange, OnOverwrite } from './core/operations.ts'
import { readSlice, type Slice, validated, writeSlice } from './slice.ts'

const NEARLY_FULL = 0.8

/** Reads and writes the slices of a document. A stored form stays untouched until its slice is written. */
export class SliceValues {
  readonly #document: Document
  readonly #now: () => number
  readonly #observe: Observer

  /** @param now returns milliseconds since 1970 */
  constructor(document: Document, now: () => number, observe: Observer) {
    this.#document = document
    this.#now = now
    this.#observe = observe
  }

  /**
   * Returns the value or the default: one object per request, which may be changed in place.
   *
   * @param readOnly whether the session can no longer be changed
   */
  get<T>(slice: Slice<T>, readOnly: boolean): T {
    const held = this.#document.trackedObject(slice.name)
    if (held !== undefined) return held as T
    const { value, state } = this.#read(slice, this.#document.data[slice.name])
    if (readOnly) return value
    // Checked again at replay: another request may have stored a new value meanwhile.
    if (state === 'expired') this.#apply(slice, (it) => (this.#read(slice, it).state === 'expired' ? undefined : it))
    this.#watch(slice, value)
    return value
  }

  /** Stores a value. @throws TypeError if the schema refuses it; SessionTooLargeError above its budget; SliceNewerError */
  set<T>(slice: Slice<T>, value: T): void {
    // The same object after a change in place, which is recorded as such.
    if (this.#document.trackedObject(slice.name) === value) {
      this.#document.detectChanges(slice.name)
      return
    }
    const mine = this.#written(slice, value)
    const base = this.#read(slice, this.#document.original(slice.name)).value
    this.#apply(slice, (stored, overwrote) => this.#replaced(slice, { mine, base, stored }, overwrote), true)
    this.#watch(slice, value)
  }

  /**
   * Applies a function to the value. Where nothing is stored, the default as the result stores nothing, so that no session
   * begins with a change that changes nothing.
   *
   * @throws TypeError, SessionTooLargeError, SliceNewerError; any error of `change`
   */
  update<T>(slice: Slice<T>, change: (current: T) => T): void {
    this.#apply(slice, (stored) => {
      const value = change(this.#current(slice, stored))
      const unchanged = stored === undefined && JSON.stringify(value) === JSON.stringify(slice.default())
      return unchanged ? undefined : this.#written(slice, value)
    })
  }

  #watch<T>(slice: Slice<T>, value: T): void {
    if (typeof value !== 'object' || value === null) return
    this.#document.track(slice.name, value, (before) => {
      const mine = this.#written(slice, value)
      const base = validated(slice, before)
      const changes = slice.merge === undefined ? differences(before, plainJson(value, slice.name)) : undefined
      this.#apply(slice, (stored, overwrote) =>
        changes === undefined
          ? this.#replaced(slice, { mine, base, stored }, overwrote)
          : this.#patched(slice, { mine, changes, stored }, overwrote),
      )
      this.#watch(slice, value)
    })
  }

  /** Replaces the value; if another request has changed it meanwhile, both are merged or this one wins. */
  #replaced<T>(
    slice: Slice<T>,
    change: { mine: Json; base: T; stored: Json | undefined },
    overwrote: OnOverwrite,
  ): Json {
    const { mine, base, stored } = change
    const theirs = this.#current(slice, stored)
    const found = JSON.stringify(theirs)
    const value = this.#current(slice, mine)
    if (found === JSON.stringify(base) || found === JSON.stringify(value)) return mine
    if (slice.merge !== undefined) return this.#written(slice, slice.merge(value, theirs, structuredClone(base)))
    overwrote()
    return mine
  }

  #patched<T>(
    slice: Slice<T>,
    change: { mine: Json; changes: ReturnType<typeof differences>; stored: Json | undefined },
    overwrote: OnOverwrite,
  ): Json {
    const theirs = plainJson(this.#current(slice, change.stored), slice.name)
    const patched = applyDifferences(theirs, change.changes, overwrote)
    try {
      return this.#written(slice, validated(slice, patched))
    } catch (error) {
      if (!(error instanceof TypeError)) throw error
      // Each change fits the schema but both together do not: this request's value wins.
      overwrote()
      return change.mine
    }
  }

  #apply<T>(slice: Slice<T>, apply: ApplyChange, replaces = false): void {
    this.#document.apply(slice.name, apply, { replaces, ...rulesOf(slice) })
  }

  /** The current value, to be changed. */
  #current<T>(slice: Slice<T>, stored: Json | undefined): T {
    const { value, state } = this.#read(slice, stored)
    if (state === 'newer-version') throw new SliceNewerError(slice.name)
    return value
  }

  #read<T>(slice: Slice<T>, stored: Json | undefined): { value: T; state: string } {
    // A copy, so that changes of the value do not reach the stored form.
    const read = readSlice(slice, stored === undefined ? stored : plainJson(stored), this.#now())
    if (read.state === 'ok') return read
    if (read.state === 'invalid' || read.state === 'newer-version') {
      this.#observe({ type: 'slice', slice: slice.name, problem: read.state, detail: read.detail })
    }
    // A copy, because a default that is one shared object would carry changes from visitor to visitor.
    return { value: structuredClone(slice.default()), state: read.state }
  }

  /** Replaces the stored form as it is. */
  restore(slice: Slice<unknown>, stored: Json): void {
    this.#apply(slice, () => stored, true)
  }

  #written<T>(slice: Slice<T>, value: T): Json {
    const { stored, bytes } = writeSlice(slice, value, this.#now())
    if (bytes > slice.budget * NEARLY_FULL) {
      this.#observe({ type: 'budget', slice: slice.name, bytes, limit: slice.budget })
    }
    return stored
  }
}

/** The rules for replaying changes of a slice after another request has signed in. */
export function rulesOf({ login, account }: Pick<Slice<unknown>, 'login' | 'account'>) {
  return { survivesSignIn: login !== 'drop', account }
}
