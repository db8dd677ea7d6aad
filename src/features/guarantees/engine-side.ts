import { randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import type { Context } from 'koa'
import { z } from 'zod'
import type { Services } from '../../services.ts'
import { defineSlice, type Session, sessions, signIn, signOut } from '../../session/index.ts'
import { limitNewSessions } from '../../web/session-limits.ts'
import { NOT_BEGUN, PAGE, requireRoom, SESSION_SECONDS, type Side } from './side.ts'

const USER_PREFIX = 'guarantees-'

const demonstration = defineSlice({
  name: 'guarantees',
  schema: z.object({ user: z.string(), items: z.array(z.int()) }),
  // Without a user it has not begun.
  default: (): { user: string; items: number[] } => ({ user: '', items: [] }),
})

/** The application's own engine, with the visitor's settings but a cookie for this page alone. */
export function engineSide(services: Services): Side {
  const { config, engine, observe } = services
  const open = sessions({
    ...config.session,
    cookie: { ...config.session.cookie, name: 'guarantees', path: PAGE },
    // Its users have no account.
    accounts: undefined,
    engine,
    observe,
    beforeCreate: limitNewSessions(services),
  })

  async function withSession<T>(ctx: Context, work: (session: Session) => Promise<T> | T): Promise<T> {
    const visitors = ctx.session
    let result: { value: T } | undefined
    try {
      await open(ctx, async () => {
        result = { value: await work(await ctx.session()) }
      })
    } finally {
      // What comes after, such as an error page, is for the visitor.
      ctx.session = visitors
    }
    // It was set, or work has thrown.
    if (result === undefined) throw new Error('The demonstration did not run')
    return result.value
  }

  /** @throws HttpError 409 for a session that is no demonstration's: it must stay as it is */
  function requireBegun(ctx: Context, session: Session) {
    const { user, items } = stateOf(session)
    if (user === '') ctx.throw(409, NOT_BEGUN)
    return { user, items }
  }

  return {
    begin: (ctx) =>
      withSession(ctx, async (session) => {
        if (!session.isEmpty) {
          requireBegun(ctx, session)
          await session.flush()
        }
        session.set(demonstration, { user: `${USER_PREFIX}${randomUUID()}`, items: [] })
        session.setExpiry(SESSION_SECONDS)
      }),
    add: (ctx, { item, work }) =>
      withSession(ctx, async (session) => {
        requireRoom(ctx, requireBegun(ctx, session).items)
        await pause(work)
        session.update(demonstration, ({ user, items }) => ({ user, items: [...items, item] }))
      }),
    signIn: (ctx, attempt) =>
      withSession(ctx, async (session) => {
        const { user } = requireBegun(ctx, session)
        await attempt()
        await signIn(session, user)
        // Again, because the second of two sign-ins may start a session without these data.
        session.setExpiry(SESSION_SECONDS)
      }),
    signOut: (ctx) =>
      withSession(ctx, async (session) => {
        requireBegun(ctx, session)
        await signOut(session)
      }),
    state: (ctx) =>
      withSession(ctx, async (session) => {
        const { user, items, signedIn } = stateOf(session)
        // Listing may write all waiting changes to the database, so not for everybody who asks.
        if (user === '') return { items, signedIn, sessions: 0 }
        const { listed, complete } = await engine.listUser(user)
        return { items, signedIn, sessions: complete ? listed.length : null }
      }),
    end: (ctx) =>
      withSession(ctx, async (session) => {
        if (stateOf(session).user !== '') await session.flush()
      }),
  }
}

function stateOf(session: Session) {
  const { user, items } = session.get(demonstration)
  // In Django's format the second of two sign-ins starts a session without these data.
  const signedIn = session.userId?.startsWith(USER_PREFIX) === true
  return { user: signedIn && user === '' ? (session.userId ?? '') : user, items, signedIn }
}
