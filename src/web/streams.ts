import { Readable } from 'node:stream'
import { ReadableStream } from 'node:stream/web'
import type { Middleware } from 'koa'

/**
 * Sends server-sent events as they come: uncompressed, headers at once, and past the buffers of proxies. Web streams
 * become Node's, or ETag and compression would take them for JSON.
 */
export function streams(): Middleware {
  return async (ctx, next) => {
    await next()
    if (ctx.body instanceof ReadableStream) ctx.body = Readable.fromWeb(ctx.body)
    if (ctx.response.is('text/event-stream') === false) return
    ctx.compress = false
    if (!(ctx.body instanceof Readable)) return
    // nginx and those that follow it would collect a buffer of events.
    if (!ctx.response.get('X-Accel-Buffering')) ctx.set('X-Accel-Buffering', 'no')
    // A browser learns that the stream is open before its first event.
    ctx.flushHeaders()
  }
}
