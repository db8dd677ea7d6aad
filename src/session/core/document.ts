import { emptyData, type Json, plainJson, type SessionData } from './data.ts'
import { applyDifferences, differences } from './differences.ts'
import { type Apply, Operations, put } from './operations.ts'

/** An object that a handler holds and may be changing in place. */
interface View {
  readonly key: string
  readonly value: object
  /** Its JSON when it was handed out, or when its changes were last recorded. */
  text: string
  /** Records what has changed since then; without it, the differences are. */
  readonly record: ((before: Json) => void) | undefined
}

/** How a change of a key is recorded. */
export interface ChangeOptions {
  /** It makes earlier changes of this key needless. */
  readonly replaces?: boolean
  /** The key is a slice's that a sign-in keeps. */
  readonly survivesSignIn?: boolean
  /** The key is a slice's that accounts keep. */
  readonly account?: boolean
}

/**
 * Data that one request reads and changes, and the operations it has made on them. Changes in place are noticed by
 * comparing an object's JSON with what it was when it was handed out; proxies were rejected, because they leak into
 * schemas, logs and comparisons.
 */
export class Document {
  #data: SessionData
  #operations = new Operations()
  /** What was there before this batch of operations, by key, as far as they touched it. */
  readonly #originals = new Map<string, Json | undefined>()
  /** The same, whatever changes of all data came in between. */
  readonly #first = new Map<string, Json | undefined>()
  readonly #views = new Map<string, View>()
  /** Handed out before newer data came: `get` gives a new object, and changes of these still count. */
  #older: View[] = []

  constructor(data: SessionData = emptyData()) {
    this.#data = data
  }

  /** As this request has left them. */
  get data(): SessionData {
    return this.#data
  }

  get operations(): Operations {
    return this.#operations
  }

  /** Whether anything was changed, in place too. */
  get changed(): boolean {
    this.notice()
    return !this.#operations.empty
  }

  /** The value itself, which may be changed in place. */
  get(key: string): Json | undefined {
    const value = this.#data[key]
    if (typeof value === 'object' && value !== null) this.watch(key, value)
    return value
  }

  /** The value before this request's changes; after a change of all data, the one that it left. */
  original(key: string): Json | undefined {
    return this.#originals.has(key) ? this.#originals.get(key) : this.#data[key]
  }

  /** The value before this request's changes, those of all data too. */
  first(key: string): Json | undefined {
    return this.#first.has(key) ? this.#first.get(key) : this.#data[key]
  }

  /** The object handed out last for this key. */
  held(key: string): object | undefined {
    return this.#views.get(key)?.value
  }

  /** Notices changes of this object in place from now on. */
  watch(key: string, value: object, record?: (before: Json) => void): void {
    if (this.#views.get(key)?.value === value) return
    this.#views.set(key, { key, value, text: JSON.stringify(value), record })
  }

  /** @throws TypeError for what JSON cannot hold */
  set(key: string, value: unknown): void {
    this.notice(key)
    // Given back after a change in place, which is no new value.
    if (value !== undefined && this.held(key) === value) return
    const copy = plainJson(value, key)
    const before = JSON.stringify(this.original(key))
    this.#touch(key)
    this.#data[key] = copy
    this.#operations.add(key, { kind: 'set', value: copy, before })
    // As in a dictionary: the object that was given is the value, and may go on changing.
    if (typeof value === 'object' && value !== null && isShared(value, copy)) {
      this.#data[key] = value as Json
      this.watch(key, value)
    }
  }

  setDefault(key: string, value: unknown): void {
    if (this.#data[key] !== undefined) return
    const copy = plainJson(value, key)
    this.#touch(key)
    this.#data[key] = plainJson(copy)
    this.#operations.add(key, { kind: 'default', value: copy })
  }

  /** Removes a key, whatever is there by the time it is saved; returns whether there is something now. */
  delete(key: string, options: ChangeOptions = {}): boolean {
    const found = this.#data[key] !== undefined
    this.#touch(key)
    delete this.#data[key]
    this.#operations.add(key, { kind: 'delete' }, options)
    return found
  }

  /** A function of the current value, applied again where another request has saved first. */
  apply(key: string, apply: Apply, { replaces = false, ...fate }: ChangeOptions = {}): void {
    this.notice(key)
    const current = replaces ? this.original(key) : this.#data[key]
    // A copy, so that a function which throws half-way has changed nothing.
    const next = apply(current === undefined ? undefined : plainJson(current), () => {})
    this.#touch(key)
    put(this.#data, key, next)
    this.#operations.add(key, { kind: 'apply', apply, replaces }, fate)
  }

  /** A function that changes all data in place. */
  applyToAll(apply: (data: SessionData) => void): void {
    this.notice()
    const next = plainJson(this.#data) as SessionData
    apply(next)
    const views = [...this.#older, ...this.#views.values()]
    this.#start(next)
    this.#older = views
    this.#operations.all(apply)
  }

  clear(): void {
    this.#start(emptyData())
    this.#operations.clear()
  }

  /** Records what was changed in place, under one key or all. */
  notice(only?: string): void {
    for (const view of [...this.#older, ...this.#views.values()]) {
      if (only !== undefined && view.key !== only) continue
      const text = JSON.stringify(view.value)
      if (text === view.text) continue
      const before = plainJson(JSON.parse(view.text))
      view.text = text
      if (view.record !== undefined) view.record(before)
      else this.#recordDifferences(view, before)
    }
  }

  /** Hands over the operations so far; what comes from now on is the next batch. */
  take(): Operations {
    this.notice()
    const taken = this.#operations
    this.#operations = new Operations()
    this.#originals.clear()
    this.#first.clear()
    return taken
  }

  /** Takes back a batch that was not stored. */
  restore(batch: Operations): void {
    this.#operations = batch.followedBy(this.#operations)
  }

  /** Goes on with data that were just stored, under whatever was changed meanwhile. */
  rebase(stored: SessionData, isNewer: boolean): void {
    this.notice()
    this.#data = this.#operations.replayOn(stored)
    for (const view of this.#views.values()) {
      if (isNewer) this.#older.push(view)
      // The object that a handler holds goes on being the value.
      else if (view.record === undefined) put(this.#data, view.key, view.value as Json)
    }
    if (isNewer) this.#views.clear()
  }

  #recordDifferences({ key, value }: View, before: Json): void {
    const changes = differences(before, plainJson(value, key))
    // A value that another request has removed takes its changes with it.
    const apply: Apply = (current, overwrote) =>
      current === undefined ? current : applyDifferences(current, changes, overwrote)
    if (!this.#originals.has(key)) this.#originals.set(key, before)
    if (!this.#first.has(key)) this.#first.set(key, before)
    if (this.#data[key] !== value) this.#applyBehind(key, apply)
    this.#operations.add(key, { kind: 'apply', apply })
  }

  /** For an object that is not the value any more: newer data have come since it was handed out. */
  #applyBehind(key: string, apply: Apply): void {
    const view = this.#views.get(key)
    if (view !== undefined) this.#older.push(view)
    this.#views.delete(key)
    const current = this.#data[key]
    put(
      this.#data,
      key,
      apply(current === undefined ? current : plainJson(current), () => {}),
    )
  }

  #start(data: SessionData): void {
    for (const [key, value] of Object.entries(this.#data)) if (!this.#first.has(key)) this.#first.set(key, value)
    this.#views.clear()
    this.#originals.clear()
    this.#older = []
    this.#data = data
  }

  /** Before a key is given another value: what was handed out of it is no part of the data any more. */
  #touch(key: string): void {
    if (!this.#originals.has(key)) this.#originals.set(key, this.#data[key])
    if (!this.#first.has(key)) this.#first.set(key, this.#data[key])
    this.#views.delete(key)
    this.#older = this.#older.filter((view) => view.key !== key)
  }
}

/** Whether what is stored is what was given: nothing in it was turned into something else on the way to JSON. */
function isShared(given: object, copy: Json): boolean {
  if (Array.isArray(given) !== Array.isArray(copy)) return false
  return Object.entries(given).every(([key, value]) => {
    const stored = (copy as Record<string, Json>)[key]
    return typeof value === 'object' && value !== null
      ? typeof stored === 'object' && stored !== null && isShared(value, stored)
      : value === stored
  })
}
