/** What JSON can hold: the only values a session keeps, as in Django. */
export type Json = string | number | boolean | null | Json[] | { [key: string]: Json }

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
 * Copies any plain JSON value into fresh objects without prototypes.
 *
 * @throws TypeError for what JSON cannot hold: functions, symbols, bigints, cycles, NaN.
 */
export function plainJson(value: unknown): Json {
  return copy(value, new Set())
}

function copy(value: unknown, above: Set<object>): Json {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw new TypeError(`A session cannot hold ${value}`)
    return value
  }
  if (typeof value !== 'object') throw new TypeError(`A session cannot hold a ${typeof value}`)
  if (above.has(value)) throw new TypeError('A session cannot hold a value that contains itself')
  above.add(value)
  const copied = copyObject(value, above)
  above.delete(value)
  return copied
}

function copyObject(value: object, above: Set<object>): Json {
  if (Array.isArray(value)) return value.map((item) => copy(item, above))
  if ('toJSON' in value && typeof value.toJSON === 'function') return copy(value.toJSON(), above)
  const result = emptyData()
  // Twice as fast as by entries, and this goes through every session that is read.
  for (const key of Object.keys(value)) {
    const item = (value as Record<string, unknown>)[key]
    // As JSON.stringify does: an undefined property is an absent one.
    if (item !== undefined) result[key] = copy(item, above)
  }
  return result
}

/** True for a value that is a JSON object, whatever its prototype. */
export function isJsonObject(value: unknown): value is { [key: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
