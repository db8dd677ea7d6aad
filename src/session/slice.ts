import { isJsonObject, type Json, plainJson } from './core/data.ts'
import { SessionTooLargeError, SliceNewerError } from './core/errors.ts'

/** The part of Standard Schema (standardschema.dev, v1) that a slice needs: zod, valibot, arktype and others have it. */
export interface Schema<T> {
  readonly '~standard': {
    readonly validate: (value: unknown) => ValidationResult<T> | Promise<ValidationResult<T>>
  }
}

type ValidationResult<T> =
  | { readonly value: T; readonly issues?: undefined }
  | { readonly issues: readonly { readonly message: string }[] }

/** What a feature declares of its part of the session. */
export interface SliceDefinition<T> {
  /** The session key under which it is kept. */
  readonly name: string
  readonly schema: Schema<T>
  readonly default: () => T
  /** Seconds since the slice's last change after which it is the default again; none by default. */
  readonly lifetime?: number
  /** Most bytes it may take as JSON; 16384 by default. */
  readonly budget?: number
  /**
   * Joins two edits of the same base, for `set`, nested changes and sign-in. Without it the last writer
   * wins; `update` needs no rule, it is applied again.
   */
  readonly merge?: (mine: T, theirs: T, base: T) => T
  /**
   * Whether it is kept for the account: while somebody is signed in it is in the account alone, the same on every
   * device. Sign-in merges what the anonymous session kept. Without {@link SessionSettings.accounts} it is as any other.
   */
  readonly account?: boolean
  /** At sign-in: keep what the anonymous session has kept (merged, for the account), or drop it. `keep` by default. */
  readonly login?: 'keep' | 'drop'
  /** At sign-out: `drop` by default; `keep` carries it into the anonymous session that follows. */
  readonly logout?: 'keep' | 'drop'
  /** Shape of the data, from 1. */
  readonly version?: number
  /** `upgrades[n]` turns data of version n into version n + 1. */
  readonly upgrades?: Readonly<Record<number, (old: Json) => unknown>>
}

/** A typed, validated part of the session. Made by {@link defineSlice}. */
export interface Slice<T> extends Required<Omit<SliceDefinition<T>, 'lifetime' | 'merge'>> {
  readonly lifetime: number | undefined
  readonly merge: ((mine: T, theirs: T, base: T) => T) | undefined
}

/** How a stored slice was understood. */
export type SliceRead<T> =
  | { state: 'absent' | 'expired' }
  | { state: 'ok'; value: T }
  | { state: 'invalid' | 'newer-version'; detail: string }

class MisfitError extends TypeError {}

const declared = new Map<string, Slice<unknown>>()

/**
 * Declares a feature's typed part of the session.
 *
 * @throws Error when the name is taken by another slice or starts with `_`, an upgrade step or a merge rule is missing,
 *   or a slice of the account is to outlive the sign-out.
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

/** Whether a slice has this name, so that it is no plain key. */
export function isSliceName(name: string): boolean {
  return declared.has(name)
}

/** @throws SliceNewerError for a stored form that a newer version of the application has written: nobody else destroys it */
export function refuseNewer(name: string, stored: Json | undefined): undefined {
  const version = isJsonObject(stored) ? stored['v'] : undefined
  if (typeof version === 'number' && version > (declared.get(name)?.version ?? version)) throw new SliceNewerError(name)
}

/** Reads the stored form `{v, t, d}`: version, seconds of the last change, data. `now` is milliseconds. */
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
    // What schemas and upgrades say may quote the data, and this is logged.
    const kind = error instanceof Error ? error.constructor.name : typeof error
    return { state: 'invalid', detail: error instanceof MisfitError ? 'does not fit the schema' : `failed: ${kind}` }
  }
}

/**
 * The stored form of a value.
 *
 * @throws TypeError when the value does not fit the schema; SessionTooLargeError when it exceeds the budget.
 */
export function writeSlice<T>(slice: Slice<T>, value: T, now: number): { stored: Json; bytes: number } {
  const data = plainJson(validated(slice, value), slice.name)
  const again = slice.schema['~standard'].validate(plainJson(data))
  if ('issues' in again && again.issues !== undefined) {
    throw new TypeError(`Slice "${slice.name}" would not be read again: its schema refuses its own values as JSON`)
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

/** @throws TypeError when the schema refuses the value */
export function validated<T>(slice: Slice<T>, value: unknown): T {
  const result = slice.schema['~standard'].validate(value)
  if (result instanceof Promise) throw new TypeError(`The schema of slice "${slice.name}" must not be asynchronous`)
  if (result.issues !== undefined) {
    throw new MisfitError(`Slice "${slice.name}": ${result.issues.map((issue) => issue.message).join('; ')}`)
  }
  return result.value
}
