import type { Middleware } from 'koa'

/** Answers 400 to `GET http://[/`: every other middleware asks for the path, which throws then. Stands above them all. */
export function readableAddress(): Middleware {
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
