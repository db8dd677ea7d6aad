import Router from '@koa/router'
import type { Context } from 'koa'
import { z } from 'zod'
import type { Services } from '../../services.ts'
import type { User } from '../../users.ts'
import {
  askToSignIn,
  isStillLive,
  passwordConfirmedAt,
  renewSignIn,
  requireUser,
  signOutUser,
} from '../../web/current-user.ts'
import { type Attraction, defineFeature, type OpenFeature } from '../../web/feature.ts'
import { queryParam, readInput, refuseInput, wantsJson } from '../../web/input.ts'
import { typedPassword } from '../../web/password-field.ts'
import { seeOther } from '../../web/redirect.ts'
import { logSecurity, refuseAccess } from '../../web/security-log.ts'
import { Throttle } from '../../web/throttle.ts'
import { waitMessage } from '../../web/wait-message.ts'
import { type Device, devicesOf } from './list.ts'
import { deviceKind } from './recognise.ts'

const PAGE = '/account/sessions'
const PASSWORD_VALID_MS = 10 * 60_000
const HOUR_SECONDS = 3600
const NOT_FOUND = 'This device is no longer on the list.'

const confirmation = z.object({ password: typedPassword.optional() })
const pageNumber = z
  .string()
  .regex(/^\d{1,6}$/)
  .transform(Number)
  .catch(1)

/** What is to be ended; shown on the form that asks for the password. */
interface PendingAction {
  readonly action: string
  /** The name of one device; absent for all others. */
  readonly device?: string
}

export default defineFeature({ name: 'devices', requires: ['account'], open: devices })

/** Lists where a user is signed in, and ends one of these sessions or all others. */
function devices(services: Services): OpenFeature {
  const { engine, config } = services
  const throttle = new Throttle(services)
  const router = new Router()

  router.get(PAGE, async (ctx) => {
    const user = await requireUser(ctx, services)
    if (user === null) return
    const sessions = await engine.listUser(user.id, (await ctx.session()).id)
    const { current, others } = await devicesOf(ctx, sessions)
    const { complete, endable } = sessions
    if (wantsJson(ctx)) {
      ctx.body = { sessions: [current, ...others].map(asJson), complete }
      return
    }
    const { pageLength } = await ctx.display()
    const pages = Math.max(1, Math.ceil(others.length / pageLength))
    const page = Math.min(Math.max(1, pageNumber.parse(queryParam(ctx, 'page'))), pages)
    const shown = others.slice((page - 1) * pageLength, page * pageLength)
    const count = others.length
    await ctx.render('devices/devices.njk', {
      current,
      shown,
      count,
      page,
      pages,
      complete,
      endable,
      hours: activityLag(config),
    })
  })

  router.post(`${PAGE}/end-others`, async (ctx) => {
    const user = await requireUser(ctx, services, PAGE)
    if (user === null) return
    const session = await ctx.session()
    if (!(await engine.listUser(user.id)).endable) ctx.throw(409, 'Devices cannot be signed out from here.')
    if (!(await isConfirmed(ctx, user, { action: ctx.path }))) return
    // Whoever was signed out meanwhile must not get a new key below.
    if (!(await isStillLive(ctx, services))) return await askToSignIn(ctx, PAGE)
    await engine.endUser(user.id, session.id)
    // A session in a cookie was ended with the others: the new key makes it a new sign-in.
    await session.cycleKey({ restartClock: true })
    logSecurity(ctx, 'sessions ended', { userId: user.id })
    await respond(ctx, 'All other devices are signed out.')
  })

  router.post(`${PAGE}/:id/end`, async (ctx) => {
    const user = await requireUser(ctx, services, PAGE)
    if (user === null) return
    const { listed } = await engine.listUser(user.id, (await ctx.session()).id)
    const chosen = listed.find(({ id }) => id === ctx['params'].id)
    if (chosen === undefined) return refuseAccess(ctx, user.id, 404, NOT_FOUND)
    if (chosen.current) return await signOutUser(ctx, services)
    const device = deviceKind(chosen.userAgent, await ctx.translate()).name
    if (!(await isConfirmed(ctx, user, { action: ctx.path, device }))) return
    if (!(await engine.endOne(user.id, chosen.id))) ctx.throw(404, NOT_FOUND)
    logSecurity(ctx, 'sessions ended', { userId: user.id })
    await respond(ctx, '{device} is signed out.', { device })
  })

  /** Returns whether the password was entered recently or with this request; otherwise asks for it, or for a sign-in. */
  async function isConfirmed(ctx: Context, user: User, pending: PendingAction): Promise<boolean> {
    // Ending sessions does not extend this: otherwise a thief would never have to enter the password.
    if (Date.now() - (passwordConfirmedAt(await ctx.session()) ?? 0) < PASSWORD_VALID_MS) return true
    const input = readInput(ctx, confirmation)
    if (!input.ok) return await refuse(ctx, pending, input.errors)
    const { password } = input.values
    if (password === undefined) return await askForPassword(ctx, pending)
    try {
      if (!(await throttle.confirmationMatches(ctx, user, password))) {
        return await refuse(ctx, pending, { password: 'This password is wrong.' })
      }
    } catch (error) {
      return await showForm(ctx, pending, { password: waitMessage(ctx, error) })
    }
    if (await renewSignIn(ctx, services, user)) return true
    await askToSignIn(ctx, PAGE)
    return false
  }

  const demonstration: Attraction = {
    href: PAGE,
    title: 'Your devices',
    text: 'Sign in with two browsers, and sign one of them out in the other: its next click ends on the sign-in page.',
    kind: 'see',
  }
  return {
    routes: router.routes(),
    attractions: config.mode === 'development' ? [demonstration] : [],
    page: (_ctx, session) =>
      session.account === undefined ? {} : { nav: [{ href: PAGE, label: 'Devices', place: 'account-page' }] },
  }
}

/** Hours by which the last activity may be out of date, because requests that only read are rarely saved as activity. */
function activityLag({ session: { expiry, saveEveryRequest } }: Services['config']): number {
  const window = Math.min(expiry.cookieAge, expiry.idleAge ?? Number.POSITIVE_INFINITY)
  return saveEveryRequest ? 0 : Math.round((expiry.touchAfter * window) / HOUR_SECONDS)
}

function asJson({ id, name, address, signedInAt, lastActivity, current }: Device) {
  return { id, device: name, address, signedInAt, lastActivity, current }
}

async function askForPassword(ctx: Context, pending: PendingAction): Promise<false> {
  if (wantsJson(ctx)) ctx.throw(403, 'Please send your password as well.')
  ctx.status = 403
  return await showForm(ctx, pending, {})
}

async function refuse(ctx: Context, pending: PendingAction, errors: Readonly<Record<string, string>>): Promise<false> {
  refuseInput(ctx, errors)
  return await showForm(ctx, pending, errors)
}

async function showForm(
  ctx: Context,
  pending: PendingAction,
  errors: Readonly<Record<string, string>>,
): Promise<false> {
  const { action, device = null } = pending
  await ctx.render('devices/confirm.njk', { action, device, errors, page: listPage(ctx) })
  return false
}

/** The page of the list that the form was on. */
function listPage(ctx: Context): number {
  const input = readInput(ctx, z.object({ page: pageNumber }))
  return input.ok ? input.values.page : 1
}

async function respond(ctx: Context, message: string, values?: Readonly<Record<string, string>>): Promise<void> {
  const page = listPage(ctx)
  if (wantsJson(ctx)) ctx.body = { ok: true }
  else await seeOther(ctx, page > 1 ? `${PAGE}?page=${page}` : PAGE, message, values)
}
