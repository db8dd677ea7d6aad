import type { Changes } from '../changes.ts'
import type { SessionData } from '../data.ts'
import type { ExpiryPolicy } from '../expiry.ts'
import type { SecurityKind } from '../observe/events.ts'
import type { Outcome, UserSession, Version } from '../stores/store.ts'

/** A live session as it was read or last written. Times are milliseconds since 1970. */
export interface Loaded {
  /** The secret in the cookie; null where the cookie holds the session itself. */
  readonly key: string | null
  readonly data: SessionData
  readonly version: Version
  readonly createdAt: number
  readonly lastActivity: number
  readonly expires: number
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
  readonly changes: Changes
  readonly client: Client
  /** Sign-in starts the absolute clock anew; a mere change of key does not (ASVS 7.3.2). */
  readonly restartClock: boolean
}

/** What became of a commit. */
export type Committed =
  | {
      outcome: 'saved'
      loaded: Loaded
      cookie: string
      replayed: boolean
      /** Keys that did not fit and were declared as those that may go; absent when everything was kept. */
      dropped?: readonly string[]
    }
  /** The session was ended meanwhile; nothing was written. */
  | { outcome: 'ended' }

/** A live session as its owner may see it, but for its `key`: that of a store may be the one in the cookie. */
export interface ListedSession extends UserSession {
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
  /** The clocks that this engine keeps where they are stricter than the application's. */
  readonly expiry?: ExpiryPolicy | undefined
  /** Never adopts what the client sent: a cookie that leads nowhere is anonymous (Django behaviour 6). */
  open(cookie: string): Promise<Opened>
  /** @throws SessionTooLargeError, SessionContendedError */
  commit(commit: Commit): Promise<Committed>
  /** Moves the expiry only; undefined when there was nothing to move or somebody saved meanwhile. */
  touch(loaded: Loaded): Promise<{ loaded: Loaded; cookie: string } | undefined>
  /**
   * Takes over a session of another engine with this request's changes, under the key or the sign-in that `loaded` bears,
   * unless the request changes them; `ended` when that sign-in is.
   *
   * @throws KeyTakenError when it has been taken over already; SessionTooLargeError
   */
  adopt(commit: Commit & { loaded: Loaded }): Promise<Committed>
  /**
   * Forgets a session that another engine has taken over, unless somebody has saved or ended it since it was read.
   *
   * @param grace milliseconds for which requests under way may still find it
   * @param anew whether it was taken over as a sign-in, which the end of all the user's sessions does not reach
   */
  leave(loaded: Loaded, grace?: number, anew?: boolean): Promise<Outcome>
  /**
   * The step that decides a move into a record: puts a mark in the session's place, which leads nobody anywhere, unless
   * somebody has saved or ended it since it was read. A session in a cookie has no place: it only has to be live still.
   */
  claim(loaded: Loaded, mark: string): Promise<Outcome>
  /** The text in place of the session with this key, to be compared with a mark; undefined where there is none. */
  claimed(key: string): Promise<string | undefined>
  /** Ends the session at once, whatever other requests still hold it. */
  end(loaded: Loaded): Promise<void>
  /**
   * Ends every session of the user but the one with the key `except`, and answers how many, where that can be told. A
   * session that the cookie alone holds has no key: whoever ends the others signs it in anew.
   *
   * @throws NotSupportedError where the engine cannot tell whose sessions it keeps
   */
  endUser(userId: string, except?: string | null): Promise<number | undefined>
  /**
   * The live sessions of a user, as far as they can be told.
   *
   * @param current the key of the session that asks, so that it is marked
   */
  listUser(userId: string, current?: string | null): Promise<UserSessions>
  /**
   * Ends one session at once; false where no live session of this very user is listed so.
   *
   * @param id the session's `key` in the list
   */
  endOne(userId: string, id: string): Promise<boolean>
}

/** Where a session keeps its user's id, as Django does; stores copy it to a column of its own. */
export const USER_KEY = '_auth_user_id'

/** The signed-in user's id, or null for an anonymous session. */
export function userIdOf(data: SessionData): string | null {
  const id = data[USER_KEY]
  return typeof id === 'string' && id !== '' ? id : null
}
