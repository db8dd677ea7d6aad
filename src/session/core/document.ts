import { copyJson, emptyData, type Json, plainJson, type SessionData } from './data.ts'
import { applyDifferences, differences } from './differences.ts'
import { FlatCopy } from './flat-copy.ts'
import { type ApplyChange, Operations, put } from './operations.ts'

/** An object that was returned to a handler, which may change it in place. */
class TrackedObject {
  readonly key: string
  readonly value: object
  /** As it was returned, or when its changes were last recorded. */
  before: FlatCopy
  /** Its value then, if it was changed; nobody has it. */
  json: Json | undefined
  /** Records its changes; by default as differences. */
  readonly record: ((before: Json) => void) | undefined

  constructor(key: string, value: object, record?: (before: Json) => void) {
    this.key = key
    this.value = value
    this.before = new FlatCopy(value)
    this.json = undefined
    this.record = record
  }
}

/** How a change of a key is recorded. */
export interface ChangeOptions {
  /** It replaces earlier changes of this key; false by default. */
  readonly replaces?: boolean
  /** The key belongs to a slice that a sign-in keeps; false by default. */
  readonly survivesSignIn?: boolean
  /** The key belongs to a slice that accounts keep; false by default. */
  readonly account?: boolean
}

/**
 * Data that one request reads and changes, with a record of its operations. Changes in place are detected by comparing
 * an object with a {@link FlatCopy} of when it was returned. Proxies were rejected, because they leak into schemas, logs
 * and comparisons.
 */
export class Document {
  #data: SessionData
  #operations = new Operations()
  /** Values before this batch of operations, for keys that it changed; made with the first change. */
  #originals: Map<string, () => Json | undefined> | undefined
  /** The same, not reset by changes of all data. */
  #initials: Map<string, () => Json | undefined> | undefined
  /** Made with the first object that is returned. */
  #tracked: Map<string, TrackedObject> | undefined
  /** Returned before newer data were loaded: `get` returns new objects, but changes of these are still recorded. */
  #superseded: TrackedObject[] = []
  /** Whether a {@link Document.snapshot} has the same values, so that those that a handler gets must be copied first. */
  #shared = false

  constructor(data: SessionData = emptyData()) {
    this.#data = data
  }

  /** The data with this request's changes. */
  get data(): SessionData {
    return this.#data
  }

  get operations(): Operations {
    return this.#operations
  }

  /** Whether anything was changed, including in place. */
  get changed(): boolean {
    this.detectChanges()
    return !this.#operations.empty
  }

  /** The value itself, which may be changed in place. */
  get(key: string): Json | undefined {
    const value = this.#data[key]
    if (typeof value !== 'object' || value === null || this.#tracked?.get(key)?.value === value) return value
    const own = this.#shared ? copyJson(value) : value
    this.#data[key] = own
    this.track(key, own as object)
    return own
  }

  /** The value before this request's changes, or before those after its last change of all data. */
  original(key: string): Json | undefined {
    const original = this.#originals?.get(key)
    return original === undefined ? this.#data[key] : original()
  }

  /** The value before all of this request's changes. */
  initial(key: string): Json | undefined {
    const initial = this.#initials?.get(key)
    return initial === undefined ? this.#data[key] : initial()
  }

  /** The object last returned for this key. */
  trackedObject(key: string): object | undefined {
    return this.#tracked?.get(key)?.value
  }

  /** Detects changes of this object in place from now on. */
  track(key: string, value: object, record?: (before: Json) => void): void {
    if (this.#tracked?.get(key)?.value === value) return
    this.#tracked ??= new Map()
    this.#tracked.set(key, new TrackedObject(key, value, record))
  }

  /** @throws TypeError for what JSON cannot hold */
  set(key: string, value: unknown): void {
    this.detectChanges(key)
    // The same object after a change in place, which is recorded as such.
    if (value !== undefined && this.trackedObject(key) === value) return
    const copy = plainJson(value, key)
    const before = JSON.stringify(this.original(key))
    this.#beforeChange(key)
    this.#operations.add(key, { kind: 'set', value: copy, before })
    // As in a plain object: the given object is the value and may still be changed.
    if (typeof value === 'object' && value !== null && sameAsJson(value, copy)) {
      this.#data[key] = value as Json
      this.track(key, value)
    }
    // Not the operation's: a change in place must not be in it and be recorded as well.
    else this.#data[key] = copyJson(copy)
  }

  setDefault(key: string, value: unknown): void {
    if (this.#data[key] !== undefined) return
    const copy = plainJson(value, key)
    this.#beforeChange(key)
    this.#data[key] = plainJson(copy)
    this.#operations.add(key, { kind: 'default', value: copy })
  }

  /** Removes a key, also if another request stores it before the save; returns whether it exists now. */
  delete(key: string, options: ChangeOptions = {}): boolean {
    const found = this.#data[key] !== undefined
    this.#beforeChange(key)
    delete this.#data[key]
    this.#operations.add(key, { kind: 'delete' }, options)
    return found
  }

  /** Applies a function to the current value, and again if another request saves first. */
  apply(key: string, apply: ApplyChange, { replaces = false, ...fate }: ChangeOptions = {}): void {
    this.detectChanges(key)
    const current = replaces ? this.original(key) : this.#data[key]
    // A copy, so that a function that throws changes nothing.
    const next = apply(current === undefined ? undefined : plainJson(current), () => {})
    this.#beforeChange(key)
    put(this.#data, key, next)
    this.#operations.add(key, { kind: 'apply', apply, replaces }, fate)
  }

  /** Applies a function that changes all data in place. */
  applyToAll(apply: (data: SessionData) => void): void {
    this.detectChanges()
    const next = plainJson(this.#data) as SessionData
    apply(next)
    const views = this.#views()
    this.#replaceData(next)
    this.#superseded = views
    this.#operations.all(apply)
  }

  clear(): void {
    this.#replaceData(emptyData())
    this.#operations.clear()
  }

  /** Records changes in place, of one key or of all. */
  detectChanges(only?: string): void {
    if (this.#tracked === undefined && this.#superseded.length === 0) return
    for (const view of this.#views()) {
      if ((only === undefined || view.key === only) && !view.before.equals(view.value)) this.#recordChange(view)
    }
  }

  /** The data after {@link Document.take}: later changes, also in place, do not reach it. */
  snapshot(): SessionData {
    const data = Object.assign(emptyData(), this.#data)
    for (const { key, value, before, json } of this.#tracked?.values() ?? []) {
      if (data[key] === value) data[key] = json ?? before.value()
    }
    // Nobody has the other values.
    this.#shared = true
    return data
  }

  /** Returns the operations so far and starts a new batch. */
  take(): Operations {
    this.detectChanges()
    const taken = this.#operations
    this.#operations = new Operations()
    this.#originals = undefined
    this.#initials = undefined
    return taken
  }

  /** Puts back a batch that was not stored. */
  restore(batch: Operations): void {
    this.#operations = batch.followedBy(this.#operations)
  }

  /** Continues from data that were just stored, and applies what was changed meanwhile. */
  rebase(stored: SessionData, isNewer: boolean): void {
    this.detectChanges()
    this.#data = this.#operations.replayOn(stored)
    this.#shared = false
    for (const view of this.#tracked?.values() ?? []) {
      if (isNewer) this.#superseded.push(view)
      // The object that a handler has stays the value.
      else if (view.record === undefined) put(this.#data, view.key, view.value as Json)
    }
    if (isNewer) this.#tracked = undefined
  }

  #recordChange(view: TrackedObject): void {
    const { key, value, before: former, record } = view
    if (record !== undefined) {
      if (JSON.stringify(value) === former.text) return
      view.before = new FlatCopy(value)
      record(former.value())
      return
    }
    const json = jsonOf(view)
    // Only what JSON does not hold is new, such as a property that is undefined.
    if (json === undefined || former.equals(json)) return
    view.json = json
    view.before = new FlatCopy(json)
    // Most changes are saved as they are: only a replay needs the differences.
    const before = once(() => former.value())
    const changes = once(() => differences(before(), json))
    // If another request removed the value, its changes are dropped.
    const apply: ApplyChange = (current, overwrote) =>
      current === undefined ? current : applyDifferences(current, changes(), overwrote)
    this.#remember(key, before)
    if (this.#data[key] !== value) this.#applyToNewer(key, apply)
    this.#operations.add(key, { kind: 'apply', apply })
  }

  /** For an object that is no longer the value, because newer data were loaded. */
  #applyToNewer(key: string, apply: ApplyChange): void {
    const view = this.#tracked?.get(key)
    if (view !== undefined) this.#superseded.push(view)
    this.#tracked?.delete(key)
    const current = this.#data[key]
    put(
      this.#data,
      key,
      apply(current === undefined ? current : plainJson(current), () => {}),
    )
  }

  #replaceData(data: SessionData): void {
    this.#initials ??= new Map()
    for (const [key, value] of Object.entries(this.#data)) {
      if (!this.#initials.has(key)) this.#initials.set(key, () => value)
    }
    this.#tracked = undefined
    this.#originals = undefined
    this.#superseded = []
    this.#data = data
  }

  /** Before a key gets another value: objects returned for it are no longer part of the data. */
  #beforeChange(key: string): void {
    const before = this.#data[key]
    this.#remember(key, () => before)
    this.#tracked?.delete(key)
    if (this.#superseded.length > 0) this.#superseded = this.#superseded.filter((view) => view.key !== key)
  }

  #remember(key: string, before: () => Json | undefined): void {
    this.#originals ??= new Map()
    this.#initials ??= new Map()
    if (!this.#originals.has(key)) this.#originals.set(key, before)
    if (!this.#initials.has(key)) this.#initials.set(key, before)
  }

  #views(): TrackedObject[] {
    return [...this.#superseded, ...(this.#tracked?.values() ?? [])]
  }
}

/** The object as JSON; undefined if only what JSON leaves out was added, such as a function. */
function jsonOf({ key, value, before }: TrackedObject): Json | undefined {
  try {
    return plainJson(value, key)
  } catch (error) {
    if (JSON.stringify(value) === before.text) return undefined
    throw error
  }
}

/** Calls a function when its result is first needed. */
function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined
  return () => {
    made ??= { value: make() }
    return made.value
  }
}

/** Whether the JSON copy equals the given object, with no `toJSON` or other conversion in it. */
function sameAsJson(given: object, copy: Json): boolean {
  if (Array.isArray(given) !== Array.isArray(copy)) return false
  return Object.entries(given).every(([key, value]) => {
    const stored = (copy as Record<string, Json>)[key]
    return typeof value === 'object' && value !== null
      ? typeof stored === 'object' && stored !== null && sameAsJson(value, stored)
      : value === stored
  })
}
