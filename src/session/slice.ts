import { isJsonObject, type Json, plainJson } from './core/data.ts'
import { SessionTooLargeError, SliceNewerError } from './core/errors.ts'

/**
 * The part of Standard Schema (standardschema.dev, v1) that slices use; zod, valibot, arktype and others implement it.
 *
 * @example
 * const name: Schema<string> = {
 *   '~standard': {
 *     validate: (value) => (typeof value === 'string' ? { value } : { issues: [{ message: 'must be text' }] }),
 *   },
 * }
 */
export interface Schema<T> {
  readonly '~standard': {
    readonly validate: (value: unknown) => ValidationResult<T> | Promise<ValidationResult<T>>
  }
}

type ValidationResult<T> =
  | { readonly value: T; readonly issues?: undefined }
  | { readonly issues: readonly { readonly message: string }[] }

/**
 * The declaration of a slice; see {@link defineSlice}.
 *
 * @example
 * const definition: SliceDefinition<string[]> = { name: 'seen', schema: z.array(z.string()), default: () => [] }
 */
export interface SliceDefinition<T> {
  /** The session key. */
  readonly name: string
  readonly schema: Schema<T>
  /** Returns the value if nothing is stored. */
  readonly default: () => T
  /** Seconds after the last change until it has its default again; unlimited by default. */
  readonly lifetime?: number
  /** Maximum bytes as JSON; 16384 by default. */
  readonly budget?: number
  /**
   * Merges two changes of the same base, for `set`, changes in place and sign-in. Without it the last writer wins;
   * `update` does not need it, because its function is applied again.
   */
  readonly merge?: (mine: T, theirs: T, base: T) => T
  /**
   * Whether the account keeps it: while a user is signed in it is stored in the account only, the same on every device.
   * Sign-in merges that of the anonymous session. Without {@link SessionSettings.accounts} it has no effect; false by
   * default.
   */
  readonly account?: boolean
  /** At sign-in: keep the anonymous session's value (merged, for the account) or drop it; `keep` by default. */
  readonly login?: 'keep' | 'drop'
  /** At sign-out: `keep` copies it to the next anonymous session; `drop` by default. */
  readonly logout?: 'keep' | 'drop'
  /** Version of the data's shape; 1 by default. */
  readonly version?: number
  /** `upgrades[n]` converts data of version n to version n + 1; none by default. */
  readonly upgrades?: Readonly<Record<number, (old: Json) => unknown>>
}

/**
 * A typed, validated part of the session, made by {@link defineSlice}.
 *
 * @example
 * const seen: Slice<string[]> = defineSlice({ name: 'seen', schema: z.array(z.string()), default: () => [] })
 */
export interface Slice<T> extends Required<Omit<SliceDefinition<T>, 'lifetime' | 'merge'>> {
  readonly lifetime: number | undefined
  readonly merge: ((mine: T, theirs: T, base: T) => T) | undefined
}

/** The result of reading a slice. */
export type SliceRead<T> =
  | { state: 'absent' | 'expired' }
  | { state: 'ok'; value: T }
  | { state: 'invalid' | 'newer-version'; detail: string }

class SchemaError extends TypeError {}

const declared = new Map<string, Slice<unknown>>()

/**
 * Declares a typed part of the session.
 *
 * @throws Error if the name is taken or starts with `_`, an upgrade or a merge rule is missing, or an account slice has
 *   `logout: 'keep'`
 * @example
 * const seen = defineSlice({ name: 'seen', schema: z.array(z.string()), default: () => [], lifetime: 86_400 })
 * session.update(seen, (names) => [...names, 'lamp'])
 */
export function defineSlice<T>(definition: SliceDefinition<T>): Slice<T> {
  const slice: Slice<T> = {
    budget: 16_384,
    account: false,
    login: 'keep',
    logout: 'drop',
    version: 1,
    upgrades: {},
    ...definition,
    lifetime: definition.lifetime,
    merge: definition.merge,
  }
  if (slice.account && slice.login === 'keep' && slice.merge === undefined) {
    throw new Error(`Slice "${slice.name}" is merged into the account at sign-in, so it needs a merge rule`)
  }
  if (slice.account && slice.logout === 'keep') {
    throw new Error(`Slice "${slice.name}" is kept for the account, so a sign-out cannot keep a second copy`)
  }
  if (declared.has(slice.name)) throw new Error(`A slice named "${slice.name}" is declared already`)
  if (slice.name.startsWith('_')) throw new Error('Slice names starting with "_" are reserved')
  for (let version = 1; version < slice.version; version++) {
    if (slice.upgrades[version] === undefined) {
      throw new Error(`Slice "${slice.name}" has no upgrade from version ${version}`)
    }
  }
  declared.set(slice.name, slice as Slice<unknown>)
  return slice
}

/** Every slice declared in this process, for sign-in and sign-out. */
export function declaredSlices(): Iterable<Slice<unknown>> {
  return declared.values()
}

/** Whether a slice has this name. */
export function isSliceName(name: string): boolean {
  return declared.has(name)
}

/** @throws SliceNewerError for a stored form that a newer version of the application has written: it must stay */
export function refuseNewer(name: string, stored: Json | undefined): undefined {
  const version = isJsonObject(stored) ? stored['v'] : undefined
  if (typeof version === 'number' && version > (declared.get(name)?.version ?? version)) throw new SliceNewerError(name)
}

/**
 * Reads the stored form `{v, t, d}`: version, seconds of the last change, data.
 *
 * @param now milliseconds since 1970
 */
export function readSlice<T>(slice: Slice<T>, stored: Json | undefined, now: number): SliceRead<T> {
  if (stored === undefined) return { state: 'absent' }
  if (!isJsonObject(stored) || typeof stored['v'] !== 'number' || typeof stored['t'] !== 'number') {
    return { state: 'invalid', detail: 'not written by a slice' }
  }
  if (stored['v'] > slice.version) return { state: 'newer-version', detail: `version ${stored['v']}` }
  if (slice.lifetime !== undefined && now >= (stored['t'] + slice.lifetime) * 1000) return { state: 'expired' }
  try {
    return { state: 'ok', value: validated(slice, upgraded(slice, stored['v'], stored['d'] ?? null)) }
  } catch (error) {
    // This is logged, and messages of schemas and upgrades may quote the data.
    const kind = error instanceof Error ? error.constructor.name : typeof error
    return { state: 'invalid', detail: error instanceof SchemaError ? 'does not fit the schema' : `failed: ${kind}` }
  }
}

/**
 * Returns the stored form of a value.
 *
 * @param now milliseconds since 1970
 * @throws TypeError if the value does not fit the schema; SessionTooLargeError if it exceeds the budget
 */
export function writeSlice<T>(slice: Slice<T>, value: T, now: number): { stored: Json; bytes: number } {
  const data = plainJson(validated(slice, value), slice.name)
  const again = slice.schema['~standard'].validate(plainJson(data))
  if ('issues' in again && again.issues !== undefined) {
    throw new TypeError(`Slice "${slice.name}" cannot be read back: its schema refuses its own values as JSON`)
  }
  const bytes = Buffer.byteLength(JSON.stringify(data))
  if (bytes > slice.budget) throw new SessionTooLargeError(bytes, slice.budget, slice.name)
  return { stored: { v: slice.version, t: Math.floor(now / 1000), d: data }, bytes }
}

function upgraded<T>(slice: Slice<T>, from: number, data: Json): unknown {
  let value: unknown = data
  for (let version = from; version < slice.version; version++) {
    value = slice.upgrades[version]?.(plainJson(value))
  }
  return value
}

/** Validates a value. @throws TypeError if the schema refuses it or is asynchronous */
export function validated<T>(slice: Slice<T>, value: unknown): T {
  const result = slice.schema['~standard'].validate(value)
  if (result instanceof Promise) throw new TypeError(`The schema of slice "${slice.name}" must not be asynchronous`)
  if (result.issues !== undefined) {
    throw new SchemaError(`Slice "${slice.name}": ${result.issues.map((issue) => issue.message).join('; ')}`)
  }
  return result.value
}
