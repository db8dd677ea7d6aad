import type { Context } from 'koa'
import { HASH_KEY, isSignInElsewhere, UserAccount } from '../accounts.ts'
import type { Services } from '../services.ts'
import { cookieValues } from '../session/http/cookie.ts'
import { type Json, type LostSession, type Session, signIn, signOut } from '../session/index.ts'
import type { User } from '../users.ts'
import { wantsJson } from './input.ts'
import { knownDevice, rememberDevice } from './known-device.ts'
import { seeOther } from './redirect.ts'
import { logSecurity, refuseAccess } from './security-log.ts'
import { makeRoomFor } from './session-limits.ts'

const LOST: Readonly<Record<LostSession, string>> = {
  expired: 'Your session has expired. Sign in again.',
  revoked: 'You were signed out on another device. Sign in again.',
  unproven: 'Your password was changed. Sign in again.',
  gone: 'Your session has ended. Sign in again.',
  unknown: 'Your session has ended. Sign in again.',
}

const TIME_KEY = '_auth_user_time'

/** The signed-in user, loaded with the session; null for an anonymous visitor. */
export async function currentUser(ctx: Context, { users }: Services): Promise<User | null> {
  const session = await ctx.session()
  if (!(session.account instanceof UserAccount)) return null
  const { user } = session.account
  const hash = session.get(HASH_KEY)
  if (users.authHashMatches(user, hash) && !users.isNewestAuthHash(user, hash)) {
    // Made with an old secret. Only this hash is replaced: another request may have stored that of a newer password.
    session.updateAll((data) => {
      if (data[HASH_KEY] === hash) data[HASH_KEY] = users.authHash(user)
    })
  }
  return user
}

/**
 * The signed-in user. An anonymous visitor is redirected to the sign-in page, and then back.
 *
 * @param back the path to return to after signing in; this one by default
 * @throws HttpError 401 for JSON clients; otherwise responds with 303 and returns null
 */
export async function requireUser(ctx: Context, services: Services, back = ctx.url): Promise<User | null> {
  const user = await currentUser(ctx, services)
  if (user === null) await askToSignIn(ctx, back)
  return user
}

/**
 * Redirects to the sign-in page, which says why, and then back.
 *
 * @throws HttpError 401 for JSON clients
 */
export async function askToSignIn(ctx: Context, back: string): Promise<void> {
  if (wantsJson(ctx)) {
    const session = await ctx.session()
    // It has ended during this request; a user of another application never had one here.
    const ended = session.userId === null || isSignInElsewhere(session) ? undefined : LOST.unknown
    ctx.throw(401, lostReason(session) ?? ended ?? 'Please sign in.')
  }
  await seeOther(ctx, `/login?next=${encodeURIComponent(back)}`)
}

/** Why a visitor who was signed in has to sign in again; undefined for one who had no session. */
export function lostReason({ lost }: Session): string | undefined {
  return lost && LOST[lost]
}

/**
 * The signed-in user, who is staff; otherwise like {@link requireUser}.
 *
 * @throws HttpError 403
 */
export async function requireStaff(ctx: Context, services: Services, back: string): Promise<User | null> {
  const user = await requireUser(ctx, services, back)
  if (user !== null && !user.isStaff) refuseAccess(ctx, user.id, 403)
  return user
}

/**
 * Asks again whether this user is staff. Call it before sending the result: the role, the account or the password may have
 * changed since the session was loaded.
 *
 * @throws HttpError 403
 */
export async function requireStaffStill(ctx: Context, { users }: Services, user: User): Promise<void> {
  const now = await users.byId(user.id)
  if (now?.isStaff !== true || now.passwordHash !== user.passwordHash) refuseAccess(ctx, user.id, 403)
}

/** Options for {@link signInUser}. */
export interface UserSignIn {
  /** Whether the session outlives the browser; false by default. */
  readonly remember?: boolean
}

/**
 * Signs a user in: a new session key, and the slices of the account are merged with its data. Ends the user's sessions
 * above SESSION_MAX_PER_USER.
 */
export async function signInUser(
  ctx: Context,
  services: Services,
  user: User,
  { remember = false }: UserSignIn = {},
): Promise<void> {
  const session = await ctx.session()
  await signIn(session, user.id, { data: passwordProof(session, services, user) })
  // Not null where the setting says the same: of two sign-ins at once the later choice counts, so both must write one.
  session.setExpiry(remember ? services.config.session.expiry.cookieAge : 0)
  await makeRoomFor(services, user.id, session.id, () => session.save())
  await services.users.noteSignIn(user)
  rememberDevice(ctx, services, user)
  logSecurity(ctx, 'signed in', { userId: user.id })
}

/**
 * Changes the session key after the user has entered the password again, or changed it.
 *
 * @returns false if the session has ended meanwhile: it then stays ended
 */
export async function renewSignIn(ctx: Context, services: Services, user: User): Promise<boolean> {
  // With a new key an ended session would be stored as a new one.
  if (!(await isStillLive(ctx, services))) return false
  const session = await ctx.session()
  // Not signIn(): if the same user signs in at the same time, the later of the two hashes counts.
  session.assign(passwordProof(session, services, user))
  await session.cycleKey({ restartClock: true })
  rememberDevice(ctx, services, user)
  return true
}

/** Returns whether the session with which the request came is live right now. */
export async function isStillLive(ctx: Context, { config, engine }: Services): Promise<boolean> {
  for (const value of cookieValues(ctx.req.headers.cookie, config.session.cookie.name)) {
    if ((await engine.open(value)).live) return true
  }
  return false
}

/** When the password was last entered in this session, in milliseconds since 1970; undefined if unknown. */
export function passwordConfirmedAt(session: Session): number | undefined {
  const time = session.get(TIME_KEY)
  return typeof time === 'number' ? time : undefined
}

/**
 * Ends the session and redirects to the sign-in page; account data are there again after the next sign-in.
 *
 * @param page the sign-in page, with a parameter that says why
 */
export async function signOutUser(ctx: Context, services: Services, page = '/login?signed-out'): Promise<void> {
  const session = await ctx.session()
  const { userId, account } = session
  // A user who signed in with an older version has no cookie of the device yet.
  if (account instanceof UserAccount && knownDevice(ctx, services, account.user) === undefined) {
    rememberDevice(ctx, services, account.user)
  }
  await signOut(session)
  logSecurity(ctx, 'signed out', { userId })
  ctx.set('Clear-Site-Data', '"cache", "storage"')
  if (wantsJson(ctx)) ctx.body = { ok: true }
  else await seeOther(ctx, page)
}

/** A user whom another application has signed in stays signed in there: it would end a session without its own proof. */
function passwordProof(session: Session, { users }: Services, user: User): Record<string, Json> {
  const kept = isSignInElsewhere(session) && accountOf(session)?.user.id === user.id
  return { ...(kept ? {} : { [HASH_KEY]: users.authHash(user) }), [TIME_KEY]: Date.now() }
}

function accountOf({ account }: Session): UserAccount | undefined {
  return account instanceof UserAccount ? account : undefined
}
