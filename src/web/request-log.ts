import { randomUUID } from 'node:crypto'
import type { Middleware } from 'koa'
import type { Logger } from 'pino'

const REQUEST_ID = /^[\w-]{8,64}$/

declare module 'koa' {
  interface DefaultContext {
    /** The log, with the id of this request in each line. */
    log: Logger
  }
}

/**
 * Logs one line per request: method, path, status and time. Never headers, bodies, query strings or IP addresses.
 *
 * @param behindProxy whether the id may come from X-Request-Id, set by a trusted proxy
 */
export function requestLog(log: Logger, behindProxy: boolean): Middleware {
  return async (ctx, next) => {
    const received = behindProxy ? ctx.get('X-Request-Id') : ''
    const requestId = REQUEST_ID.test(received) ? received : randomUUID()
    ctx.log = log.child({ requestId })
    const start = performance.now()
    ctx.set('X-Request-Id', requestId)
    await next()
    const milliseconds = Math.round((performance.now() - start) * 10) / 10
    ctx.log.info({ method: ctx.method, path: ctx.path, status: ctx.status, milliseconds }, 'request')
  }
}

// The client disconnected before the end of the response, which is not an error of the server.
const DISCONNECTED = new Set(['ECONNRESET', 'EPIPE', 'ERR_STREAM_PREMATURE_CLOSE'])

/** Logs errors after the response has begun, when no error page can be sent. */
export function logLateError(log: Logger, error: unknown): void {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  // Invalid HTTP (HPE_): Node has responded with 400. Its error contains the bytes of the request, cookies among them.
  if (DISCONNECTED.has(code) || code.startsWith('HPE_')) log.debug({ code }, 'client disconnected')
  else log.error({ err: error }, 'error after the response had begun')
}
