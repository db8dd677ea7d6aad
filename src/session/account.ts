import { createHash } from 'node:crypto'
import { isJsonObject, type Json, plainJson, type SessionData } from './core/data.ts'
import { SliceNewerError } from './core/errors.ts'
import { readSlice, type Slice, writeSlice } from './slice.ts'

/**
 * What an account keeps for all sessions of its user, as it was read from the {@link AccountStore}.
 *
 * @example
 * const account: Account = { version: 1, data: asData({}) }
 */
export interface Account {
  /** Incremented by every save. */
  readonly version: number
  /** Slices in their stored form, by name, and the engine's own keys. */
  readonly data: SessionData
  /** What is stored cannot be read: `data` is empty, and must not be saved over it. */
  readonly unreadable?: boolean
}

/**
 * A change of an account: new data, to be saved only if the account still has this version.
 *
 * @example
 * const next = ({ version, data }: AccountChange): Account => ({ version: version + 1, data })
 */
export interface AccountChange extends Pick<Account, 'version' | 'data'> {
  readonly userId: string
}

/**
 * Why a session has no account.
 *
 * - `other-application`: another application signed the user in; the session continues without an account.
 * - `gone`: the account was deleted or disabled; the session is ended.
 * - `unproven`: the session does not prove its user (any more), for example after a new password; the request is
 *   anonymous.
 * - `changing`: unproven since a moment ago. It may be the session in which the new password was chosen, so it is not
 *   replaced by a new one either.
 *
 * @example
 * const reason: NoAccount = 'gone'
 */
export type NoAccount = 'other-application' | 'gone' | 'unproven' | 'changing'

/**
 * Storage of the application for slices that are declared with `account`, usually columns of its users table.
 *
 * @example
 * const rows = new Map<string, Account>()
 * const accounts: AccountStore = {
 *   load: async (userId) => rows.get(userId) ?? 'gone',
 *   save: async ({ userId, version, data }) => {
 *     if (rows.get(userId)?.version !== version) return false
 *     rows.set(userId, { version: version + 1, data })
 *     return true
 *   },
 * }
 */
export interface AccountStore {
  /**
   * Reads an account.
   *
   * @param session data of the session that names this user; undefined at sign-in, where the application has just
   *   checked who it is
   * @throws StoreUnavailableError when the storage does not answer
   */
  load(userId: string, session?: SessionData): Promise<Account | NoAccount>
  /**
   * Replaces what an account keeps and increments its version; returns false, and changes nothing, if the account has
   * another version by now or is gone.
   *
   * @throws StoreUnavailableError when the storage does not answer
   */
  save(change: AccountChange): Promise<boolean>
}

/** A slice of an anonymous session that is merged into the account. */
export interface SessionSlice {
  readonly slice: Slice<unknown>
  readonly stored: Json
  /** What the session had before this request; undefined for nothing. */
  readonly original: Json | undefined
  /** What this request has already merged into the account. */
  readonly base: Json | undefined
}

/** The key of the account's data that lists what was merged already. */
export const MERGED_KEY = '_merged'
const MAX_MERGED = 20

/**
 * Merges slices of a session into the data of an account, each state only once: a sign-in that is sent twice merges
 * once, also if one of the two requests changed the slice first. Pure, because it is replayed on newer data.
 *
 * @param data the account's data, changed in place
 * @param session the session's id
 * @param now milliseconds since 1970
 * @throws SliceNewerError, SessionTooLargeError, TypeError
 */
export function mergeIntoAccount(
  data: SessionData,
  slices: readonly SessionSlice[],
  session: string,
  now: number,
): void {
  const known = data[MERGED_KEY]
  const marks = Array.isArray(known) ? known : []
  for (const { slice, stored, original, base: taken } of slices) {
    const mark = fingerprint(session, slice.name, stored)
    if (marks.includes(mark)) continue
    const before = original === undefined ? mark : fingerprint(session, slice.name, original)
    // The other request has merged the earlier state: only what this one changed is left.
    const base = taken ?? (marks.includes(before) ? original : undefined)
    data[slice.name] = mergeStored({ slice, stored, base }, data[slice.name], now)
    marks.push(...new Set([before, mark]))
  }
  if (marks.length > 0) data[MERGED_KEY] = marks.slice(-MAX_MERGED)
}

function fingerprint(session: string, slice: string, stored: Json): string {
  return createHash('sha256')
    .update(JSON.stringify([session, slice, stored]))
    .digest('base64url')
    .slice(0, 22)
}

/**
 * Merges the slice of a session with that of the account. If only one of them can be read, its stored form is kept.
 *
 * @throws SliceNewerError if there are two and one has a newer version; SessionTooLargeError, TypeError
 */
export function mergeStored(
  { slice, stored: mine, base }: Omit<SessionSlice, 'original'>,
  theirs: Json | undefined,
  now: number,
): Json {
  if (theirs === undefined) return plainJson(mine)
  const [own, other] = [mine, theirs].map((stored) => readSlice(slice, plainJson(stored), now))
  if (own?.state === 'newer-version' || other?.state === 'newer-version') throw new SliceNewerError(slice.name)
  if (own?.state !== 'ok') return theirs
  if (other?.state !== 'ok') return plainJson(mine)
  if (slice.merge === undefined) return theirs
  const origin = base === undefined ? undefined : readSlice(slice, plainJson(base), now)
  const before = origin?.state === 'ok' ? origin.value : slice.default()
  return writeSlice(slice, slice.merge(own.value, other.value, before), now).stored
}

/** Whether two stored forms are equal apart from the time of writing. */
export function sameStored(one: Json | undefined, other: Json | undefined): boolean {
  return JSON.stringify(withoutTime(one)) === JSON.stringify(withoutTime(other))
}

function withoutTime(stored: Json | undefined): Json | undefined {
  return isJsonObject(stored) ? { ...stored, t: 0 } : stored
}
