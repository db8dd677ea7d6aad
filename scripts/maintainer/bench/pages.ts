import type { Context, Middleware } from 'koa'
import Koa from 'koa'
import peerSessions from 'koa-session'
import { type SessionsOptions, sessions, signIn } from '../../../src/session/index.ts'
import { type Floor, type FloorOptions, floorSession, floorSessions } from './floors.ts'

/** The measured pages: without the session, reading it, changing it, and changing its key. */
export const KINDS = ['none', 'read', 'change', 'login'] as const

export type Kind = (typeof KINDS)[number]

/** The response of `/state`, to check that changes and logins were saved. */
export interface State {
  readonly changes: number
  readonly logins: number
  readonly user: string | null
}

/** The body of every other page. */
export const BODY = 'dark'

type Page = (ctx: Context) => Promise<void> | void
type Pages = Readonly<Record<Kind | 'begin' | 'state', Page>>

// About 300 bytes as JSON: a small shop's session.
const LINES = 6
const SESSION = {
  theme: BODY,
  language: 'de',
  cart: {
    changes: 0,
    lines: Array.from({ length: LINES }, (_, index) => ({ sku: `product-${index}`, quantity: index })),
  },
  address: 'Musterstraße 12, 10115 Berlin',
  referrer: 'https://example.com/',
}

/** No sessions: the same pages, with a cookie of the same length. */
export function bareKoa(): Koa {
  return application({
    none: answer,
    read: answer,
    change: answer,
    login: answer,
    state: answer,
    begin(ctx) {
      ctx.set('Set-Cookie', `sessionid=${'x'.repeat(32)}; path=/; httponly`)
      answer(ctx)
    },
  })
}

/** This project's middleware. */
export function ownSessions(options: SessionsOptions): Koa {
  const pages: Pages = {
    none: answer,
    async begin(ctx) {
      const session = await ctx.session()
      session.assign(SESSION)
      answer(ctx)
    },
    async read(ctx) {
      const session = await ctx.session()
      readCart(session.get('cart'))
      answerWith(ctx, session.get('theme'))
    },
    async change(ctx) {
      const session = await ctx.session()
      changeCart(session.get('cart'))
      answerWith(ctx, session.get('theme'))
    },
    async login(ctx) {
      const session = await ctx.session()
      session.set('logins', count(session.get('logins')) + 1)
      await signIn(session, '1')
      answerWith(ctx, session.get('theme'))
    },
    async state(ctx) {
      const session = await ctx.session()
      const [{ changes }, logins] = [readCart(session.get('cart')), count(session.get('logins'))]
      answerState(ctx, session.get('theme'), { changes, logins, user: session.userId })
    },
  }
  return application(pages, sessions(options))
}

/** The middleware most Koa applications use, with its session in the cookie, as it is by default. */
export function koaSession(secrets: readonly string[]): Koa {
  const app = new Koa()
  app.keys = [...secrets]
  const pages: Pages = {
    none: answer,
    begin(ctx) {
      Object.assign(peerSession(ctx), SESSION)
      answer(ctx)
    },
    read(ctx) {
      const session = peerSession(ctx)
      readCart(session['cart'])
      answerWith(ctx, session['theme'])
    },
    change(ctx) {
      const session = peerSession(ctx)
      changeCart(session['cart'])
      answerWith(ctx, session['theme'])
    },
    login(ctx) {
      const session = peerSession(ctx)
      session['logins'] = count(session['logins']) + 1
      session['user'] = '1'
      answerWith(ctx, session['theme'])
    },
    state(ctx) {
      const { theme, cart, logins, user } = peerSession(ctx)
      const { changes } = readCart(cart)
      const state = { changes, logins: count(logins), user: typeof user === 'string' ? user : null }
      answerState(ctx, theme, state)
    },
  }
  return application(pages, peerSessions(app), app)
}

/** The hand-written middleware: see floors.ts. */
export function floor(medium: Floor, options: FloorOptions): Koa {
  const pages: Pages = {
    none: answer,
    async begin(ctx) {
      Object.assign((await floorSession(ctx)).data, structuredClone(SESSION))
      answer(ctx)
    },
    async read(ctx) {
      const { data } = await floorSession(ctx)
      readCart(data['cart'])
      answerWith(ctx, data['theme'])
    },
    async change(ctx) {
      const { data } = await floorSession(ctx)
      changeCart(data['cart'])
      answerWith(ctx, data['theme'])
    },
    // Without a change of key: it has no guarantees to pay for.
    async login(ctx) {
      const { data } = await floorSession(ctx)
      data['logins'] = count(data['logins']) + 1
      data['user'] = '1'
      answerWith(ctx, data['theme'])
    },
    async state(ctx) {
      const { theme, cart, logins, user } = (await floorSession(ctx)).data
      const { changes } = readCart(cart)
      answerState(ctx, theme, { changes, logins: count(logins), user: typeof user === 'string' ? user : null })
    },
  }
  return application(pages, floorSessions(medium, options))
}

// Its session is an object where this project's is a function; the types of Koa's context know one of them only.
function peerSession(ctx: Context): Record<string, unknown> {
  return ctx.session as unknown as Record<string, unknown>
}

function application(pages: Pages, middleware?: Middleware, app = new Koa()): Koa {
  if (middleware !== undefined) app.use(middleware)
  const table = new Map<string, Page>(Object.entries(pages).map(([name, page]) => [`/${name}`, page]))
  app.use((ctx) => table.get(ctx.path)?.(ctx))
  return app
}

interface Cart {
  changes: number
  readonly lines: { quantity: number }[]
}

/** Pages read and change objects in place, as people write it. */
function readCart(value: unknown): Cart {
  const cart = value as Cart | undefined
  return cart?.lines.length === LINES ? cart : { changes: 0, lines: [] }
}

function changeCart(value: unknown): void {
  const cart = readCart(value)
  const [line] = cart.lines
  cart.changes++
  if (line !== undefined) line.quantity++
}

function answer(ctx: Context): void {
  ctx.body = BODY
}

/** A missing session would be fast to read, so it counts as a wrong answer. */
function answerWith(ctx: Context, theme: unknown): void {
  ctx.status = theme === BODY ? 200 : 410
  ctx.body = BODY
}

function answerState(ctx: Context, theme: unknown, state: State): void {
  ctx.status = theme === BODY ? 200 : 410
  ctx.body = state
}

function count(value: unknown): number {
  return typeof value === 'number' ? value : 0
}
