import { text } from 'node:stream/consumers'
import type { Knex } from 'knex'
import { z } from 'zod'
import { djangoSignIn, isDjangoSignIn } from '../../../src/session/codec/django/django-auth.ts'
import type { ExpiryPolicy } from '../../../src/session/core/expiry.ts'
import type { Engine } from '../../../src/session/engines/engine.ts'
import { type Session, sessions, signIn, signOut } from '../../../src/session/index.ts'
import { serve } from '../koa.ts'
import { type Site, told } from './visitor.ts'

export type Secrets = readonly [string, ...string[]]

const djangoUser = z.object({ id: z.coerce.string(), username: z.string(), password: z.string() })

/** The user signed in by Django, looked up in its table as Django does; an invalid sign-in is ended. */
async function userOf(session: Session, knex: Knex, secrets: Secrets): Promise<string | null> {
  if (session.userId === null) return null
  const found: unknown = await knex('auth_user').where({ id: session.userId, is_active: true }).first()
  const user = djangoUser.optional().parse(found)
  if (user !== undefined && isDjangoSignIn(session, user, { secrets })) return user.username
  await session.flush()
  return null
}

/** A Koa application whose session engine shares sessions with Django, and which does what the Django site does. */
export async function ourSite(options: {
  engine: Engine
  expiry: ExpiryPolicy
  knex: Knex
  secrets: Secrets
  now: () => number
}): Promise<Site & { close(): void }> {
  const { engine, expiry, knex, secrets, now } = options
  const cookie = {
    name: 'sessionid',
    path: '/',
    secure: false,
    httpOnly: true,
    sameSite: 'Lax',
    maxSize: 4096,
  } as const

  const actions: Record<string, (session: Session, parameters: Record<string, unknown>) => unknown> = {
    write: (session, { values }) => session.assign(z.record(z.string(), z.unknown()).parse(values)),
    append: (session, { name, item }) => (session.get(String(name)) as { items: unknown[] }).items.push(item),
    increment: (session, { name }) => session.update(String(name), (count) => Number(count ?? 0) + 1),
    expire: (session, { seconds, date }) => {
      session.setExpiry(date === undefined ? z.number().nullable().parse(seconds) : new Date(Number(date)))
    },
    marker: (session, { step }) => (step === 'set' ? session.setTestCookie() : session.deleteTestCookie()),
    cycle: (session) => session.cycleKey(),
    flush: (session) => session.flush(),
    async signIn(session, { username }) {
      const user = djangoUser.parse(
        await knex('auth_user')
          .where({ username: String(username) })
          .first(),
      )
      await signIn(session, user.id)
      session.assign(djangoSignIn(user, { secrets }))
    },
    signOut: (session) => signOut(session),
  }

  const site = await serve(sessions({ engine, cookie, expiry, now }), async (ctx) => {
    const { action, parameters, hold } = told.parse(JSON.parse(await text(ctx.req)))
    const session = await ctx.session()
    if (hold !== null) await (await fetch(hold)).text()
    await actions[action]?.(session, parameters)
    // First the user: where the hash does not hold, asking ends the session.
    const user = action === 'read' ? await userOf(session, knex, secrets) : null
    ctx.body =
      action === 'read'
        ? { user, data: Object.fromEntries(session.entries()), cookiesWork: session.testCookieWorked() }
        : {}
  })
  return { name: 'Holdfast', ...site }
}
