import type { Middleware } from 'koa'
import type { Services } from '../services.ts'

/** /healthz: the process answers. /readyz: it can do its work, which takes the database. */
export function health({ knex, engine, log }: Services): Middleware {
  return async (ctx, next) => {
    if (ctx.path !== '/healthz' && ctx.path !== '/readyz') return await next()
    ctx.set('Cache-Control', 'no-store')
    ctx.body = { status: 'ok' }
    if (ctx.path === '/healthz') return
    try {
      // The sessions may live in a database of their own.
      await Promise.all([knex.raw('select 1'), engine.store.load('readiness')])
      ctx.body = { status: 'ok', database: 'ok' }
    } catch (error) {
      log.error({ err: error }, 'the database does not answer')
      ctx.status = 503
      ctx.set('Retry-After', '5')
      ctx.body = { status: 'unavailable', database: 'unavailable' }
    }
  }
}
