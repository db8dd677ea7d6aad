import type { ExpiryPolicy } from './core/expiry.ts'
import type { Ended, Loaded } from './engines/engine.ts'
import type { SessionAccountContext } from './session-account.ts'

/**
 * Why the cookie of a request led to no session. A store forgets sessions that expire or end, so most are `unknown`.
 *
 * - `expired`: too old; only cookies that hold the session itself tell this.
 * - `revoked`: signed out with another copy of the cookie, or on another device.
 * - `unproven`: it does not prove its user any more, for example after a new password.
 * - `gone`: the account was deleted or disabled.
 * - `unknown`: any of these, or a cookie that never led to a session.
 *
 * @example
 * const isOwnDoing = (lost: LostSession) => lost === 'revoked' || lost === 'unproven'
 */
export type LostSession = 'expired' | 'revoked' | 'unproven' | 'gone' | 'unknown'

/** What an open session uses of its request or connection. */
export interface SessionContext extends SessionAccountContext {
  readonly expiry: ExpiryPolicy
  /** Whether every change needs a new cookie, because the cookie holds the data. */
  readonly cookieHoldsData: boolean
  /** Whether a cookie can still be sent. */
  readonly canSendCookie: () => boolean
  /** Saves the changes. */
  readonly save: () => Promise<void>
  readonly end: (loaded: Loaded) => Promise<Ended>
  /** Why the cookie of the request led to no session. */
  readonly lost?: LostSession | undefined
  /** The session of the request's cookie, if it cannot be decoded: it can only be ended. */
  readonly unread?: Loaded | undefined
}
