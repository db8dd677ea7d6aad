import type { Middleware } from 'koa'

/** Answers 304 where the visitor has the very same content already. */
export function notModified(): Middleware {
  return async (ctx, next) => {
    await next()
    if (!ctx.fresh) return
    ctx.status = 304
    ctx.body = null
  }
}
