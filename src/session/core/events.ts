/** Something an operator may want to log, count or be warned of. Never holds a key, data or a cookie. */
export type SessionEvent =
  | { type: 'security'; kind: SecurityKind; detail?: string }
  /** Somebody saved first; this request's changes are replayed. */
  | { type: 'conflict'; attempt: number }
  /** A change arrived for a session that had ended: refused with 409. */
  | { type: 'ended' }
  /**
   * Stored data did not fit the slice, so the handler got its default; `not-merged`: the account could not take the slice
   * over, so the session still has it.
   */
  | { type: 'slice'; slice: string; problem: 'invalid' | 'newer-version' | 'not-merged'; detail: string }
  /** What this account keeps could not be read: it shows as defaults, and is not written, until it is repaired. */
  | { type: 'account-unreadable'; userId: string }
  /** Over 80 % of a budget is used. */
  | { type: 'budget'; slice: string | null; bytes: number; limit: number }
  /** What the cache in front of a database did for a request; `failed` and `write-failed`: it did not answer. */
  | { type: 'cache'; outcome: 'hit' | 'miss' | 'filled' | 'stale' | 'failed' | 'written' | 'write-failed' }
  /** A read was served by the database because the cache is down. */
  | { type: 'fallback' }
  /** The cache has failed several times in a row: no request asks it until it answers again. */
  | { type: 'cache-down' }
  /** The cache that was down answers again. */
  | { type: 'cache-up' }
  /** Sessions of which the cache knows more than the database (write_behind). */
  | { type: 'write-behind'; waiting: number }
  /** A session outgrew its cookie, and these keys were dropped, as its settings allow. */
  | { type: 'overflow'; dropped: readonly string[]; bytes: number; limit: number }
  /** A session is about to be written: its size as encoded, or as cookie value where the cookie holds it. */
  | { type: 'size'; bytes: number }
  /** A save went through after its changes were applied to a state newer than the request had read. */
  | { type: 'replayed' }
  /** Another request had changed the values of these keys as well; the later change took their place. */
  | { type: 'overwritten'; keys: readonly string[] }
  /** A late request came with the key from before a change of key. */
  | { type: 'forward' }
  | { type: 'operation'; operation: Operation; outcome: string; milliseconds: number }

/**
 * Why a cookie led to no session. An unknown key is everyday: it may just have expired. A revoked cookie is one that
 * somebody kept, or another browser of a user who ended all sessions.
 */
export type SecurityKind = 'duplicate-cookie' | 'malformed-cookie' | 'unknown-key' | 'undecodable' | 'revoked'

/** What an engine asks of its store; a cycle is what becomes of the old record when the key changes. */
export type Operation = 'load' | 'create' | 'save' | 'touch' | 'delete' | 'cycle'

/** Receives every event; must not throw, and is called on the request's path, so it should be quick. */
export type Observer = (event: SessionEvent) => void
