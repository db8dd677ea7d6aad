import { emptyData, type SessionData, withoutKey } from '../../core/data.ts'
import { Operations } from '../../core/operations.ts'
import { userIdOf } from '../../core/user.ts'
import type { SignIn } from '../../stores/revocations.ts'
import { takeReserved, withReserved } from '../cookie/cookie-sign-in.ts'
import type { Loaded } from '../engine.ts'

/** A session of {@link HybridEngine}, in the cookie or in a record. */
export interface HybridSession extends Loaded {
  readonly signIn?: SignIn | undefined
  /** The cookie holds the same data as the record. */
  readonly cookieHasData?: boolean
}

// The key of the record, in a cookie that holds the same session.
const RECORD_KEY = '_session_record'

/** Separates the data of a record from the sign-in, which it shares with the cookies of its session. */
export function sessionFromRecord(loaded: Loaded): HybridSession {
  const issuedAt = loaded.createdAt
  const { data, signIn } = takeReserved(loaded.key ?? '', { ok: true, data: loaded.data, issuedAt })
  const { id, key, version, createdAt, lastActivity, expires, json, reseal } = loaded
  // Written out, because every read of a record makes one: see `withVersion` of the stores. `satisfies`, so that a property
  // that Loaded gets later cannot be forgotten.
  const session = {
    id,
    key,
    data,
    version,
    createdAt,
    lastActivity,
    expires,
    json,
    reseal,
    signIn,
  } satisfies Record<Exclude<keyof HybridSession, 'forwarded' | 'cookieHasData'>, unknown>
  return loaded.forwarded ? { ...session, forwarded: true } : session
}

/** Adds the sign-in to the data of a record. The store keeps the creation time. */
export function dataForRecord(data: SessionData, signIn: SignIn | undefined): SessionData {
  return withReserved(data, { signIn, createdAt: undefined })
}

/** The key of the record that has the same session as this cookie. */
export function recordKeyOf(data: SessionData): string | undefined {
  const key = data[RECORD_KEY]
  return typeof key === 'string' ? key : undefined
}

/** Sets the record's key in the data, replacing any value that a handler stored there. */
export function withRecordKey(data: SessionData, key: string): SessionData {
  const copy: SessionData = Object.assign(emptyData(), data)
  copy[RECORD_KEY] = key
  return copy
}

/** The data without a record's key; the same data if there is none. */
export function withoutRecordKey(data: SessionData): SessionData {
  return RECORD_KEY in data ? withoutKey(data, RECORD_KEY) : data
}

/** A request's changes for a record; `choose` decides which sign-in is written. */
export class RecordOperations extends Operations {
  readonly #changes: Operations
  readonly #choose: (theirs: SignIn | undefined, userId: string | null) => SignIn | undefined

  /** @param choose returns the sign-in to write, given that of the newer data and the user after the changes */
  constructor(changes: Operations, choose: (theirs: SignIn | undefined, userId: string | null) => SignIn | undefined) {
    super()
    this.#changes = changes
    this.#choose = choose
  }

  override get empty(): boolean {
    return this.#changes.empty
  }

  override get keys(): string[] {
    return this.#changes.keys
  }

  override get overwritten(): string[] {
    return this.#changes.overwritten
  }

  override get survivesSignIn(): boolean {
    return this.#changes.survivesSignIn
  }

  /** For a session that is signed in already: it keeps its sign-in. */
  override withoutSignIn(): RecordOperations {
    return new RecordOperations(this.#changes.withoutSignIn(), (theirs) => theirs)
  }

  override replayOn(newer: SessionData): SessionData {
    const data = this.#changes.replayOn(newer)
    const { signIn: theirs } = takeReserved('', { ok: true, data: newer, issuedAt: 0 })
    return dataForRecord(data, this.#choose(theirs, userIdOf(data)))
  }
}
