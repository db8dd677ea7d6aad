import type { IncomingMessage } from 'node:http'
import type { Context, Middleware } from 'koa'
import { koaBody } from 'koa-body'

/**
 * Reads a form, JSON or text into `ctx.request.body`.
 *
 * @throws HttpError 400, 413 or 415 for whatever cannot be read: it is the client that wrote it
 */
export function requestBody(): Middleware {
  const read = koaBody({ multipart: false, onError: refuse })
  return async (ctx, next) => {
    const whole = await Promise.race([read(ctx, async () => true), brokenOff(ctx.req)])
    if (!whole) ctx.throw(400)
    await next()
  }
}

// Errors of decompression have no status, and those of the parsers have the body in them.
function refuse(error: Error, ctx: Context): never {
  const status = 'status' in error ? Number(error.status) : 400
  return ctx.throw(status < 500 ? status : 400)
}

/** Resolves with false when the client goes away in the middle: what decompresses would wait for the rest for ever. */
function brokenOff(request: IncomingMessage): Promise<false> {
  return new Promise((resolve) => {
    const closed = () => {
      if (!request.complete) resolve(false)
    }
    if (request.closed) closed()
    else request.once('close', closed)
  })
}
