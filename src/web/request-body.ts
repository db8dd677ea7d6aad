import type { IncomingMessage } from 'node:http'
import type { Context, Middleware } from 'koa'
import { koaBody } from 'koa-body'

/**
 * Parses a form, JSON or text into `ctx.request.body`.
 *
 * @throws HttpError 400, 413 or 415 for a body that cannot be parsed
 */
export function requestBody(): Middleware {
  const read = koaBody({ multipart: false, onError: refuse })
  return async (ctx, next) => {
    const complete = await Promise.race([read(ctx, async () => true), aborted(ctx.req)])
    if (!complete) ctx.throw(400)
    await next()
  }
}

// Errors of decompression have no status, and messages of the parsers contain the body.
function refuse(error: Error, ctx: Context): never {
  const status = 'status' in error ? Number(error.status) : 400
  return ctx.throw(status < 500 ? status : 400)
}

/** Resolves with false when the client disconnects: decompression would wait for the rest for ever. */
function aborted(request: IncomingMessage): Promise<false> {
  return new Promise((resolve) => {
    const closed = () => {
      if (!request.complete) resolve(false)
    }
    if (request.closed) closed()
    else request.once('close', closed)
  })
}
