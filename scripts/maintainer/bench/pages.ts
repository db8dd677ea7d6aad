import type { Context, Middleware } from 'koa'
import Koa from 'koa'
import peerSessions from 'koa-session'
import {
  defineSlice,
  type Session,
  type SessionsOptions,
  type Slice,
  sessions,
  signIn,
  signOut,
} from '../../../src/session/index.ts'
import { type Floor, type FloorOptions, floorSession, floorSessions } from './floors.ts'
import { BODY, PAGES, type Page, type PageSession } from './session-pages.ts'

/** No sessions: the same pages, with a cookie of the same length. */
export function bareKoa(): Koa {
  const app = new Koa()
  const paths = new Set(Object.keys(PAGES).map((name) => `/${name}`))
  app.use((ctx) => {
    if (!paths.has(ctx.path)) return
    if (ctx.path === '/begin') ctx.set('Set-Cookie', `sessionid=${'x'.repeat(32)}; path=/; httponly`)
    ctx.body = BODY
  })
  return app
}

/** This project's middleware. */
export function ownSessions(options: SessionsOptions): Koa {
  return application(sessions(options), async (ctx) => {
    const session = await ctx.session()
    return {
      get: (name) => session.get(name),
      set: (name, value) => (name.startsWith('slice-') ? setSlice(session, name) : session.set(name, value as never)),
      increment: (name) => session.update(name, (value) => Number(value ?? 0) + 1),
      get user() {
        return session.userId
      },
      signIn: () => signIn(session, '1'),
      end: () => signOut(session),
    }
  })
}

const SLICES = new Map<string, Slice<{ text: string }>>()

/** Defined when they are first needed: candidates without slices must not have to look for any. */
function setSlice(session: Session, name: string): void {
  const schema = {
    '~standard': { version: 1, vendor: 'bench', validate: (value: unknown) => ({ value: value as { text: string } }) },
  } as const
  const slice = SLICES.get(name) ?? defineSlice({ name, schema, default: () => ({ text: '' }) })
  SLICES.set(name, slice)
  session.set(slice, { text: name })
}

/** The middleware most Koa applications use, with its session in the cookie, as it is by default. */
export function koaSession(secrets: readonly string[]): Koa {
  const app = new Koa()
  app.keys = [...secrets]
  // Its session is an object where this project's is a function; the types of Koa's context know one of them only.
  const middleware = peerSessions(app)
  return application(
    middleware,
    (ctx) =>
      ofObject(ctx.session as unknown as Record<string, unknown>, () => void Object.assign(ctx, { session: null })),
    app,
  )
}

/** The hand-written middleware: see floors.ts. */
export function floor(medium: Floor, options: FloorOptions): Koa {
  return application(floorSessions(medium, options), async (ctx) => {
    const session = await floorSession(ctx)
    return ofObject(session.data, () => {
      session.data = {}
    })
  })
}

function ofObject(data: Record<string, unknown>, end: () => void): PageSession {
  return {
    get: (name) => data[name],
    set(name, value) {
      data[name] = value
    },
    get user() {
      return data['user']
    },
    signIn() {
      data['user'] = '1'
    },
    end,
  }
}

function application(
  middleware: Middleware,
  open: (ctx: Context) => Promise<PageSession> | PageSession,
  app = new Koa(),
): Koa {
  const table = new Map<string, Page>(Object.entries(PAGES).map(([name, page]) => [`/${name}`, page]))
  app.use(middleware)
  app.use(async (ctx) => {
    const page = table.get(ctx.path)
    if (page === undefined) return
    const { status, body } = await page(() => open(ctx), ctx.querystring)
    ctx.status = status
    ctx.body = body
  })
  return app
}
