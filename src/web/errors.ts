import { STATUS_CODES } from 'node:http'
import type { Context, Middleware } from 'koa'
import type { Logger } from 'pino'
import { z } from 'zod'
import { isOutage } from '../session/core/error-codes.ts'
import { browserDisplay, type Display } from './display.ts'
import { wantsJson } from './input.ts'

const httpError = z.object({
  status: z.number().int().min(400).max(599).optional(),
  // What koa-body's limits carry instead of a status.
  httpCode: z.number().int().min(400).max(599).optional(),
  expose: z.boolean().optional(),
  message: z.string().optional(),
  headers: z.record(z.string(), z.string()).optional(),
  fields: z.record(z.string(), z.string()).optional(),
})

const UNEXPECTED: readonly [title: string, message: string] = [
  'Something went wrong',
  'The error has been logged. Please try again later.',
]
const TEXTS: Readonly<Record<number, readonly [title: string, message: string]>> = {
  400: ['Bad request', 'The server could not read this request.'],
  401: ['Sign-in required', 'Please sign in.'],
  403: ['Not allowed', 'You do not have access to this page.'],
  404: ['Page not found', 'Check the address, or start from the home page.'],
  405: ['Method not allowed', 'This address does not accept this kind of request.'],
  409: ['Conflict', 'Something has changed in the meantime. Please try again.'],
  413: ['Request too large', 'Send less at once.'],
  415: ['Unsupported format', 'This content type is not supported.'],
  422: ['Invalid input', 'Please check what you entered.'],
  429: ['Too many requests', 'Please try again later.'],
  503: ['Temporarily unavailable', 'Please try again in a moment.'],
}

interface Situation {
  readonly log: Logger
  /** Whether the session has been read, which costs nothing for a second time. */
  readonly asked: boolean
  /** The headers from before what failed. */
  readonly before: Readonly<Record<string, unknown>>
}

/**
 * Turns errors into pages, or JSON for clients that ask for it, and says nothing of the inside. It stands twice
 * in the stack: inside the session, so that what a 4xx leaves behind is saved, and outside, for the session's own.
 */
export function errorPages(log: Logger, place: 'inside the session' | 'outside the session'): Middleware {
  return async (ctx, next) => {
    const before = ctx.res.getHeaders()
    let asked = false
    if (place === 'inside the session') {
      const { session } = ctx
      ctx.session = (options) => {
        asked = true
        return session(options)
      }
    }
    try {
      await next()
      if (place === 'inside the session' && ctx.status === 404 && ctx.body === undefined) ctx.throw(404)
    } catch (error) {
      await answer(ctx, error, { log, asked, before })
    }
  }
}

async function answer(ctx: Context, error: unknown, { log, asked, before }: Situation): Promise<void> {
  const parsed = httpError.safeParse(describe(error))
  const known = parsed.success ? parsed.data : {}
  const status = known.status ?? known.httpCode ?? 500
  if (status >= 500) log.error({ err: error, path: ctx.path }, 'request failed')
  if (ctx.headerSent) return
  // Whatever the handler had prepared (a redirect, a cookie, a length) belonged to another answer.
  for (const name of ctx.res.getHeaderNames()) if (!(name in before) && name !== 'vary') ctx.remove(name)
  const said = known.expose && known.message !== STATUS_CODES[status] ? known.message : undefined
  const [title, usual] = TEXTS[status] ?? UNEXPECTED
  ctx.status = status
  if (status >= 400) ctx.set('Cache-Control', 'no-store')
  for (const [name, value] of Object.entries(known.headers ?? {})) ctx.set(name, value)
  if (wantsJson(ctx)) {
    ctx.body = known.fields === undefined ? { error: said || title } : { errors: known.fields }
    return
  }
  await ctx.render('error.njk', { status, title, message: said || usual }, { impersonal: await displayOf(ctx, asked) })
  ctx.status = status
}

/** As the visitor likes it, where that is known already: a page of an error asks nothing of a store that may have failed. */
async function displayOf(ctx: Context, asked: boolean): Promise<Display> {
  if (ctx.lastDisplay !== undefined) return ctx.lastDisplay
  return asked ? await ctx.display().catch(() => browserDisplay(ctx)) : browserDisplay(ctx)
}

function describe(error: unknown): unknown {
  if (!(error instanceof Error)) return {}
  const { status, httpCode, expose, headers, fields } = error as Error & Record<string, unknown>
  // Whichever query met it first. An upload that breaks off has such a code as well, but a status of its own.
  if (status === undefined && httpCode === undefined && isOutage(error)) {
    return { status: 503, headers: { 'Retry-After': '5' } }
  }
  return { status, httpCode, expose, headers, fields, message: error.message }
}
