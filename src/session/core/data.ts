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
 *   class instances, cycles, NaN
 */
export function plainJson(value: unknown, name = ''): Json {
  return copy(value, { name, path: [], ancestors: new Set() })
}

interface Position {
  readonly name: string
  readonly path: (string | number)[]
  readonly ancestors: Set<object>
}

function copy(value: unknown, position: Position): Json {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value
  if (typeof value === 'number') return Number.isFinite(value) ? value : reject(String(value), position)
  if (typeof value !== 'object') return reject(value === undefined ? 'undefined' : `a ${typeof value}`, position)
  if (position.ancestors.has(value)) return reject('a value that contains itself', position)
  position.ancestors.add(value)
  const copied = copyObject(value, position)
  position.ancestors.delete(value)
  return copied
}

function copyObject(value: object, position: Position): Json {
  if (Array.isArray(value)) {
    const list: Json[] = []
    for (const [index, item] of value.entries()) list.push(copyAt(index, item, position))
    return list
  }
  if ('toJSON' in value && typeof value.toJSON === 'function') return copy(value.toJSON(), position)
  if (!isPlain(value)) return reject(`a ${value.constructor?.name || 'class instance'}`, position)
  const result = emptyData()
  // Twice as fast as Object.entries, and this runs for every session that is read.
  for (const key of Object.keys(value)) {
    const item = (value as Record<string, unknown>)[key]
    // Undefined properties are omitted, as by JSON.stringify.
    if (item !== undefined) result[key] = copyAt(key, item, position)
  }
  return result
}

function copyAt(step: string | number, item: unknown, position: Position): Json {
  position.path.push(step)
  const copied = copy(item, position)
  position.path.pop()
  return copied
}

// By the prototype's prototype, so that plain objects of another realm are accepted.
function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || Object.getPrototypeOf(prototype) === null
}

function reject(what: string, { name, path }: Position): never {
  const steps = path.map((step) => (typeof step === 'number' ? `[${step}]` : `.${step}`)).join('')
  const at = `${name}${steps}`.replace(/^\./, '')
  throw new TypeError(`A session cannot hold ${what}${at === '' ? '' : ` (at "${at}")`}`)
}

/** True for a value that is a JSON object, whatever its prototype. */
export function isJsonObject(value: unknown): value is { [key: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
