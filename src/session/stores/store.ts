import { derivedSessionId } from '../core/key.ts'
import type { Outcome } from '../core/outcome.ts'

/**
 * Which state of a record somebody read. Opaque: a counter where the store keeps one, the stored
 * text itself where it can not (Django's table has no such column).
 */
export type Version = string | number

/** What a store keeps of one session. Times are milliseconds since 1970. */
export interface SessionRecord {
  /** The encoded session data; a store never looks inside. */
  data: string
  /** The record is live while `expires` lies after now: at this very instant it is gone. */
  expires: number
  createdAt: number
  lastActivity: number
  userId: string | null
  /**
   * The public id of the session, which stays when the key changes. Null where an older version wrote the record, or the
   * layout has no place for it: see {@link sessionIdOf}. Empty for a forward, which is no session and counts nowhere.
   */
  sessionId: string | null
  ipAddress: string | null
  userAgent: string | null
  /** Columns of the application's own, taken from the data at each save. */
  extra?: Readonly<Record<string, string | number | null>>
}

/** A record as it was loaded, with the version to save over. */
export interface StoredRecord extends SessionRecord {
  version: Version
}

/** `missing`: the record was ended or has expired. `conflict`: somebody saved first. Neither wrote anything. */
export type SaveOutcome = { outcome: 'saved'; version: Version } | { outcome: 'conflict' } | { outcome: 'missing' }

/** What a store cannot do; the message says why in one sentence. */
export class NotSupportedError extends Error {
  override readonly name = 'NotSupportedError'
}

/**
 * Keyed storage of session records. It knows no HTTP and no Koa; keys are whatever the codec's
 * `storeKey` made, and the data are text.
 *
 * Every method throws StoreUnavailableError when the storage cannot answer, and never reports that as
 * missing: an outage must not log anybody out. In every method the comparison and the write are one
 * atomic step.
 */
export interface SessionStore {
  readonly name: string
  /** The live record, or undefined: absent and expired look the same. */
  load(key: string): Promise<StoredRecord | undefined>
  /** @throws KeyTakenError when a record has this key, live or expired. */
  create(key: string, record: SessionRecord): Promise<Version>
  /** Writes over exactly the version that was read. Never an upsert. */
  save(key: string, version: Version, record: SessionRecord): Promise<SaveOutcome>
  /** Moves the expiry of a live record whose data are still as read; the version stays. */
  touch(key: string, version: Version, times: { expires: number; lastActivity: number }): Promise<Outcome>
  /** Deletes, whatever is there. With a version: only if the live record is still as read. */
  delete(key: string, version?: Version): Promise<Outcome>
  close?(): Promise<void>
}

/** Which records `clear` deletes. Times are milliseconds since 1970. */
export type ClearWhich =
  | { kind: 'expired'; before: number }
  | { kind: 'created'; before: number }
  | { kind: 'inactive'; before: number }
  | { kind: 'user'; userId: string }
  /** The user of the record is in the table no more. */
  | { kind: 'orphaned' }

/** A store that can find and delete records by their state. Throws NotSupportedError for a kind it cannot tell. */
export interface ClearableStore {
  countClearable(which: ClearWhich): Promise<number>
  /**
   * Deletes at most `limit` records and answers how many; 0 means there are none left.
   *
   * @param onCleared told the keys, for whoever keeps copies of the records
   */
  clearBatch(which: ClearWhich, limit: number, onCleared?: (keys: readonly string[]) => void): Promise<number>
}

/** One live session of a user. */
export interface UserSession {
  /** The name of its record. */
  key: string
  /** Its public id. */
  id: string
  createdAt: number
  lastActivity: number
  expires: number
  ipAddress: string | null
  userAgent: string | null
}

/** A store that knows whose sessions it keeps. */
export interface UserSessionStore {
  listByUser(userId: string): Promise<UserSession[]>
  /**
   * Deletes the records of the user's sessions, and returns how many. A session that changes its key meanwhile may have
   * another record afterwards: repeat until {@link listByUser} finds none.
   *
   * @param exceptId the public id of the session to spare
   */
  endByUser(userId: string, exceptId?: string): Promise<number>
}

/** A store's content in figures; bytes are those of the encoded data. */
export interface StoreStatistics {
  total: number
  live: number
  expired: number
  authenticated: number
  /** Live sessions by age since creation. */
  ages: { underDay: number; underWeek: number; overWeek: number }
  largest: { bytes: number; userId: string | null; createdAt: number; lastActivity: number }[]
}

/** A store that can describe its whole content. */
export interface StatisticsStore {
  statistics(): Promise<StoreStatistics>
}

/** Which sessions are worth having at hand. */
export interface RecentWhich {
  /** Milliseconds since 1970. */
  readonly activeSince: number
  /** Only those of a signed-in user. */
  readonly authenticated?: boolean
}

/** A store that can name the sessions that were active lately, the latest first. */
export interface RecentStore {
  recentKeys(which: RecentWhich, limit: number): Promise<string[]>
}

/** Whether the store can find and delete records by their state. */
export function canClear(store: SessionStore): store is SessionStore & ClearableStore {
  return 'clearBatch' in store
}

/** Whether the store may know whose sessions it keeps; a table without that column still throws NotSupportedError. */
export function knowsUsers(store: SessionStore): store is SessionStore & UserSessionStore {
  return 'endByUser' in store
}

/** Whether the store can describe its content. */
export function hasStatistics(store: SessionStore): store is SessionStore & StatisticsStore {
  return 'statistics' in store
}

/** Whether the store can name what was active lately. */
export function knowsRecent(store: SessionStore): store is SessionStore & RecentStore {
  return 'recentKeys' in store
}

/** The public id of the session whose record has this key; empty for a forward. */
export function sessionIdOf(key: string, record: Pick<SessionRecord, 'sessionId'>): string {
  return record.sessionId ?? derivedSessionId(key)
}

/** Whether the record only leads to the session's next key: it is in no list, statistic or warming. */
export function isForward(record: Pick<SessionRecord, 'sessionId'>): boolean {
  return record.sessionId === ''
}
