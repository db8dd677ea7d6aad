import type { Middleware } from 'koa'

/** Responds with 400 to `GET http://[/`, for which `ctx.path` throws. Must be the first middleware. */
export function rejectInvalidUrl(): Middleware {
  return async (ctx, next) => {
    try {
      void ctx.path
    } catch {
      ctx.status = 400
      return
    }
    await next()
  }
}
