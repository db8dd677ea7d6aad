import { STATUS_CODES } from 'node:http'
import type { Context, Middleware } from 'koa'
import type { Logger } from 'pino'
import { z } from 'zod'
import { PasswordQueueFullError } from '../passwords.ts'
import { isOutage } from '../session/core/error-codes.ts'
import type { Display } from './display.ts'
import { wantsJson } from './input.ts'

const httpError = z.object({
  status: z.number().int().min(400).max(599).optional(),
  // koa-body's limits have this instead of a status.
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

interface ErrorContext {
  readonly log: Logger
  /** Whether the session has been loaded: then reading it costs nothing. */
  readonly sessionLoaded: boolean
  /** The response headers before the handler ran. */
  readonly initialHeaders: Readonly<Record<string, unknown>>
}

/**
 * Turns errors into pages, or JSON for clients that ask for it, without internal details. It is used twice: inside the
 * session middleware, so that session changes before a 4xx are saved, and outside, for errors of the session itself.
 */
export function errorPages(log: Logger, place: 'inside the session' | 'outside the session'): Middleware {
  return async (ctx, next) => {
    const initialHeaders = ctx.res.getHeaders()
    let sessionLoaded = false
    if (place === 'inside the session') {
      const { session } = ctx
      // Two steps, as in the session's middleware.
      const noted: Context['session'] = (options) => {
        sessionLoaded = true
        return session(options)
      }
      ctx.session = noted
    }
    try {
      await next()
      if (place === 'inside the session' && ctx.status === 404 && ctx.body === undefined) ctx.throw(404)
    } catch (error) {
      await respond(ctx, error, { log, sessionLoaded, initialHeaders })
    }
  }
}

async function respond(
  ctx: Context,
  error: unknown,
  { log, sessionLoaded, initialHeaders }: ErrorContext,
): Promise<void> {
  const parsed = httpError.safeParse(describe(error))
  const known = parsed.success ? parsed.data : {}
  const status = known.status ?? known.httpCode ?? 500
  if (error instanceof PasswordQueueFullError) log.warn({ path: ctx.path }, 'too many passwords are waiting')
  else if (status >= 500) log.error({ err: error, path: ctx.path }, 'request failed')
  if (ctx.headerSent) return
  // Headers that the handler set (Location, cookies, length) belong to a response that is not sent.
  for (const name of ctx.res.getHeaderNames()) if (!(name in initialHeaders) && name !== 'vary') ctx.remove(name)
  const exposed = known.expose && known.message !== STATUS_CODES[status] ? known.message : undefined
  const [title, text] = TEXTS[status] ?? UNEXPECTED
  ctx.status = status
  if (status >= 400) ctx.set('Cache-Control', 'no-store')
  for (const [name, value] of Object.entries(known.headers ?? {})) ctx.set(name, value)
  if (wantsJson(ctx)) {
    ctx.body = known.fields === undefined ? { error: exposed || title } : { errors: known.fields }
    return
  }
  const display = await displayOf(ctx, sessionLoaded)
  await ctx.render('error.njk', { status, title, message: exposed || text }, { sessionless: display })
  ctx.status = status
}

/** The visitor's preferences if they are loaded: an error page must not ask a store that may be down. */
async function displayOf(ctx: Context, sessionLoaded: boolean): Promise<Display> {
  if (ctx.lastDisplay !== undefined) return ctx.lastDisplay
  return sessionLoaded ? await ctx.display().catch(() => ctx.browserDisplay()) : ctx.browserDisplay()
}

function describe(error: unknown): unknown {
  if (!(error instanceof Error)) return {}
  const { status, httpCode, expose, headers, fields } = error as Error & Record<string, unknown>
  // An aborted upload has such a code as well, but also a status.
  if (status === undefined && httpCode === undefined && isOutage(error)) {
    return { status: 503, headers: { 'Retry-After': '5' } }
  }
  return { status, httpCode, expose, headers, fields, message: error.message }
}
