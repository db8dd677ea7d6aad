import { emptyData, type SessionData } from '../../core/data.ts'
import { Operations } from '../../core/operations.ts'
import { userIdOf } from '../../core/user.ts'
import type { SignIn } from '../../stores/revocations.ts'
import { takeReserved, withReserved } from '../cookie/cookie-sign-in.ts'
import type { Loaded } from '../engine.ts'

/** A session of {@link HybridEngine}, in either half. */
export interface Held extends Loaded {
  readonly signIn?: SignIn | undefined
  /** The cookie that led here holds the same data as the record. */
  readonly beside?: boolean
}

// Names the record in a cookie that holds the same session.
const RECORD_KEY = '_session_record'

/** What a record holds, apart from the sign-in that it shares with the cookies of its session. */
export function heldByRecord(loaded: Loaded): Held {
  const issuedAt = loaded.createdAt
  const { data, signIn } = takeReserved(loaded.key ?? '', { ok: true, data: loaded.data, issuedAt })
  return { ...loaded, data, signIn }
}

/** The data as a record keeps them. When it was created is for the store to keep. */
export function forRecord(data: SessionData, signIn: SignIn | undefined): SessionData {
  return withReserved(data, { signIn, createdAt: undefined })
}

/** The key of the record beside which a cookie holds the same data. */
export function recordKeyIn(data: SessionData): string | undefined {
  const key = data[RECORD_KEY]
  return typeof key === 'string' ? key : undefined
}

/** The data with this record's key among them, or none, in place of any that a handler has put there. */
export function withRecord(data: SessionData, key: string | undefined): SessionData {
  const copy: SessionData = Object.assign(emptyData(), data)
  if (key === undefined) delete copy[RECORD_KEY]
  else copy[RECORD_KEY] = key
  return copy
}

/** A request's changes for a record, where they reach the sign-in only as far as `choose` lets them. */
export class RecordOperations extends Operations {
  readonly #changes: Operations
  readonly #choose: (theirs: SignIn | undefined, userId: string | null) => SignIn | undefined

  /** @param choose the sign-in to write, given the one that stands in the newer data and the user after the changes */
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

  /** For a session that has been signed in already: it keeps its sign-in. */
  override withoutSignIn(): RecordOperations {
    return new RecordOperations(this.#changes.withoutSignIn(), (theirs) => theirs)
  }

  override replayOn(newer: SessionData): SessionData {
    const data = this.#changes.replayOn(newer)
    const { signIn: theirs } = takeReserved('', { ok: true, data: newer, issuedAt: 0 })
    return forRecord(data, this.#choose(theirs, userIdOf(data)))
  }
}
