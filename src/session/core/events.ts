/**
 * Something to log, count or alert on. Never contains a key, data or a cookie.
 *
 * @example
 * const isConflict = (event: SessionEvent) => event.type === 'conflict'
 */
export type SessionEvent =
  | { type: 'security'; kind: SecurityKind; detail?: string }
  /** Another request saved first; this request's changes are replayed. */
  | { type: 'conflict'; attempt: number }
  /** A change of a session that had ended was refused with 409. */
  | { type: 'ended' }
  /**
   * Stored data did not fit the slice, so the handler got its default. `not-merged`: the slice could not be merged into
   * the account, so the session still has it.
   */
  | { type: 'slice'; slice: string; problem: 'invalid' | 'newer-version' | 'not-merged'; detail: string }
  /** The stored data of an account cannot be read: slices have their defaults and are not written until it is repaired. */
  | { type: 'account-unreadable'; userId: string }
  /** More than 80 % of a budget is used; `slice` is null for the whole session. */
  | { type: 'budget'; slice: string | null; bytes: number; limit: number }
  /**
   * The application limits the number of sessions: `nearly` at 80 % of the limit, `exceeded` when new ones are refused or
   * old ones are ended. `address`: new anonymous sessions of one address; `user`: sessions of one user.
   */
  | { type: 'session-limit'; of: 'address' | 'user'; state: 'nearly' | 'exceeded'; limit: number }
  /** Access to the cache in front of a database; `failed` and `write-failed`: it did not answer. */
  | { type: 'cache'; outcome: 'hit' | 'miss' | 'filled' | 'stale' | 'failed' | 'written' | 'write-failed' }
  /** A read was served by the database because the cache is down. */
  | { type: 'fallback' }
  /** A server of the cache failed several times in a row: no request uses it until it answers again. */
  | { type: 'cache-down' }
  /** All servers of the cache answer again. */
  | { type: 'cache-up' }
  /**
   * This process ended the epoch of all copies (`unconfirmed`: the cache did not confirm a change; `another cache`: the
   * copies are in another cache than its own; `unreachable`: with write_behind, the cache did not answer for a while), or
   * began one. In between no process uses copies.
   */
  | { type: 'copies'; state: 'ended'; reason: 'unconfirmed' | 'another cache' | 'unreachable' }
  | { type: 'copies'; state: 'begun' }
  /** Number of sessions whose last change is not in the database yet (write_behind). */
  | { type: 'write-behind'; waiting: number }
  /** A change that was only in the cache is lost (write_behind): the session was saved without it meanwhile. */
  | { type: 'write-behind-lost' }
  /** A session exceeded its cookie, and these keys were dropped, as configured. */
  | { type: 'overflow'; dropped: readonly string[]; bytes: number; limit: number }
  /** The encoded size of a session that is written, or that of its cookie value. */
  | { type: 'size'; bytes: number }
  /** A save succeeded after its changes were replayed on newer data. */
  | { type: 'replayed' }
  /** Another request had changed these keys as well; the later change replaced its values. */
  | { type: 'overwritten'; keys: readonly string[] }
  /** A late request used the key from before a change of key. */
  | { type: 'forward' }
  | { type: 'operation'; operation: Operation; outcome: string; milliseconds: number }

/**
 * Why a cookie led to no session. An unknown key is common: it may just have expired. A revoked cookie is a copy that
 * was kept, or that of another browser of a user who ended all sessions.
 *
 * @example
 * const kinds: SecurityKind[] = ['duplicate-cookie', 'revoked']
 */
export type SecurityKind = 'duplicate-cookie' | 'malformed-cookie' | 'unknown-key' | 'undecodable' | 'revoked'

/** An operation on a store; `cycle` replaces or deletes the old record when the key changes. */
export type Operation = 'load' | 'create' | 'save' | 'touch' | 'delete' | 'cycle'

/**
 * Receives every event. Called while a request is handled, so it must not throw and should be fast.
 *
 * @example
 * const observe: Observer = (event) => {
 *   if (event.type === 'security') console.warn(event.kind)
 * }
 */
export type Observer = (event: SessionEvent) => void
