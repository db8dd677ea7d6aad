import Router from '@koa/router'
import type { Knex } from 'knex'
import type { Context } from 'koa'
import { z } from 'zod'
import { passwordMatches } from '../../passwords.ts'
import type { Services } from '../../services.ts'
import type { Engine } from '../../session/engines/engine.ts'
import { NotSupportedError } from '../../session/stores/store.ts'
import type { User } from '../../users.ts'
import { currentUser, renewSignIn, requireUser, signInUser, signOutUser } from '../../web/current-user.ts'
import { defineFeature, type OpenFeature } from '../../web/feature.ts'
import { inQuery, readInput, refuseInput, wantsJson } from '../../web/input.ts'
import { ownPath } from '../../web/next-path.ts'
import { newPassword, typedPassword } from '../../web/password-field.ts'
import { seeOther } from '../../web/redirect.ts'
import { Throttle } from '../../web/throttle.ts'

// One sentence for both, or it would tell which names exist.
const WRONG = 'Username or password is wrong.'

const CHANGED_MEANWHILE =
  'Your password or account was changed by another request at the same time, so nothing was changed here. Please sign in again.'

const signInForm = z.object({
  username: z
    .string('Enter your username.')
    .min(1, 'Enter your username.')
    .max(150, WRONG)
    // PostgreSQL fails on a NUL instead of finding nothing.
    .regex(/^\P{Cc}*$/u, WRONG),
  password: typedPassword,
  next: z.string().optional(),
})

const passwordForm = z
  .object({ current: typedPassword, password: newPassword, repeat: z.string('Repeat the password.') })
  .refine(({ password, repeat }) => password === repeat, { path: ['repeat'], error: 'The passwords do not match.' })

export default defineFeature({ name: 'account', open: account })

/** Sign in, sign out, who am I, and a new password. */
function account(services: Services): OpenFeature {
  const { users, engine } = services
  const perName = new Throttle({ attempts: 10, within: 300 })
  const perAddress = new Throttle({ attempts: 50, within: 300 })
  const router = new Router()

  router.get('/login', async (ctx) => {
    if ((await currentUser(ctx, services)) !== null) {
      return await seeOther(ctx, ownPath(inQuery(ctx, 'next'), '/account'))
    }
    await showSignIn(ctx, {
      next: ownPath(inQuery(ctx, 'next'), ''),
      signedOut: inQuery(ctx, 'signed-out') !== undefined,
    })
  })

  router.post('/login', async (ctx) => {
    const input = readInput(ctx, signInForm)
    if (!input.ok) return await refuseSignIn(ctx, input.errors, input.typed)
    const { username, password, next } = input.values
    const who = `${ctx.ip} ${nameKey(username)}`
    await perAddress.attempt(ctx, ctx.ip)
    await perName.attempt(ctx, who)
    const found = await users.byUsername(username)
    // MariaDB takes "àda" for "ada", and each such spelling would have attempts of its own.
    const user = found !== undefined && nameKey(found.username) === nameKey(username) ? found : undefined
    if (!(await passwordMatches(password, user?.passwordHash)) || user === undefined) {
      services.log.warn('sign-in refused')
      return await refuseSignIn(ctx, { username: WRONG }, { username, next: next ?? '' })
    }
    await perName.forget(who)
    await signInUser(ctx, services, user)
    services.log.info({ user: user.id }, 'signed in')
    if (wantsJson(ctx)) ctx.body = { user: { username: user.username } }
    else await seeOther(ctx, ownPath(next, '/account'))
  })

  router.post('/logout', async (ctx) => await signOutUser(ctx))

  router.get('/account', async (ctx) => {
    const user = await requireUser(ctx, services)
    if (user === null) return
    const { username, email, fullName, isStaff } = user
    if (wantsJson(ctx)) ctx.body = { user: { username, email, fullName, isStaff } }
    else {
      const since = await memberSince(services.knex, user)
      await ctx.render('account/account.njk', { account: { username, email, fullName, since } })
    }
  })

  router.get('/account/password', async (ctx) => {
    if ((await requireUser(ctx, services)) !== null) await ctx.render('account/password.njk', { errors: {} })
  })

  router.post('/account/password', async (ctx) => {
    const user = await requireUser(ctx, services, '/account/password')
    if (user === null) return
    const input = readInput(ctx, passwordForm)
    if (!input.ok) return await refusePassword(ctx, input.errors)
    if (input.values.password.toLowerCase() === user.username.toLowerCase()) {
      return await refusePassword(ctx, { password: 'The password must not be the username.' })
    }
    await perName.attempt(ctx, `password ${user.id}`)
    if (!(await passwordMatches(input.values.current, user.passwordHash))) {
      return await refusePassword(ctx, { current: 'This password is wrong.' })
    }
    const changed = await users.changePassword(user, input.values.password)
    if (changed === undefined) return ctx.throw(409, CHANGED_MEANWHILE)
    const session = await ctx.session()
    await renewSignIn(ctx, services, changed)
    // First, or an outage that keeps the others from being ended would sign this one out.
    await session.save()
    await endOthers(engine, user.id, session.id)
    services.log.info({ user: user.id }, 'password changed, other sessions ended')
    if (wantsJson(ctx)) ctx.body = { ok: true }
    else await seeOther(ctx, '/account', 'Your password has been changed, and your other devices are signed out.')
  })

  return {
    routes: router.routes(),
    page: (_ctx, session) => ({
      nav: [
        session.userId === null
          ? { href: '/login', label: 'Sign in', place: 'account' }
          : { href: '/account', label: 'Account', place: 'account' },
      ],
    }),
  }
}

/** One name for every spelling that signs the same person in. */
function nameKey(username: string): string {
  return username.normalize('NFKC').toLowerCase()
}

const createdAt = z.object({ created_at: z.coerce.number() })

async function memberSince(knex: Knex, user: User): Promise<number> {
  const row: unknown = await knex('users')
    .where({ id: Number(user.id) })
    .first('created_at')
  return createdAt.parse(row).created_at
}

/** Ends what the new hash has made worthless already, so that it vanishes from lists, where the engine can tell whose it is. */
async function endOthers(engine: Engine, userId: string, exceptId: string | null): Promise<void> {
  await engine.endUser(userId, exceptId).catch((error: unknown) => {
    if (!(error instanceof NotSupportedError)) throw error
  })
}

interface SignInPage {
  readonly next?: string
  readonly username?: string
  readonly signedOut?: boolean
  readonly errors?: Readonly<Record<string, string>>
}

async function showSignIn(ctx: Context, { next = '', username = '', signedOut = false, errors = {} }: SignInPage) {
  await ctx.render('account/login.njk', { next, username, signedOut, errors })
}

async function refuseSignIn(ctx: Context, errors: Readonly<Record<string, string>>, typed: Record<string, string>) {
  refuseInput(ctx, errors)
  await showSignIn(ctx, { next: ownPath(typed['next'], ''), username: typed['username'] ?? '', errors })
}

async function refusePassword(ctx: Context, errors: Readonly<Record<string, string>>): Promise<void> {
  refuseInput(ctx, errors)
  await ctx.render('account/password.njk', { errors })
}
