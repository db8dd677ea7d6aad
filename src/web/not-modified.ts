import type { Middleware } from 'koa'

/** Responds with 304 if the client has the same content already. */
export function notModified(): Middleware {
  return async (ctx, next) => {
    await next()
    if (!ctx.fresh) return
    ctx.status = 304
    ctx.body = null
  }
}
