import Router from '@koa/router'
import type { Context } from 'koa'
import type { Services } from '../../services.ts'
import type { ListedSession } from '../../session/index.ts'
import type { User } from '../../users.ts'
import { currentUser, requireStaff, requireStaffStill } from '../../web/current-user.ts'
import { defineFeature, type OpenFeature } from '../../web/feature.ts'
import type { Translate } from '../../web/i18n.ts'
import { queryParam, wantsJson } from '../../web/input.ts'
import { seeOther } from '../../web/redirect.ts'
import { logSecurity, refuseAccess } from '../../web/security-log.ts'
import { truncateAddress } from '../../web/truncate-address.ts'
import type { Device } from '../devices/list.ts'
import { deviceKind } from '../devices/recognise.ts'

const PAGE = '/staff/sessions'
const MAX_NAME_LENGTH = 150
const MAX_SHOWN = 100

export default defineFeature({ name: 'user-sessions', requires: ['account', 'devices'], open: userSessions })

/** For staff: finds a user by name, lists the user's sessions, and ends them. */
function userSessions(services: Services): OpenFeature {
  const { users, engine } = services
  const router = new Router()

  router.get(PAGE, async (ctx) => {
    const staff = await requireStaff(ctx, services, PAGE)
    if (staff === null) return
    const name = queryParam(ctx, 'user')?.trim() ?? ''
    // PostgreSQL fails on a NUL instead of finding nothing.
    const isName = name !== '' && name.length <= MAX_NAME_LENGTH && !/\p{Cc}/u.test(name)
    const user = isName ? await users.byUsername(name) : undefined
    const found = user === undefined ? undefined : await engine.listUser(user.id)
    const t = await ctx.translate()
    const byActivity = [...(found?.listed ?? [])].sort((one, other) => other.lastActivity - one.lastActivity)
    const sessions = byActivity.slice(0, MAX_SHOWN).map((session) => deviceOf(session, t))
    await requireStaffStill(ctx, services, staff)
    const account = user === undefined ? null : { id: user.id, username: user.username }
    if (wantsJson(ctx)) ctx.body = { user: account, sessions: sessions.map(asJson) }
    else {
      const { complete = true, endable = false } = found ?? {}
      const count = byActivity.length
      await ctx.render('user-sessions/sessions.njk', { name, account, sessions, count, complete, endable })
    }
  })

  router.post(`${PAGE}/:user/end-all`, async (ctx) => {
    const staff = await requireStaff(ctx, services, PAGE)
    if (staff === null) return
    const user = await chosen(ctx, staff)
    if (!(await engine.listUser(user.id)).endable) ctx.throw(409, 'These sessions cannot be ended from here.')
    await engine.endUser(user.id)
    logSecurity(ctx, 'sessions ended', { userId: user.id, by: staff.id })
    await respond(ctx, user, 'All sessions of {name} are ended.')
  })

  router.post(`${PAGE}/:user/:id/end`, async (ctx) => {
    const staff = await requireStaff(ctx, services, PAGE)
    if (staff === null) return
    const user = await chosen(ctx, staff)
    if (!(await engine.endOne(user.id, String(ctx['params'].id)))) refuseAccess(ctx, staff.id, 404)
    logSecurity(ctx, 'sessions ended', { userId: user.id, by: staff.id })
    await respond(ctx, user, 'One session of {name} is ended.')
  })

  async function chosen(ctx: Context & { params: Record<string, string> }, staff: User): Promise<User> {
    const user = await users.byId(ctx.params['user'] ?? '')
    return user ?? refuseAccess(ctx, staff.id, 404, 'No account has this name.')
  }

  return {
    routes: router.routes(),
    page: async (ctx, session) =>
      session.userId !== null && (await currentUser(ctx, services))?.isStaff
        ? { nav: [{ href: PAGE, label: 'User sessions', place: 'account-page' }] }
        : {},
  }
}

function deviceOf({ id, userAgent, ipAddress, createdAt, lastActivity, current }: ListedSession, t: Translate): Device {
  const kind = deviceKind(userAgent, t)
  return { ...kind, id, address: truncateAddress(ipAddress), signedInAt: createdAt || null, lastActivity, current }
}

function asJson({ id, name, address, signedInAt, lastActivity }: Device) {
  return { id, device: name, address, signedInAt, lastActivity }
}

async function respond(ctx: Context, { username }: User, message: string): Promise<void> {
  if (wantsJson(ctx)) ctx.body = { ok: true }
  else await seeOther(ctx, `${PAGE}?user=${encodeURIComponent(username)}`, message, { name: username })
}
