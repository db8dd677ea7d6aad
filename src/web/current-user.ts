import type { Context } from 'koa'
import { SavedSlices } from '../saved-slices.ts'
import type { Services } from '../services.ts'
import { carriedSlices, type Session, signIn, signOut } from '../session/index.ts'
import type { User } from '../users.ts'
import { wantsJson } from './input.ts'

// As Django names it: the hash of the password that the session was opened with.
const HASH_KEY = '_auth_user_hash'

const TIME_KEY = '_auth_user_time'

// What Django says beside them, and this application does not.
const DJANGO_KEY = '_auth_user_backend'

const found = new WeakMap<object, Promise<User | null>>()

/** The signed-in user, looked up once per request; null for an anonymous visitor. */
export function currentUser(ctx: Context, services: Services): Promise<User | null> {
  const known = found.get(ctx.req) ?? lookUp(ctx, services)
  found.set(ctx.req, known)
  return known
}

/**
 * The signed-in user. A visitor who is not signed in is sent to the sign-in page and back.
 *
 * @param back where to go after signing in; this address by default
 * @throws HttpError 401 for clients that speak JSON; 303 is set on the answer otherwise, and null returned
 */
export async function requireUser(ctx: Context, services: Services, back = ctx.url): Promise<User | null> {
  const user = await currentUser(ctx, services)
  if (user !== null) return user
  if (wantsJson(ctx)) ctx.throw(401, 'Please sign in.')
  ctx.redirect(`/login?next=${encodeURIComponent(back)}`)
  ctx.status = 303
  return null
}

/** Signs a user in: new session key, slices merged with those kept at the last sign-out. */
export async function signInUser(ctx: Context, services: Services, user: User): Promise<void> {
  const session = await ctx.session()
  await signIn(session, user.id, await new SavedSlices(services.knex).load(user.id))
  prove(session, services, user)
  found.set(ctx.req, Promise.resolve(user))
}

/** After the password has been given again, or a new one: this session goes on under a new key. */
export async function renewSignIn(ctx: Context, services: Services, user: User): Promise<void> {
  const session = await ctx.session()
  prove(session, services, user)
  await session.cycleKey({ restartClock: true })
  found.set(ctx.req, Promise.resolve(user))
}

/** When the person at this session last gave the password (ms since 1970); undefined where that is not known. */
export function provedAt(session: Session): number | undefined {
  const time = session.get(TIME_KEY)
  return typeof time === 'number' ? time : undefined
}

/** Ends the session, and keeps what its slices say should be there at the next sign-in. */
export async function signOutUser(ctx: Context, services: Services): Promise<void> {
  const session = await ctx.session()
  if (session.userId !== null) await new SavedSlices(services.knex).save(session.userId, carriedSlices(session))
  await signOut(session)
  found.set(ctx.req, Promise.resolve(null))
}

function prove(session: Session, services: Services, user: User): void {
  session.set(HASH_KEY, services.users.authHash(user))
  session.set(TIME_KEY, Date.now())
}

async function lookUp(ctx: Context, services: Services): Promise<User | null> {
  const session = await ctx.session()
  if (session.userId === null) return null
  const user = await services.users.byId(session.userId)
  if (user !== undefined && services.users.authHashMatches(user, session.get(HASH_KEY))) return user
  // Signed in by a Django application that shares this session: not ours to judge, and not ours to end.
  if (session.has(DJANGO_KEY)) return null
  // A late request with the key from before a new password must not end the session that has just been renewed.
  if (session.forwarded) return null
  // The account is gone or disabled, or has another password since: nothing of this session may live on.
  await session.flush()
  return null
}
