/** The public face of the session engine. Stores, codecs and engines that need packages are imported by their own path. */
export type { Account, AccountChange, AccountStore, NoAccount } from './account.ts'
export type { Codec } from './codec/codec.ts'
export { asData } from './codec/serializer.ts'
export type { CookieSettings } from './cookie.ts'
export type { Json, SessionData } from './data.ts'
export { type DetachedSession, openSession } from './detached.ts'
export type { Client, Engine, ListedSession, Loaded, UserSessions } from './engines/engine.ts'
export { USER_KEY } from './engines/engine.ts'
export { StoredEngine } from './engines/stored.ts'
export {
  SessionContendedError,
  SessionEndedError,
  SessionTooLargeError,
  SliceNewerError,
  StoreUnavailableError,
} from './errors.ts'
export type { ExpiryPolicy } from './expiry.ts'
export { type OpenOptions, type SessionsOptions, sessions } from './middleware.ts'
export type { Observer, SessionEvent } from './observe/events.ts'
export type { Explanation } from './observe/explanation.ts'
export { OpenedSession, type SessionSettings } from './opened-session.ts'
export { Session } from './session.ts'
export { type SignInOptions, signIn, signOut } from './sign-in.ts'
export { defineSlice, type Schema, type Slice, type SliceDefinition } from './slice.ts'
