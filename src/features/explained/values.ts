import { isJsonObject, type Json } from '../../session/core/data.ts'
import { EXPIRY_KEY } from '../../session/core/expiry.ts'
import { type Explanation, USER_KEY } from '../../session/index.ts'
import { declaredSlices } from '../../session/slice.ts'

/** A key of the session. */
export interface Entry {
  readonly key: string
  /** Without what could be a secret; of a slice its data alone. */
  readonly value: Json
  /** As stored. */
  readonly bytes: number
  readonly slice?: SliceEntry
}

/** What is stored with the data of a slice, and declared of it. */
export interface SliceEntry {
  readonly version: number
  /** Milliseconds since 1970. */
  readonly changedAt: number
  /** The version of this program, and the max bytes of the data; absent if it does not declare the slice. */
  readonly declared?: { readonly version: number; readonly budget: number; readonly account: boolean }
}

/** A value before and after a request, without what could be a secret. */
export interface ValueChange {
  /** The key, and the names of properties below it. */
  readonly path: readonly string[]
  /** Undefined where there was none. */
  readonly before: Json | undefined
  readonly after: Json | undefined
}

export const HIDDEN = '•••'

const MAX_CHANGES = 50
const MAX_TEXT = 200
// The keys of the engine and of the sign-in are reserved by their first letter.
const SHOWN_KEYS = new Set([USER_KEY, EXPIRY_KEY])
const SECRET_NAME = /pass|secret|token|hash|key|cookie/i
// Keys, hashes and tokens: long, and without a space.
const SECRET_TEXT = /^[\w+/=.,$-]{20,}$/

/** The keys of a session with their values. */
export function entriesOf({ content, data }: Pick<Explanation, 'content' | 'data'>): Entry[] {
  return content.map(({ key, bytes }) => {
    const value = data[key] ?? null
    const stored = sliceForm(value)
    if (stored === undefined) return { key, value: hideBelow([key], value), bytes }
    const found = [...declaredSlices()].find(({ name }) => name === key)
    const declared = found && { version: found.version, budget: found.budget, account: found.account }
    const slice = { version: stored.v, changedAt: stored.t * 1000, ...(declared === undefined ? {} : { declared }) }
    return { key, value: hideBelow([key], stored.d), bytes, slice }
  })
}

/** What a request changed, value by value; at most 50. */
export function valueChanges(changes: Explanation['changes']): ValueChange[] {
  const data = (value: Json | undefined) => (value === undefined ? undefined : (sliceForm(value)?.d ?? value))
  return changes
    .flatMap(({ key, before, after }) => differences([key], data(before), data(after)))
    .slice(0, MAX_CHANGES)
    .map(({ path, before, after }) => ({
      path: path.map((name) => (SECRET_TEXT.test(name) ? HIDDEN : name)),
      before: before === undefined ? undefined : hideBelow(path, before),
      after: after === undefined ? undefined : hideBelow(path, after),
    }))
}

function differences(path: readonly string[], before: Json | undefined, after: Json | undefined): ValueChange[] {
  if (JSON.stringify(before) === JSON.stringify(after)) return []
  if (isJsonObject(before) && isJsonObject(after)) {
    const names = [...new Set([...Object.keys(before), ...Object.keys(after)])]
    return names.flatMap((name) => differences([...path, name], before[name], after[name]))
  }
  return [{ path, before, after }]
}

/** The stored form of a slice; undefined for another value. */
function sliceForm(value: Json): { v: number; t: number; d: Json } | undefined {
  if (!isJsonObject(value) || Object.keys(value).length !== 3) return undefined
  const { v, t, d } = value
  return typeof v === 'number' && typeof t === 'number' && d !== undefined ? { v, t, d } : undefined
}

function hideBelow(path: readonly string[], value: Json): Json {
  const [key = ''] = path
  const isReserved = key.startsWith('_') && !SHOWN_KEYS.has(key)
  // That there is none is no secret.
  if (isReserved || path.some((name) => SECRET_NAME.test(name))) return value === null ? null : HIDDEN
  if (typeof value === 'string') {
    if (SECRET_TEXT.test(value)) return HIDDEN
    return value.length > MAX_TEXT ? `${value.slice(0, MAX_TEXT)}…` : value
  }
  if (Array.isArray(value)) return value.map((item) => hideBelow(path, item))
  if (!isJsonObject(value)) return value
  const shown = Object.entries(value).map(([name, one]): [string, Json] => [
    SECRET_TEXT.test(name) ? HIDDEN : name,
    hideBelow([...path, name], one),
  ])
  return Object.fromEntries(shown)
}
