import type { SessionData } from '../core/data.ts'
import type { SecurityKind } from '../core/events.ts'
import type { ExpiryPolicy } from '../core/expiry.ts'
import type { Operations } from '../core/operations.ts'
import type { UserSession, Version } from '../stores/store.ts'

/** A live session as it was read or last written. Times are milliseconds since 1970. */
export interface Loaded {
  /**
   * The public id, which names the session to its owner and opens nothing: changes of key and sign-ins leave it as it is.
   * Null where a cookie alone holds an anonymous session.
   */
  readonly id: string | null
  /** The secret in the cookie; null where the cookie holds the session itself. */
  readonly key: string | null
  readonly data: SessionData
  readonly version: Version
  readonly createdAt: number
  readonly lastActivity: number
  readonly expires: number
  /** Read under a key that was changed since: the data are those from before, and the answer gets no cookie. */
  readonly forwarded?: true
}

/** Where a cookie led. `suspicion` is for the operator; a visitor is simply anonymous. */
export type Opened = { live: true; loaded: Loaded } | { live: false; suspicion?: SecurityKind; detail?: string }

/** Who is asking, written beside the session for its owner to recognise. */
export interface Client {
  readonly ipAddress: string | null
  readonly userAgent: string | null
}

/** What settle decided to write. */
export interface Commit {
  readonly write: 'create' | 'save' | 'cycle'
  /** What the request loaded; undefined when it starts a session. */
  readonly loaded: Loaded | undefined
  /** The data as this request left them: right unless somebody else has saved since they were loaded. */
  readonly data: SessionData
  /** For when somebody has. */
  readonly changes: Operations
  readonly client: Client
  /** Sign-in starts the absolute clock anew; a mere change of key does not (ASVS 7.3.2). */
  readonly restartClock: boolean
  /** The public id for a session that begins, where the caller has named it already; drawn by default. */
  readonly id?: string | undefined
}

/** What became of a commit. */
export type Committed =
  | {
      outcome: 'saved'
      loaded: Loaded
      /** Undefined to send none: the browser has, or is about to get, a newer one. */
      cookie: string | undefined
      replayed: boolean
      /** Keys that did not fit and were declared as those that may go; absent when everything was kept. */
      dropped?: readonly string[]
    }
  /** The session was ended meanwhile; nothing was written. */
  | { outcome: 'ended' }

/** What became of an ending. */
export type Ended =
  /**
   * It is over, or was before. `last`: what it held in the end under this key, where that is known to be newer than what was
   * loaded.
   */
  | { outcome: 'ended'; last?: SessionData }
  /** The key is that of a session that somebody has signed in to or out of since: that one goes on. */
  | { outcome: 'foreign' }

/** A live session as its owner may see it. */
export interface ListedSession extends Omit<UserSession, 'key'> {
  /** Whether it is the one that asks. */
  readonly current: boolean
}

/** What an engine can tell of a user's sessions. */
export interface UserSessions {
  readonly listed: readonly ListedSession[]
  /** Whether these are all there are: what a cookie alone holds is never listed. */
  readonly complete: boolean
  /** Whether {@link Engine.endUser} can end them, listed or not. */
  readonly endable: boolean
}

/**
 * What the middleware talks to: cookie text in, session out, and back.
 *
 * Every method throws StoreUnavailableError when the storage cannot answer.
 */
export interface Engine {
  readonly name: string
  /** The cookie holds the session itself, so that every change needs a new one. */
  readonly cookieHoldsData?: boolean
  /** A cookie goes out with every save, as in Django, so that the browser's clock slides with the server's. */
  readonly refreshesCookie?: boolean
  /** The clocks that this engine keeps where they are stricter than the application's. */
  readonly expiry?: ExpiryPolicy | undefined
  /** Never adopts what the client sent: a cookie that leads nowhere is anonymous. */
  open(cookie: string): Promise<Opened>
  /** @throws SessionTooLargeError, SessionContendedError */
  commit(commit: Commit): Promise<Committed>
  /** Moves the expiry only; undefined when there was nothing to move or somebody saved meanwhile. */
  touch(loaded: Loaded): Promise<{ loaded: Loaded; cookie: string | undefined } | undefined>
  /**
   * Ends the session at once, whatever other requests still hold it, and under whatever key it goes on meanwhile, but not
   * where that is another user's by then.
   *
   * @throws SessionContendedError when it could not be ended because it changed all the time
   */
  end(loaded: Loaded): Promise<Ended>
  /**
   * Ends every session of the user but the one with this public id, and returns how many, where that can be told.
   *
   * @throws NotSupportedError where the engine cannot tell whose sessions it keeps; SessionContendedError
   */
  endUser(userId: string, exceptId?: string | null): Promise<number | undefined>
  /**
   * The live sessions of a user, as far as they can be told.
   *
   * @param currentId the public id of the session that asks, so that it is marked
   */
  listUser(userId: string, currentId?: string | null): Promise<UserSessions>
  /**
   * Ends one session at once, also while it changes its key; false where no live session of this very user has this
   * public id.
   *
   * @throws SessionContendedError
   */
  endOne(userId: string, id: string): Promise<boolean>
}
