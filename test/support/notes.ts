import Router from '@koa/router'
import type { Context } from 'koa'
import { z } from 'zod'
import { defineSlice } from '../../src/session/index.ts'
import { requireUser, signInUser, signOutUser } from '../../src/web/current-user.ts'
import { defineFeature } from '../../src/web/feature.ts'
import { checkbox, requireInput, wantsJson } from '../../src/web/input.ts'
import { seeOther } from '../../src/web/redirect.ts'

const notesSlice = defineSlice<Record<string, number>>({
  name: 'notes',
  schema: z.record(z.string(), z.int().min(1)),
  default: () => ({}),
  // The side that changed wins; at sign-in, when the base is empty, the larger number.
  merge: (mine, theirs, base) => {
    const names = [...new Set([...Object.keys(theirs), ...Object.keys(mine)])]
    const entries = names.map((name): [string, number] => {
      const [my = 0, their = 0, old = 0] = [mine[name], theirs[name], base[name]]
      if (my === old || their === old) return [name, my === old ? their : my]
      return [name, Math.max(my, their)]
    })
    return Object.fromEntries(entries.filter(([, count]) => count > 0))
  },
  account: true,
  logout: 'drop',
})
const added = z.object({ name: z.string().regex(/^\w{1,20}$/), count: z.coerce.number().int().min(1).default(1) })
const person = z.object({ username: z.string(), remember: checkbox })

/**
 * A feature for tests of what is not about a feature: a visitor's notes, which the account keeps, and a sign-in that asks for
 * no password. So removing a feature removes no test of anything else. See notes-steps.ts.
 */
export default defineFeature({
  name: 'notes',
  open(services) {
    const router = new Router()
    const respond = async (ctx: Context) => {
      if (wantsJson(ctx)) ctx.body = (await ctx.session()).get(notesSlice)
      else await seeOther(ctx, '/', 'Noted.')
    }
    router.get('/notes', async (ctx) => {
      ctx.body = (await ctx.session()).get(notesSlice)
    })
    router.post('/notes', async (ctx) => {
      const session = await ctx.session()
      const { name, count } = requireInput(ctx, added)
      session.update(notesSlice, (all) => ({ ...all, [name]: (all[name] ?? 0) + count }))
      await respond(ctx)
    })
    router.post('/notes/clear', async (ctx) => {
      const session = await ctx.session()
      session.update(notesSlice, () => ({}))
      await respond(ctx)
    })
    router.post('/notes/sign-in', async (ctx) => {
      const { username, remember } = requireInput(ctx, person)
      const user = await services.users.byUsername(username)
      if (user === undefined) return ctx.throw(422)
      await signInUser(ctx, services, user, { remember })
      await respond(ctx)
    })
    router.post('/notes/sign-out', async (ctx) => await signOutUser(ctx, services))
    router.get('/notes/user', async (ctx) => {
      const user = await requireUser(ctx, services)
      if (user !== null) ctx.body = { username: user.username }
    })
    router.post('/notes/end-others', async (ctx) => {
      const user = await requireUser(ctx, services)
      if (user === null) return
      await services.engine.endUser(user.id, (await ctx.session()).id)
      await respond(ctx)
    })
    return { routes: router.routes() }
  },
})
