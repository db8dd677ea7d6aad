import { randomUUID } from 'node:crypto'
import type { Middleware } from 'koa'
import type { Logger } from 'pino'

const REQUEST_ID = /^[\w-]{8,64}$/

/** One line per request: method, path, status and time. Never headers, bodies, queries or addresses. */
export function requestLog(log: Logger): Middleware {
  return async (ctx, next) => {
    const sent = ctx.get('X-Request-Id')
    const requestId = REQUEST_ID.test(sent) ? sent : randomUUID()
    const start = performance.now()
    ctx.set('X-Request-Id', requestId)
    await next()
    const milliseconds = Math.round((performance.now() - start) * 10) / 10
    log.info({ requestId, method: ctx.method, path: ctx.path, status: ctx.status, milliseconds }, 'request')
  }
}

// A visitor who goes away while the answer is on its way is no fault of ours.
const GONE = new Set(['ECONNRESET', 'EPIPE', 'ERR_STREAM_PREMATURE_CLOSE'])

/** Logs what went wrong after the answer had begun, when there is nobody left to tell. */
export function reportLate(log: Logger, error: unknown): void {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  // Nor is what is no HTTP (HPE_): Node itself answers 400. Its error holds the bytes that were sent, cookies among them.
  if (GONE.has(code) || code.startsWith('HPE_')) log.debug({ code }, 'the request broke off')
  else log.error({ err: error }, 'failed while answering')
}
