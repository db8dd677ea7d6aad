import type Router from '@koa/router'
import type { Context } from 'koa'
import { z } from 'zod'
import type { Services } from '../../services.ts'
import { requireUser, signOutUser } from '../../web/current-user.ts'
import { endSessions } from '../../web/end-sessions.ts'
import { readInput, refuseInput } from '../../web/input.ts'
import { typedPassword } from '../../web/password-field.ts'
import { logSecurity } from '../../web/security-log.ts'
import type { Throttle } from '../../web/throttle.ts'
import { waitMessage } from '../../web/wait-message.ts'

const PAGE = '/account/delete'
const CHANGED_MEANWHILE = 'Your password or account was changed by another request at the same time. Please try again.'

const form = z.object({ password: typedPassword })

/** Deletes the visitor's account, and ends all of its sessions. Asks for the password, however recent the sign-in is. */
export function addDeletion(router: Router, services: Services, throttle: Throttle): void {
  const { users, engine } = services

  router.get(PAGE, async (ctx) => {
    if ((await requireUser(ctx, services)) !== null) await show(ctx, {})
  })

  router.post(PAGE, async (ctx) => {
    const user = await requireUser(ctx, services, PAGE)
    if (user === null) return
    const input = readInput(ctx, form)
    if (!input.ok) return await refuse(ctx, input.errors)
    try {
      if (!(await throttle.confirmationMatches(ctx, user, input.values.password))) {
        return await refuse(ctx, { password: 'This password is wrong.' })
      }
    } catch (error) {
      return await show(ctx, { password: waitMessage(ctx, error) })
    }
    if (await users.delete(user)) {
      await throttle.unlock(user)
      logSecurity(ctx, 'account deleted', { userId: user.id })
      // Not if the form was sent twice and the name is free already. A disabled account keeps its name.
    } else if (await users.isTaken(user.username)) ctx.throw(409, CHANGED_MEANWHILE)
    // Without the account they are invalid already; this removes their records.
    await endSessions(engine, user.id)
    await signOutUser(ctx, services, '/login?deleted')
  })
}

async function show(ctx: Context, errors: Readonly<Record<string, string>>): Promise<void> {
  await ctx.render('account/delete.njk', { errors })
}

async function refuse(ctx: Context, errors: Readonly<Record<string, string>>): Promise<void> {
  refuseInput(ctx, errors)
  await show(ctx, errors)
}
