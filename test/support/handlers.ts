import type { ExecutionContext } from 'ava'
import type { Context } from 'koa'
import type { ExpiryPolicy } from '../../src/session/core/expiry.ts'
import { type SessionsOptions, sessions } from '../../src/session/http/middleware.ts'
import type { Session } from '../../src/session/session.ts'
import { send } from './client.ts'
import { EXPIRY, testEngine } from './engine.ts'
import { serve } from './koa.ts'

/** A handler of a test. */
export type Handler = (ctx: Context, session: () => Promise<Session>) => Promise<void> | void

export const COOKIE = { name: 'sid', path: '/', secure: false, httpOnly: true, sameSite: 'Lax', maxSize: 4096 } as const

/** An application whose handlers are the test's, by path. */
export async function application(
  t: ExecutionContext,
  handlers: Record<string, Handler>,
  settings: Partial<SessionsOptions> & { expiry?: ExpiryPolicy } = {},
) {
  const bench = testEngine({ expiry: settings.expiry ?? EXPIRY })
  const { engine, expiry, now, observe } = bench
  const own: Record<string, Handler> = {
    '/begin': async (_ctx, session) => (await session()).set('n', 1),
    '/read': async (ctx, session) => {
      ctx.body = { ...Object.fromEntries((await session()).entries()) }
    },
    '/increment': async (_ctx, session) => (await session()).update('n', (n) => Number(n ?? 0) + 1),
    '/end': async (_ctx, session) => (await session()).flush(),
    ...handlers,
  }
  const { origin, close } = await serve(
    sessions({ engine, cookie: COOKIE, expiry, now, observe, storeTimeout: 10_000, ...settings }),
    async (ctx) => {
      ctx.body = 'ok'
      await own[ctx.path]?.(ctx, () => ctx.session())
    },
  )
  t.teardown(close)
  const get = async (path: string, cookie?: string, headers: Record<string, string> = {}) => {
    const response = await send(origin + path, {
      headers: { ...headers, ...(cookie === undefined ? {} : { cookie }) },
    })
    const [first = ''] = response.headers.getSetCookie()
    return {
      status: response.status,
      text: response.text,
      setCookie: first,
      cookie: first.split(';', 1)[0] ?? '',
      vary: response.headers.get('vary'),
      cache: response.headers.get('cache-control'),
      headers: response.headers,
    }
  }
  return { ...bench, origin, get, begin: async () => (await get('/begin')).cookie }
}

/** A promise that the test fulfils. */
export function deferred() {
  let resolve: () => void = () => {}
  const promise = new Promise<void>((done) => {
    resolve = done
  })
  return { promise, resolve }
}
