import Router from '@koa/router'
import type { Knex } from 'knex'
import type { Context } from 'koa'
import { z } from 'zod'
import type { Services } from '../../services.ts'
import type { User } from '../../users.ts'
import { currentUser, lostReason, renewSignIn, requireUser, signInUser, signOutUser } from '../../web/current-user.ts'
import { endSessions } from '../../web/end-sessions.ts'
import { defineFeature, type OpenFeature } from '../../web/feature.ts'
import { checkbox, queryParam, readInput, refuseInput, wantsJson } from '../../web/input.ts'
import { localPath } from '../../web/next-path.ts'
import { newPasswordErrors, newPasswordFields, typedPassword } from '../../web/password-field.ts'
import { seeOther } from '../../web/redirect.ts'
import { logSecurity } from '../../web/security-log.ts'
import { Throttle } from '../../web/throttle.ts'
import { waitMessage } from '../../web/wait-message.ts'
import { addDeletion } from './delete-account.ts'

// The same for both, so that it does not reveal which names exist.
const WRONG_CREDENTIALS = 'Username or password is wrong.'
const BOTH_WRONG = { username: WRONG_CREDENTIALS, password: WRONG_CREDENTIALS }

const CHANGED_MEANWHILE =
  'Your password or account was changed by another request at the same time, so nothing was changed here. Please sign in again.'

/** Parameters of the sign-in page, with what has just been done. */
const DONE = [
  ['signed-out', 'You are signed out.'],
  ['deleted', 'Your account has been deleted.'],
  ['new-password', 'Your password has been changed, and all of your devices are signed out. Sign in with it.'],
] as const

const signInForm = z.object({
  username: z
    .string('Enter your username.')
    .min(1, 'Enter your username.')
    .max(150, WRONG_CREDENTIALS)
    // PostgreSQL fails on a NUL instead of finding nothing.
    .regex(/^\P{Cc}*$/u, WRONG_CREDENTIALS),
  password: typedPassword,
  next: z.string().optional(),
  remember: checkbox,
})

const passwordForm = z.object({ current: typedPassword, ...newPasswordFields })

export default defineFeature({ name: 'account', open: account })

/** Sign-in, sign-out, the account page, and changing the password. */
function account(services: Services): OpenFeature {
  const { users, engine } = services
  const throttle = new Throttle(services)
  const router = new Router()

  router.get('/login', async (ctx) => {
    if ((await currentUser(ctx, services)) !== null) {
      return await seeOther(ctx, localPath(queryParam(ctx, 'next'), '/account'))
    }
    const next = localPath(queryParam(ctx, 'next'), '')
    const [, done] = DONE.find(([name]) => queryParam(ctx, name) !== undefined) ?? []
    // Whoever came here without being sent may never have been signed in.
    const lost = next === '' ? undefined : lostReason(await ctx.session())
    await showSignIn(ctx, { next, reason: done ?? lost, lost: done === undefined && lost !== undefined })
  })

  router.post('/login', async (ctx) => {
    const input = readInput(ctx, signInForm)
    if (!input.ok) return await refuseSignIn(ctx, input.errors, input.typed)
    const { username, password, next, remember } = input.values
    const user = await users.byUsername(username)
    const typed = { username, next: next ?? '', remember: String(remember) }
    try {
      if (!(await throttle.signInMatches(ctx, username, password, user)) || user === undefined) {
        return await refuseSignIn(ctx, BOTH_WRONG, typed)
      }
    } catch (error) {
      const wait = waitMessage(ctx, error)
      return await showAgain(ctx, { username: wait, password: wait }, typed)
    }
    await signInUser(ctx, services, user, { remember })
    if (wantsJson(ctx)) ctx.body = { user: { username: user.username } }
    else await seeOther(ctx, localPath(next, '/account'))
  })

  router.post('/logout', async (ctx) => await signOutUser(ctx, services))

  router.get('/account', async (ctx) => {
    const user = await requireUser(ctx, services)
    if (user === null) return
    const { username, email, fullName, isStaff } = user
    if (wantsJson(ctx)) ctx.body = { user: { username, email, fullName, isStaff } }
    else {
      const since = await memberSince(services.knex, user)
      const parts = await ctx.accountParts(user)
      await ctx.render('account/account.njk', { account: { username, email, fullName, since }, parts })
    }
  })

  router.get('/account/password', async (ctx) => {
    if ((await requireUser(ctx, services)) !== null) await showPassword(ctx, {})
  })

  router.post('/account/password', async (ctx) => {
    const user = await requireUser(ctx, services, '/account/password')
    if (user === null) return
    const input = readInput(ctx, passwordForm)
    if (!input.ok) return await refusePassword(ctx, input.errors)
    const errors = await newPasswordErrors(ctx, services.config, input.values, user)
    if (Object.keys(errors).length > 0) return await refusePassword(ctx, errors)
    let hash: string
    try {
      if (!(await throttle.confirmationMatches(ctx, user, input.values.current))) {
        return await refusePassword(ctx, { current: 'This password is wrong.' })
      }
      hash = await throttle.hashPassword(ctx, input.values.password)
    } catch (error) {
      return await showPassword(ctx, { current: waitMessage(ctx, error) })
    }
    const changed = await users.changePassword(user, hash)
    if (changed === undefined) return ctx.throw(409, CHANGED_MEANWHILE)
    logSecurity(ctx, 'password changed', { userId: user.id })
    await throttle.unlock(changed)
    const session = await ctx.session()
    const renewed = await renewSignIn(ctx, services, changed)
    // First: if ending the others fails, this session must not be signed out.
    await session.save()
    await endSessions(engine, user.id, session.id)
    if (wantsJson(ctx)) ctx.body = { ok: true, signedIn: renewed }
    else if (!renewed) await seeOther(ctx, '/login?new-password')
    else await seeOther(ctx, '/account', 'Your password has been changed, and your other devices are signed out.')
  })

  addDeletion(router, services, throttle)

  return {
    routes: router.routes(),
    page: (_ctx, session) => ({
      nav: [
        session.account === undefined
          ? { href: '/login', label: 'Sign in', place: 'account' }
          : { href: '/account', label: 'Account', place: 'account' },
      ],
    }),
  }
}

const createdAt = z.object({ created_at: z.coerce.number() })

async function memberSince(knex: Knex, user: User): Promise<number> {
  const row: unknown = await knex('users')
    .where({ id: Number(user.id) })
    .first('created_at')
  return createdAt.parse(row).created_at
}

interface SignInPage {
  readonly next?: string
  readonly username?: string
  /** Why the visitor is here. */
  readonly reason?: string | undefined
  /** Whether that is a session that has ended. */
  readonly lost?: boolean
  readonly remember?: boolean
  readonly errors?: Readonly<Record<string, string>>
}

async function showSignIn(ctx: Context, page: SignInPage) {
  const blank = { next: '', username: '', remember: false, lost: false, errors: {} }
  await ctx.render('account/login.njk', { ...blank, ...page, reason: page.reason ?? '' })
}

async function refuseSignIn(ctx: Context, found: Readonly<Record<string, string>>, typed: Record<string, string>) {
  // An invalid name is a wrong one, too.
  const errors = Object.values(found).includes(WRONG_CREDENTIALS) ? BOTH_WRONG : found
  refuseInput(ctx, errors)
  await showAgain(ctx, errors, typed)
}

async function showAgain(ctx: Context, errors: Readonly<Record<string, string>>, typed: Record<string, string>) {
  const { username = '', next, remember } = typed
  await showSignIn(ctx, { next: localPath(next, ''), username, remember: remember === 'true', errors })
}

async function refusePassword(ctx: Context, errors: Readonly<Record<string, string>>): Promise<void> {
  refuseInput(ctx, errors)
  await showPassword(ctx, errors)
}

async function showPassword(ctx: Context, errors: Readonly<Record<string, string>>): Promise<void> {
  await ctx.render('account/password.njk', { errors })
}
