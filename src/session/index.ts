/** The public API of the session engine. Stores, codecs and engines that need packages are imported by their path. */
export type { Account, AccountChange, AccountStore, NoAccount } from './account.ts'
export type { Codec } from './codec/codec.ts'
export { asData } from './codec/serializer.ts'
export type { Json, SessionData } from './core/data.ts'
export {
  AccountUnreadableError,
  SessionContendedError,
  SessionEndedError,
  SessionTooLargeError,
  SliceNewerError,
  StoreUnavailableError,
  ValueNotKeptError,
} from './core/errors.ts'
export type { Observer, SecurityKind, SessionEvent } from './core/events.ts'
export type { ExpiryPolicy } from './core/expiry.ts'
export { USER_KEY, userIdOf } from './core/user.ts'
export type { Client, Ended, Engine, ListedSession, Loaded, UserSessions } from './engines/engine.ts'
export { StoredEngine } from './engines/stored.ts'
export { type CookieSettings, cookieValues } from './http/cookie.ts'
export { type CookieTier, type CookieTiersOptions, cookieTiers, type TierDefinition } from './http/cookie-tiers.ts'
export { type DetachedSession, openSession } from './http/detached.ts'
export type { Explanation } from './http/explanation.ts'
export { type OpenOptions, type SessionsOptions, sessions } from './http/middleware.ts'
export { type Found, openCookies } from './http/open-cookies.ts'
export { OpenedSession } from './http/opened-session.ts'
export type { NewSession, SessionSettings, SessionTransport } from './http/session-settings.ts'
export type { Decision } from './http/settle.ts'
export type { WriteAccount } from './opened-account.ts'
export { Session } from './session.ts'
export type { LostSession } from './session-context.ts'
export type { SessionState } from './session-state.ts'
export { type SignInOptions, signIn, signOut } from './sign-in.ts'
export { defineSlice, type Schema, type Slice, type SliceDefinition } from './slice.ts'
export { NotSupportedError, type SessionStore } from './stores/store.ts'
