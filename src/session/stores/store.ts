import { randomBytes, randomInt } from 'node:crypto'
import { derivedSessionId } from '../core/key.ts'
import type { Outcome } from '../core/outcome.ts'

/**
 * The version of a record that was read. Opaque: a counter, random text, or the stored text itself (Django's table has no
 * column for a version).
 */
export type Version = string | number

/** The record of a session in a store. Times are milliseconds since 1970. */
export interface SessionRecord {
  /** The encoded session data, opaque to the store. */
  data: string
  /** The record is live while `expires` is later than now. */
  expires: number
  createdAt: number
  lastActivity: number
  userId: string | null
  /**
   * The public id of the session, which stays the same when the key changes. Null if an older version wrote the record or
   * the format cannot store it: see {@link sessionIdOf}. Empty for a forward, which is not a session.
   */
  sessionId: string | null
  ipAddress: string | null
  userAgent: string | null
  /** Custom columns, computed from the data at each save. */
  extra?: Readonly<Record<string, string | number | null>>
}

/** A loaded record with its version. */
export interface StoredRecord extends SessionRecord {
  version: Version
}

/**
 * The record with this version.
 *
 * Written out: in Node 20, V8 makes a new hidden class for each object that is spread and gets another property. That
 * takes longer than the encoding of a record, and stays in memory until the next full garbage collection.
 */
export function withVersion<V extends Version>(record: SessionRecord, version: V): StoredRecord & { version: V } {
  const { data, expires, createdAt, lastActivity, userId, sessionId, ipAddress, userAgent, extra } = record
  const stored: StoredRecord & { version: V } = {
    data,
    version,
    expires,
    createdAt,
    lastActivity,
    userId,
    sessionId,
    ipAddress,
    userAgent,
  }
  if (extra !== undefined) stored.extra = extra
  return stored
}

/** The result of a save. `missing`: the record was ended or has expired; `conflict`: another request saved first. */
export type SaveOutcome = { outcome: 'saved'; version: Version } | { outcome: 'conflict' } | { outcome: 'missing' }

/**
 * An operation that the storage does not support; the message says why.
 *
 * @example
 * const isUnsupported = (error: unknown) => error instanceof NotSupportedError
 */
export class NotSupportedError extends Error {
  override readonly name = 'NotSupportedError'
}

/**
 * Storage of session records under keys made by the codec's `storeKey`.
 *
 * Every method throws StoreUnavailableError when the storage does not answer, and never reports that as missing: an
 * outage must not sign users out. Comparison and write are one atomic step.
 *
 * @example
 * const store: SessionStore = new MemoryStore()
 * const record = await store.load('key')
 */
export interface SessionStore {
  readonly name: string
  /** Returns the live record; undefined if it is missing or expired. */
  load(key: string): Promise<StoredRecord | undefined>
  /** Creates a record. @throws KeyTakenError if a record has this key, live or expired */
  create(key: string, record: SessionRecord): Promise<Version>
  /** Saves over the version that was read. Never an upsert. */
  save(key: string, version: Version, record: SessionRecord): Promise<SaveOutcome>
  /** Moves the expiry of a live record with this version; the version stays the same. Times are ms since 1970. */
  touch(key: string, version: Version, times: { expires: number; lastActivity: number }): Promise<Outcome>
  /** Deletes the record; with a version, only a live record with that version. */
  delete(key: string, version?: Version): Promise<Outcome>
  close?(): Promise<void>
}

/** Which copies of a store's records are valid: see CopyEpoch. */
export interface EpochRow {
  /** A part of the copies' names, 1 to 32 characters that a cache's key may have; empty if nothing was ever copied. Never repeats. */
  readonly epoch: string
  /** The identity of the cache that has them; empty if none may be used. At most 32 characters. */
  readonly server: string
}

/** One row that all processes share. Every method throws StoreUnavailableError when the storage does not answer. */
export interface EpochStore {
  readEpoch(): Promise<EpochRow>
  /** Compare and set: changes the row if it still has the epoch `from`; returns whether it did. */
  changeEpoch(from: string, row: EpochRow): Promise<boolean>
}

/** A new epoch. Not a counter: the copies of later epochs must not come back with a restored database. */
export function newEpoch(): string {
  return randomBytes(9).toString('base64url')
}

/** A state of a record that was made from some older states of it. */
export interface Descendant {
  /** The versions that it may replace. */
  readonly from: readonly number[]
  /** Its version, chosen by the writer: see {@link newVersion}. */
  readonly version: number
  readonly record: SessionRecord
}

/** A store whose records may have copies in a cache. */
export interface CopiedStore extends SessionStore {
  readonly epochs: EpochStore
  /**
   * Saves over one of the versions that the record descends from, while the row of the epoch names `epoch`, in one atomic
   * step. A record that has the version already counts as saved.
   *
   * @param options.live whether only a live record may be replaced; otherwise also one that expired after the change was
   *   accepted
   */
  saveOver(key: string, to: Descendant, epoch: string, options: { readonly live: boolean }): Promise<Outcome>
}

const MIN_CHOSEN_VERSION = 2 ** 30

/**
 * A version for {@link CopiedStore.saveOver}: random, so that two states that were made from one never share it, and above
 * those that a database counts up from 1. Columns have 31 bits; the sign bit and some room to count on stay free.
 */
export function newVersion(): number {
  return MIN_CHOSEN_VERSION + randomInt(MIN_CHOSEN_VERSION - 2 ** 24)
}

/** The records that a clear deletes. Times are milliseconds since 1970. */
export type ClearWhich =
  | { kind: 'expired'; before: number }
  | { kind: 'created'; before: number }
  | { kind: 'inactive'; before: number }
  | { kind: 'user'; userId: string }
  /** Records whose user is no longer in the users table. */
  | { kind: 'orphaned' }

/** A store that can find and delete records by their state. Throws NotSupportedError for an unsupported kind. */
export interface ClearableStore {
  /** Set if it finds sessions of users only. */
  readonly clearsUsersOnly?: boolean
  countClearable(which: ClearWhich): Promise<number>
  /**
   * Deletes at most `limit` records; returns how many, 0 if none are left.
   *
   * @param prepare called with the keys before any is deleted, for caches with copies; only a {@link CopiedStore} does
   */
  clearBatch(which: ClearWhich, limit: number, prepare?: (keys: readonly string[]) => Promise<void>): Promise<number>
}

/** One live session of a user. */
export interface UserSession {
  /** The key of its record. */
  key: string
  /** Its public id. */
  id: string
  createdAt: number
  lastActivity: number
  expires: number
  ipAddress: string | null
  userAgent: string | null
}

/** A store that knows the users of its sessions. */
export interface UserSessionStore {
  listByUser(userId: string): Promise<UserSession[]>
  /**
   * Deletes the records of the user's sessions; returns how many. A session whose key changes meanwhile may have another
   * record afterwards: repeat until {@link listByUser} finds none.
   *
   * @param exceptId the public id of a session to keep; none by default
   */
  endByUser(userId: string, exceptId?: string): Promise<number>
}

/** Statistics of a store; bytes are of the encoded data. */
export interface StoreStatistics {
  total: number
  live: number
  expired: number
  authenticated: number
  /** Live sessions by age since creation. */
  ages: { underDay: number; underWeek: number; overWeek: number }
  largest: { bytes: number; userId: string | null; createdAt: number; lastActivity: number }[]
  /** Live sessions whose data begin with the given text; absent if none is given. */
  beginning?: number
}

/** A store with statistics. */
export interface StatisticsStore {
  /** Set if every record is read from a server: too much for a page that counts again and again. */
  readonly countsByReading?: boolean
  /** @param prefix at most 16 characters of encoded data, to count those that begin with it */
  statistics(prefix?: string): Promise<StoreStatistics>
}

/** The recently active sessions to load into a cache. */
export interface RecentWhich {
  /** Milliseconds since 1970. */
  readonly activeSince: number
  /** Only sessions of signed-in users; false by default. */
  readonly authenticated?: boolean
  /** Max bytes of the encoded data; all sizes by default. */
  readonly maxBytes?: number | undefined
}

/** The sessions to copy from a database into its cache. */
export interface WarmWhich extends RecentWhich {
  /** Returns whether to copy this session, which is read first; all by default. Its data are encoded. */
  readonly where?: (record: StoredRecord) => boolean
}

/** A store that can list the keys of recently active sessions, latest first. */
export interface RecentStore {
  recentKeys(which: RecentWhich, limit: number): Promise<string[]>
}

/** Whether the store can find and delete records by their state. */
export function canClear(store: SessionStore): store is SessionStore & ClearableStore {
  return 'clearBatch' in store
}

/** Whether the store may know its users; a table without that column still throws NotSupportedError. */
export function knowsUsers(store: SessionStore): store is SessionStore & UserSessionStore {
  return 'endByUser' in store
}

/** Whether the store has statistics. */
export function hasStatistics(store: SessionStore): store is SessionStore & StatisticsStore {
  return 'statistics' in store
}

/** Whether the store can list recently active sessions. */
export function knowsRecent(store: SessionStore): store is SessionStore & RecentStore {
  return 'recentKeys' in store
}

/** The public id of the session whose record has this key; empty for a forward. */
export function sessionIdOf(key: string, record: Pick<SessionRecord, 'sessionId'>): string {
  return record.sessionId ?? derivedSessionId(key)
}

/** Whether the record is a forward to the session's next key, which is left out of lists and statistics. */
export function isForward(record: Pick<SessionRecord, 'sessionId'>): boolean {
  return record.sessionId === ''
}
