import type { Context } from 'koa'
import { HASH_KEY, UserAccount } from '../accounts.ts'
import type { Services } from '../services.ts'
import { type Session, signIn, signOut } from '../session/index.ts'
import type { User } from '../users.ts'
import { wantsJson } from './input.ts'
import { seeOther } from './redirect.ts'

const TIME_KEY = '_auth_user_time'

/** The signed-in user, read with the session; null for an anonymous visitor. */
export async function currentUser(ctx: Context, { users }: Services): Promise<User | null> {
  const session = await ctx.session()
  if (!(session.account instanceof UserAccount)) return null
  const { user } = session.account
  const proof = session.get(HASH_KEY)
  if (users.authHashMatches(user, proof) && !users.isNewestAuthHash(user, proof)) {
    // Made with a secret that is about to go. Only this very proof: that of a newer password must stand.
    session.updateAll((data) => {
      if (data[HASH_KEY] === proof) data[HASH_KEY] = users.authHash(user)
    })
  }
  return user
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
  await seeOther(ctx, `/login?next=${encodeURIComponent(back)}`)
  return null
}

/**
 * Whether this user is staff at this moment, whatever was read with the session: asked when the work is done, because a
 * role, an account or a password may have gone meanwhile.
 */
export async function isStaffNow(user: User, { users }: Services): Promise<boolean> {
  const now = await users.byId(user.id)
  return now?.isStaff === true && now.passwordHash === user.passwordHash
}

/** Signs a user in: new session key, and the account takes over what it is to keep. */
export async function signInUser(ctx: Context, { users }: Services, user: User): Promise<void> {
  await signIn(await ctx.session(), user.id, { data: proofOf(users.authHash(user)) })
}

/** After the password has been given again, or a new one: this session goes on under a new key. */
export async function renewSignIn(ctx: Context, { users }: Services, user: User): Promise<void> {
  const session = await ctx.session()
  // No part of a sign-in: where this very user signs in at the same time, what was proved last stands all the same.
  session.assign(proofOf(users.authHash(user)))
  await session.cycleKey({ restartClock: true })
}

/** When the person at this session last gave the password (ms since 1970); undefined where that is not known. */
export function provedAt(session: Session): number | undefined {
  const time = session.get(TIME_KEY)
  return typeof time === 'number' ? time : undefined
}

/** Ends the session, and answers with the sign-in page; what the account keeps is there at the next sign-in. */
export async function signOutUser(ctx: Context): Promise<void> {
  await signOut(await ctx.session())
  ctx.set('Clear-Site-Data', '"cache", "storage"')
  if (wantsJson(ctx)) ctx.body = { ok: true }
  else await seeOther(ctx, '/login?signed-out')
}

function proofOf(hash: string) {
  return { [HASH_KEY]: hash, [TIME_KEY]: Date.now() }
}
