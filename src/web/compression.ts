import type { Middleware } from 'koa'
import compress from 'koa-compress'

/** Compresses answers. A client that takes no coding at all, not even none, gets them as they are. */
export function compression(): Middleware {
  const compressed = compress()
  return async (ctx, next) => {
    // koa-compress would set a Content-Encoding of undefined, and that is a 500.
    if (ctx.acceptsEncodings(compressed.preferredEncodings) === false) ctx.compress = false
    await compressed(ctx, next)
  }
}
