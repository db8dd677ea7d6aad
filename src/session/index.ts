/** The public face of the session engine. Stores, codecs and engines that need packages are imported by their own path. */
export type { Account, AccountChange, AccountStore, NoAccount } from './account.ts'
export type { Codec } from './codec/codec.ts'
export { asData } from './codec/serializer.ts'
export type { Json, SessionData } from './core/data.ts'
export {
  SessionContendedError,
  SessionEndedError,
  SessionTooLargeError,
  SliceNewerError,
  StoreUnavailableError,
} from './core/errors.ts'
export type { Observer, SessionEvent } from './core/events.ts'
export type { ExpiryPolicy } from './core/expiry.ts'
export { USER_KEY } from './core/user.ts'
export type { Client, Engine, ListedSession, Loaded, UserSessions } from './engines/engine.ts'
export { StoredEngine } from './engines/stored.ts'
export type { CookieSettings } from './http/cookie.ts'
export { type DetachedSession, openSession } from './http/detached.ts'
export type { Explanation } from './http/explanation.ts'
export { type OpenOptions, type SessionsOptions, sessions } from './http/middleware.ts'
export { OpenedSession, type SessionSettings } from './http/opened-session.ts'
export { Session } from './session.ts'
export { type SignInOptions, signIn, signOut } from './sign-in.ts'
export { defineSlice, type Schema, type Slice, type SliceDefinition } from './slice.ts'
