import { Stream } from 'node:stream'
import { constants } from 'node:zlib'
import type { Middleware } from 'koa'
import compress from 'koa-compress'

// Node has zstd from version 22.15 on.
const FLUSH: Readonly<Record<string, number | undefined>> = { ...constants }

/**
 * Compresses responses. Streams are flushed after every write. A client that accepts no encoding at all, not even
 * identity, gets uncompressed responses.
 */
export function compression(): Middleware {
  const compressed = compress({
    gzip: (_type, size) => ({ ...flushed(size, constants.Z_SYNC_FLUSH) }),
    deflate: (_type, size) => ({ ...flushed(size, constants.Z_SYNC_FLUSH) }),
    br: (_type, size) => ({
      params: { [constants.BROTLI_PARAM_QUALITY]: 4 },
      ...flushed(size, constants.BROTLI_OPERATION_FLUSH),
    }),
    zstd: (_type: string, size?: number) => ({ ...flushed(size, FLUSH['ZSTD_e_flush']) }),
  })
  return async (ctx, next) => {
    // koa-compress would set Content-Encoding to undefined, which fails with a 500.
    if (ctx.acceptsEncodings(compressed.preferredEncodings) === false) ctx.compress = false
    let source: unknown
    await compressed(ctx, async () => {
      await next()
      source = ctx.body
    })
    const { body } = ctx
    // pipe() does not forward errors: the connection would stay open for ever.
    if (source instanceof Stream && body instanceof Stream.Transform && body !== source) {
      source.once('error', (error: Error) => body.destroy(error))
    }
  }
}

/** Flushes after every write if the size is unknown: a compressor would wait until its buffer is full. */
function flushed(size: number | undefined, flush: number | undefined) {
  return size === undefined && flush !== undefined ? { flush } : {}
}
