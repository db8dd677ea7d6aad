import { Readable } from 'node:stream'
import { ReadableStream } from 'node:stream/web'
import type { Middleware } from 'koa'

/**
 * Sends server-sent events without delay: uncompressed, headers first, unbuffered by proxies. Web streams are converted to
 * Node streams, as ETag and compression would treat them as JSON.
 */
export function streams(): Middleware {
  return async (ctx, next) => {
    await next()
    if (ctx.body instanceof ReadableStream) ctx.body = Readable.fromWeb(ctx.body)
    if (ctx.response.is('text/event-stream') === false) return
    ctx.compress = false
    if (!(ctx.body instanceof Readable)) return
    // nginx and compatible proxies would buffer events.
    if (!ctx.response.get('X-Accel-Buffering')) ctx.set('X-Accel-Buffering', 'no')
    // So that the browser knows that the stream is open before the first event.
    ctx.flushHeaders()
  }
}
