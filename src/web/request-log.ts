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
