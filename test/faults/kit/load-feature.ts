import Router from '@koa/router'
import type { Context } from 'koa'
import { z } from 'zod'
import { UserAccount } from '../../../src/accounts.ts'
import { defineSlice, type Session } from '../../../src/session/index.ts'
import { signInUser } from '../../../src/web/current-user.ts'
import { defineFeature } from '../../../src/web/feature.ts'
import { requireInput } from '../../../src/web/input.ts'

/** What the load of the fault tests keeps in a session; the account keeps none of it. */
const loadSlice = defineSlice({
  name: 'load',
  schema: z.object({
    session: z.string().nullable(),
    items: z.array(z.string()),
    prefs: z.record(z.string(), z.int()),
  }),
  default: () => ({ session: null, items: [], prefs: {} }),
  login: 'drop',
  budget: 65_536,
})

const signInInput = z.object({ username: z.string(), session: z.string() })
const addInput = z.object({ item: z.string(), once: z.boolean() })
const prefInput = z.object({ name: z.string(), value: z.int() })

/** A page for the load: every answer shows the user and what the session keeps, so that a checker can judge it. */
export default defineFeature({
  name: 'load',
  open(services) {
    const router = new Router({ prefix: '/load' })
    const show = (ctx: Context, session: Session, username = userOf(session)) => {
      ctx.body = { username, ...session.get(loadSlice) }
    }
    router.get('/state', async (ctx) => show(ctx, await ctx.session()))
    router.post('/sign-in', async (ctx) => {
      const { username, session: name } = requireInput(ctx, signInInput)
      const user = await services.users.byUsername(username)
      if (user === undefined) return ctx.throw(422)
      await signInUser(ctx, services, user)
      const session = await ctx.session()
      session.set(loadSlice, { session: name, items: [], prefs: {} })
      show(ctx, session, username)
    })
    router.post('/sign-out', async (ctx) => {
      await (await ctx.session()).flush()
      ctx.body = {}
    })
    router.post('/add', async (ctx) => {
      const { item, once } = requireInput(ctx, addInput)
      const session = await requireSession(ctx)
      session.update(loadSlice, (load) =>
        once && load.items.includes(item) ? load : { ...load, items: [...load.items, item] },
      )
      show(ctx, session)
    })
    router.post('/pref', async (ctx) => {
      const { name, value } = requireInput(ctx, prefInput)
      const session = await requireSession(ctx)
      session.update(loadSlice, (load) => ({ ...load, prefs: { ...load.prefs, [name]: value } }))
      show(ctx, session)
    })
    router.post('/rotate', async (ctx) => {
      const session = await requireSession(ctx)
      await session.cycleKey()
      show(ctx, session)
    })
    return { routes: router.routes() }
  },
})

function userOf({ account }: Session): string | null {
  return account instanceof UserAccount ? account.user.username : null
}

async function requireSession(ctx: Context): Promise<Session> {
  const session = await ctx.session()
  if (session.userId === null) ctx.throw(401, 'nobody is signed in')
  return session
}
