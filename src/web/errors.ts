import { STATUS_CODES } from 'node:http'
import type { Context, Middleware } from 'koa'
import type { Logger } from 'pino'
import { z } from 'zod'
import { isOutage } from '../session/core/error-codes.ts'
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

const PLAIN: Readonly<Record<number, string>> = {
  400: 'The request could not be understood.',
  401: 'Please sign in.',
  403: 'This is not allowed.',
  404: 'There is nothing at this address.',
  405: 'This address does not take such a request.',
  413: 'That is too much at once.',
  415: 'This kind of content is not understood here.',
  503: 'We cannot answer for a moment. Please try again.',
}

/**
 * Turns errors into pages, or JSON for clients that ask for it, and says nothing of the inside. It stands twice
 * in the stack: inside the session, so that what a 4xx leaves behind is saved, and outside, for the session's own.
 */
export function errorPages(log: Logger, place: 'inside the session' | 'outside the session'): Middleware {
  return async (ctx, next) => {
    const headers = ctx.res.getHeaders()
    try {
      await next()
      if (place === 'inside the session' && ctx.status === 404 && ctx.body === undefined) ctx.throw(404)
    } catch (error) {
      await answer(ctx, error, log, headers)
    }
  }
}

async function answer(ctx: Context, error: unknown, log: Logger, before: Record<string, unknown>): Promise<void> {
  const parsed = httpError.safeParse(describe(error))
  const known = parsed.success ? parsed.data : {}
  const status = known.status ?? known.httpCode ?? 500
  if (status >= 500) log.error({ err: error, path: ctx.path }, 'request failed')
  if (ctx.headerSent) return
  // Whatever the handler had prepared (a redirect, a cookie, a length) belonged to another answer.
  for (const name of ctx.res.getHeaderNames()) if (!(name in before) && name !== 'vary') ctx.remove(name)
  const said = known.expose && known.message !== STATUS_CODES[status] ? known.message : undefined
  const message = said || PLAIN[status] || 'Something went wrong. It is not your fault.'
  ctx.status = status
  if (status >= 400) ctx.set('Cache-Control', 'no-store')
  for (const [name, value] of Object.entries(known.headers ?? {})) ctx.set(name, value)
  if (wantsJson(ctx)) {
    ctx.body = known.fields === undefined ? { error: message } : { errors: known.fields }
    return
  }
  // An impersonal page: the session may be the very thing that failed.
  await ctx.render('error.njk', { status, message, title: STATUS_CODES[status] ?? 'Error' }, { impersonal: true })
  ctx.status = status
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
