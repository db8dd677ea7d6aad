/**
 * A JSON value: the only kind of value that a session keeps, as in Django.
 *
 * @example
 * const value: Json = { theme: 'dark', sizes: [1, 2] }
 */
export type Json = string | number | boolean | null | Json[] | { [key: string]: Json }

/** Types that are not JSON, as far as the compiler can tell; the rest is a TypeError at run time. */
export type NotJson =
  | bigint
  | symbol
  | ((...args: never[]) => unknown)
  | PromiseLike<unknown>
  | ReadonlyMap<unknown, unknown>
  | ReadonlySet<unknown>

/**
 * The data of a session: an object without a prototype, so that `__proto__` and `constructor` are ordinary keys.
 *
 * @example
 * const data: SessionData = asData({ theme: 'dark' })
 */
export type SessionData = { [key: string]: Json }

/** A new, empty data object without a prototype. */
export function emptyData(): SessionData {
  // Object.create(null) would give an object that V8 keeps as a hash table, which is slower to fill and to stringify.
  return Object.setPrototypeOf({}, null) as SessionData
}

/**
 * Takes the prototypes off all objects in a value, in place.
 *
 * @param value as JSON.parse returned it, and in no other hands
 */
export function bareJson(value: Json): Json {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) {
    for (const item of value) bareJson(item)
    return value
  }
  Object.setPrototypeOf(value, null)
  // In the usual case faster than Object.keys, and of an object without a prototype the same.
  for (const key in value) bareJson(value[key] ?? null)
  return value
}

/** A copy of the data without one key. After a `delete` V8 would keep the object as a hash table. */
export function withoutKey(data: SessionData, key: string): SessionData {
  const { [key]: _removed, ...rest } = data
  return Object.setPrototypeOf(rest, null) as SessionData
}

/** Copies a value that is known to be JSON; see {@link plainJson} for any other. */
export function copyJson(value: Json): Json {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(copyJson)
  const copied = emptyData()
  for (const key of Object.keys(value)) copied[key] = copyJson(value[key] ?? null)
  return copied
}

/**
 * Copies a JSON value into new objects without prototypes. `toJSON` is called as by JSON.stringify.
 *
 * @param name the key under which it is stored, for errors; empty by default
 * @throws TypeError naming the path of what is not JSON: functions, symbols, bigints, maps, sets, promises and other
 *   class instances, cycles, NaN; TypeError for more than 1000 levels
 */
export function plainJson(value: unknown, name = ''): Json {
  return copy(value, name, undefined)
}

// Longer cycles only exceed the depth: comparing each object with all of its ancestors takes quadratic time.
const NEAR_ANCESTORS = 100
/** Levels of a value. What is accepted must not overflow the stack later: JSON.stringify and schemas call themselves as well. */
export const MAX_DEPTH = 1000
// Without a name it is a copy of what was accepted, with objects around it.
const MAX_AROUND = 10

/** An ancestor of a value. A chain, because a set of ancestors and a list of steps would take as long as the copy. */
interface Parent {
  readonly value: object
  readonly above: Parent | undefined
  readonly depth: number
  /** The key or index of the child that is being copied; undefined for the result of `toJSON`. */
  step: string | number | undefined
}

function copy(value: unknown, name: string, above: Parent | undefined): Json {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value
  if (typeof value === 'number') return Number.isFinite(value) ? value : reject(String(value), name, above)
  if (typeof value !== 'object') return reject(value === undefined ? 'undefined' : `a ${typeof value}`, name, above)
  const depth = above === undefined ? 0 : above.depth + 1
  for (let parent = above; parent !== undefined && parent.depth >= depth - NEAR_ANCESTORS; parent = parent.above) {
    if (parent.value === value) return reject('a value that contains itself', name, above)
  }
  if (depth >= MAX_DEPTH + (name === '' ? MAX_AROUND : 0)) {
    // Without its path, which is as long.
    return reject(`a value that contains itself or has more than ${MAX_DEPTH} levels`, name, undefined)
  }
  return copyObject(value, name, { value, above, depth, step: undefined })
}

function copyObject(value: object, name: string, parent: Parent): Json {
  if (Array.isArray(value)) {
    const list: Json[] = []
    for (let index = 0; index < value.length; index++) {
      parent.step = index
      list.push(copy(value[index], name, parent))
    }
    return list
  }
  if ('toJSON' in value && typeof value.toJSON === 'function') return copy(value.toJSON(), name, parent)
  if (!isPlain(value)) return reject(`a ${value.constructor?.name || 'class instance'}`, name, parent.above)
  const result = emptyData()
  // Object.keys would make a list for each object.
  for (const key in value) {
    if (!Object.hasOwn(value, key)) continue
    const item = (value as Record<string, unknown>)[key]
    parent.step = key
    // Undefined properties are omitted, as by JSON.stringify.
    if (item !== undefined) result[key] = copy(item, name, parent)
  }
  return result
}

// By the prototype's prototype, so that plain objects of another realm are accepted.
function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || Object.getPrototypeOf(prototype) === null
}

function reject(what: string, name: string, above: Parent | undefined): never {
  let steps = ''
  for (let parent = above; parent !== undefined; parent = parent.above) {
    // The object of a `toJSON` is no step.
    if (parent.step !== undefined)
      steps = (typeof parent.step === 'number' ? `[${parent.step}]` : `.${parent.step}`) + steps
  }
  const at = `${name}${steps}`.replace(/^\./, '')
  throw new TypeError(`A session cannot hold ${what}${at === '' ? '' : ` (at "${at}")`}`)
}

/** True for a value that is a JSON object, whatever its prototype. */
export function isJsonObject(value: unknown): value is { [key: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
