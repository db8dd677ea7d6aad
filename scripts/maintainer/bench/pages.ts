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
import type { FloorOptions } from './floors/medium.ts'
import { type Floor, floorSession, floorSessions } from './floors.ts'
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
  return application(sessions(options), async (ctx) => new OwnSession(await ctx.session()))
}

/** A class: V8 makes accessors of a literal in the old generation, where they would keep the whole session. */
class OwnSession implements PageSession {
  readonly #session: Session

  constructor(session: Session) {
    this.#session = session
  }

  get user(): string | null {
    return this.#session.userId
  }

  get(name: string): unknown {
    return this.#session.get(name)
  }

  set(name: string, value: unknown): void {
    if (name.startsWith('slice-')) setSlice(this.#session, name)
    else this.#session.set(name, value as never)
  }

  increment(name: string): void {
    this.#session.update(name, (value) => Number(value ?? 0) + 1)
  }

  signIn(): Promise<void> {
    return signIn(this.#session, '1')
  }

  end(): Promise<void> {
    return signOut(this.#session)
  }
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
      new ObjectSession(
        ctx.session as unknown as Record<string, unknown>,
        () => void Object.assign(ctx, { session: null }),
      ),
    app,
  )
}

/** The hand-written middleware: see floors.ts. */
export function floor(medium: Floor, options: FloorOptions): Koa {
  return application(floorSessions(medium, options), async (ctx) => {
    const session = await floorSession(ctx)
    return new ObjectSession(session.data, () => {
      session.data = {}
    })
  })
}

/** A session that is an object; a class as {@link OwnSession}. */
class ObjectSession implements PageSession {
  readonly #data: Record<string, unknown>
  readonly end: () => void

  constructor(data: Record<string, unknown>, end: () => void) {
    this.#data = data
    this.end = end
  }

  get user(): unknown {
    return this.#data['user']
  }

  get(name: string): unknown {
    return this.#data[name]
  }

  set(name: string, value: unknown): void {
    this.#data[name] = value
  }

  signIn(): void {
    this.#data['user'] = '1'
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
