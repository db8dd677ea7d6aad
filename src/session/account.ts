import { createHash } from 'node:crypto'
import { isJsonObject, type Json, plainJson, type SessionData } from './core/data.ts'
import { SliceNewerError } from './core/errors.ts'
import { readSlice, type Slice, writeSlice } from './slice.ts'

/** What an account keeps for all sessions of its user, as it was read. */
export interface Account {
  /** Every save raises it by one. */
  readonly version: number
  /** Slices in their stored form, by name, and what the engine remembers beside them. */
  readonly data: SessionData
  /** What is stored cannot be read: `data` is empty, and must not take its place. */
  readonly unreadable?: boolean
}

/** What an account is to keep instead of what it kept at this version. */
export interface AccountChange extends Pick<Account, 'version' | 'data'> {
  readonly userId: string
}

/**
 * Why a session has no account: `foreign` where another application has signed it in, so that it goes on without one;
 * `gone` where there is no such account, or it is disabled: its sessions are ended; `unproven` where the session does not
 * prove its user (any more): whoever has it is anonymous; `changing` where that is so since a moment ago, as while a new
 * password is on its way to the session in which it was chosen: until then that one is not to be replaced either.
 */
export type NoAccount = 'foreign' | 'gone' | 'unproven' | 'changing'

/** Where accounts keep the slices that are declared with `account`: a table of the application's. */
export interface AccountStore {
  /**
   * Reads an account.
   *
   * @param session the data of the session that names this user; none at sign-in, where the application knows who it is
   * @throws StoreUnavailableError
   */
  load(userId: string, session?: SessionData): Promise<Account | NoAccount>
  /**
   * Replaces what an account keeps and raises its version; returns false, and changes nothing, where the account has
   * another version by now or is gone.
   *
   * @throws StoreUnavailableError
   */
  save(change: AccountChange): Promise<boolean>
}

/** A slice that a session has kept itself, on its way into the account. */
export interface Brought {
  readonly slice: Slice<unknown>
  readonly stored: Json
  /** What the session had before this request; undefined for nothing. */
  readonly original: Json | undefined
  /** What the account has taken over from this session before. */
  readonly base: Json | undefined
}

/** Where the account's data remember which sessions they have taken over. */
export const MERGED_KEY = '_merged'
const MAX_MERGED = 20

/**
 * Takes over what a session brings, as far as that was not done before: a sign-in which is sent twice merges it once, also
 * where one of the two requests has changed it first. Pure, as it is replayed on newer data.
 *
 * @param session names it
 * @param now milliseconds since 1970
 * @throws SliceNewerError, SessionTooLargeError, TypeError
 */
export function takeOver(data: SessionData, brought: readonly Brought[], session: string, now: number): void {
  const known = data[MERGED_KEY]
  const marks = Array.isArray(known) ? known : []
  for (const { slice, stored, original, base: taken } of brought) {
    const mark = fingerprint(session, slice.name, stored)
    if (marks.includes(mark)) continue
    const before = original === undefined ? mark : fingerprint(session, slice.name, original)
    // The other request has brought what was there before: only what this one has changed is left.
    const base = taken ?? (marks.includes(before) ? original : undefined)
    data[slice.name] = joined({ slice, stored, base }, data[slice.name], now)
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
 * The account's slice with that of a session. Where only one of them can be read, it stays as it is stored.
 *
 * @throws SliceNewerError where there are two, and one is of a newer version; SessionTooLargeError, TypeError
 */
export function joined(
  { slice, stored: mine, base }: Omit<Brought, 'original'>,
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

/** Whether two stored forms are the same but for when they were written. */
export function sameStored(one: Json | undefined, other: Json | undefined): boolean {
  return JSON.stringify(withoutTime(one)) === JSON.stringify(withoutTime(other))
}

function withoutTime(stored: Json | undefined): Json | undefined {
  return isJsonObject(stored) ? { ...stored, t: 0 } : stored
}
