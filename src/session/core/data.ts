/** What JSON can hold: the only values a session keeps, as in Django. */
export type Json = string | number | boolean | null | Json[] | { [key: string]: Json }

/** What the compiler can tell that JSON cannot hold; the rest is a TypeError when it is stored. */
export type NotJson =
  | bigint
  | symbol
  | ((...args: never[]) => unknown)
  | PromiseLike<unknown>
  | ReadonlyMap<unknown, unknown>
  | ReadonlySet<unknown>

/**
 * A session's data: a null-prototype object, so that `__proto__` and `constructor` are ordinary
 * keys that reach no prototype.
 */
export type SessionData = { [key: string]: Json }

/** A new, empty data object without a prototype. */
export function emptyData(): SessionData {
  return Object.create(null) as SessionData
}

/**
 * Copies any plain JSON value into fresh objects without prototypes. A value with `toJSON` is what that gives.
 *
 * @param name stands before the path to the value in an error: the key it is stored under
 * @throws TypeError naming the path of what JSON cannot hold: functions, symbols, bigints, maps, sets, promises and
 *   other class instances, cycles, NaN
 */
export function plainJson(value: unknown, name = ''): Json {
  return copy(value, { name, path: [], above: new Set() })
}

interface Place {
  readonly name: string
  readonly path: (string | number)[]
  readonly above: Set<object>
}

function copy(value: unknown, place: Place): Json {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value
  if (typeof value === 'number') return Number.isFinite(value) ? value : refuse(String(value), place)
  if (typeof value !== 'object') return refuse(value === undefined ? 'undefined' : `a ${typeof value}`, place)
  if (place.above.has(value)) return refuse('a value that contains itself', place)
  place.above.add(value)
  const copied = copyObject(value, place)
  place.above.delete(value)
  return copied
}

function copyObject(value: object, place: Place): Json {
  if (Array.isArray(value)) {
    const list: Json[] = []
    for (const [index, item] of value.entries()) list.push(copyAt(index, item, place))
    return list
  }
  if ('toJSON' in value && typeof value.toJSON === 'function') return copy(value.toJSON(), place)
  if (!isPlain(value)) return refuse(`a ${value.constructor?.name || 'class instance'}`, place)
  const result = emptyData()
  // Twice as fast as by entries, and this goes through every session that is read.
  for (const key of Object.keys(value)) {
    const item = (value as Record<string, unknown>)[key]
    // As JSON.stringify does: an undefined property is an absent one.
    if (item !== undefined) result[key] = copyAt(key, item, place)
  }
  return result
}

function copyAt(step: string | number, item: unknown, place: Place): Json {
  place.path.push(step)
  const copied = copy(item, place)
  place.path.pop()
  return copied
}

// By the prototype's prototype, so that plain objects of another realm count as well.
function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || Object.getPrototypeOf(prototype) === null
}

function refuse(what: string, { name, path }: Place): never {
  const steps = path.map((step) => (typeof step === 'number' ? `[${step}]` : `.${step}`)).join('')
  const at = `${name}${steps}`.replace(/^\./, '')
  throw new TypeError(`A session cannot hold ${what}${at === '' ? '' : ` (at "${at}")`}`)
}

/** True for a value that is a JSON object, whatever its prototype. */
export function isJsonObject(value: unknown): value is { [key: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
