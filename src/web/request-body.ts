import type { IncomingMessage } from 'node:http'
import type { Context, Middleware } from 'koa'
import { koaBody } from 'koa-body'
import { methodsOf, type Routes } from './methods.ts'

// The others have no body, or none that is parsed.
const WITH_BODY = new Set(['POST', 'PUT', 'PATCH'])
// Far above what any form of this application needs: code that walks a body must not overflow the stack.
const MAX_JSON_DEPTH = 32
const MAX_JSON_VALUES = 2000

/**
 * Parses a form or JSON into `ctx.request.body`, if a route takes this path and method; otherwise nothing is read.
 *
 * @param maxBytes maximum bytes of a body, after decompression
 * @throws HttpError 400, 413 or 415 for a body that cannot be parsed
 */
export function requestBody(routes: readonly Routes[], maxBytes: number): Middleware {
  const read = koaBody({
    multipart: false,
    text: false,
    jsonLimit: maxBytes,
    formLimit: maxBytes,
    includeUnparsed: true,
    onError: refuse,
  })
  return async (ctx, next) => {
    if (methodsOf(routes, ctx.path).includes(ctx.method)) {
      const complete = await Promise.race([read(ctx, async () => true), aborted(ctx.req)])
      if (!complete || !isWellFormed(ctx)) ctx.throw(400)
      // A route would take it for an empty form.
      if (await isUnread(ctx)) ctx.throw(415, 'This address takes forms without files, and JSON.')
    }
    await next()
  }
}

/** Whether there is a body that was not parsed. */
async function isUnread(ctx: Context): Promise<boolean> {
  const { req, request, method } = ctx
  if (!WITH_BODY.has(method) || request.body !== undefined) return false
  if (req.headers['transfer-encoding'] === undefined) return Number(req.headers['content-length'] ?? 0) > 0
  // Proxies send a request without a body like this, too.
  const read = new Promise((resolve, reject) => {
    req.once('readable', resolve).once('end', resolve).once('error', reject)
  })
  await read.catch(() => ctx.throw(400))
  return req.readableLength > 0
}

/** Without invalid UTF-8, invalid percent encoding, and JSON that is too deep or too wide. */
function isWellFormed(ctx: Context): boolean {
  const { body, rawBody } = ctx.request as { body?: unknown; rawBody?: unknown }
  // Invalid bytes were decoded as this character.
  if (typeof rawBody === 'string' && rawBody.includes('\ufffd')) return false
  if (ctx.is('urlencoded')) return isPercentEncoded(String(rawBody))
  // Whatever its type: several are parsed as JSON.
  return isBounded(body)
}

function isPercentEncoded(text: string): boolean {
  try {
    decodeURIComponent(text)
    return true
  } catch {
    return false
  }
}

function isBounded(body: unknown): boolean {
  let level = [body]
  let values = 0
  for (let depth = 0; level.length > 0; depth++) {
    values += level.length
    if (depth > MAX_JSON_DEPTH || values > MAX_JSON_VALUES) return false
    level = level.flatMap((value) => (typeof value === 'object' && value !== null ? Object.values(value) : []))
  }
  return true
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
