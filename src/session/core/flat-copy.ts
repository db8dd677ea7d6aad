import { bareJson, emptyData, type Json, MAX_DEPTH } from './data.ts'

type Primitive = string | number | boolean | null
type Marker = typeof OBJECT | typeof END | typeof LIST
type Item = Primitive | Marker

// No JSON value and no key equals them.
const OBJECT = Symbol('object')
const END = Symbol('end')
const LIST = Symbol('list')

// Deeper than what a session holds is only what contains itself, which JSON.stringify reports.
const TOO_DEEP = 2 * MAX_DEPTH

/**
 * What a value was at one moment, to see later whether it was changed in place: its keys and primitive values in one flat
 * list, made and compared in a fraction of the time of its JSON text. Of what is not plain JSON, such as a date of a schema, it is
 * the text.
 */
export class FlatCopy {
  readonly #items: readonly Item[] | undefined
  readonly #text: string | undefined

  /** @throws TypeError for what JSON.stringify refuses */
  constructor(value: unknown) {
    const items: Item[] = []
    this.#items = add(value, items, 0) ? items : undefined
    // What has no JSON, such as a `toJSON` that returns nothing, is null in a list as well.
    this.#text = this.#items === undefined ? (JSON.stringify(value) ?? 'null') : undefined
  }

  /** Whether a value is certainly the same; false also for one that only has the same JSON. */
  equals(value: unknown): boolean {
    if (this.#items === undefined) return this.text === (JSON.stringify(value) ?? 'null')
    return matchEnd(value, this.#items, 0) === this.#items.length
  }

  /** Its JSON text. */
  get text(): string {
    return this.#text ?? JSON.stringify(this.value())
  }

  /** The value as it was, in new objects. */
  value(): Json {
    if (this.#items === undefined) return bareJson(JSON.parse(this.text) as Json)
    return new Reader(this.#items).next()
  }
}

/** Returns false for what is not plain JSON. */
function add(value: unknown, items: Item[], depth: number): boolean {
  if (typeof value !== 'object' || value === null) {
    const isJson = isPrimitive(value)
    if (isJson) items.push(value)
    return isJson
  }
  if (depth > TOO_DEEP) return false
  if (Array.isArray(value)) {
    items.push(LIST, value.length)
    for (let index = 0; index < value.length; index++) if (!add(value[index], items, depth + 1)) return false
    return true
  }
  const prototype: unknown = Object.getPrototypeOf(value)
  if (!isSimple(prototype)) return false
  items.push(OBJECT)
  // Object.keys would make a list for each object.
  for (const key in value) {
    if (prototype !== null && !Object.hasOwn(value, key)) continue
    items.push(key)
    if (!add((value as Record<string, unknown>)[key], items, depth + 1)) return false
  }
  items.push(END)
  return true
}

/** Returns the index after the value; -1 if it differs. */
function matchEnd(value: unknown, items: readonly Item[], start: number): number {
  if (typeof value !== 'object' || value === null) return items[start] === value ? start + 1 : -1
  if (Array.isArray(value)) {
    if (items[start] !== LIST || items[start + 1] !== value.length) return -1
    let at = start + 2
    for (let index = 0; index < value.length && at > 0; index++) at = matchEnd(value[index], items, at)
    return at
  }
  const prototype: unknown = Object.getPrototypeOf(value)
  if (items[start] !== OBJECT || !isSimple(prototype)) return -1
  let at = start + 1
  for (const key in value) {
    if (prototype !== null && !Object.hasOwn(value, key)) continue
    if (items[at] !== key) return -1
    at = matchEnd((value as Record<string, unknown>)[key], items, at + 1)
    if (at < 0) return -1
  }
  return items[at] === END ? at + 1 : -1
}

/** Makes the value of a list of items again. */
class Reader {
  readonly #items: readonly Item[]
  #at = 0

  constructor(items: readonly Item[]) {
    this.#items = items
  }

  next(): Json {
    const item = this.#take()
    if (item === LIST) return Array.from({ length: Number(this.#take()) }, () => this.next())
    if (item !== OBJECT) return item as Primitive
    const result = emptyData()
    for (let key = this.#take(); key !== END; key = this.#take()) result[String(key)] = this.next()
    return result
  }

  #take(): Item {
    return this.#items[this.#at++] ?? null
  }
}

function isPrimitive(value: unknown): value is Primitive {
  return value === null || typeof value === 'string' || typeof value === 'boolean' || Number.isFinite(value)
}

/** Of an object whose JSON is its own properties; one of another realm is compared as text. */
function isSimple(prototype: unknown): boolean {
  return prototype === null || prototype === Object.prototype
}
