import type { Middleware } from 'koa'
import type { Services } from '../services.ts'

/** /healthz: the process answers. /readyz: it can do its work; degraded while only a cache is out that it can do without. */
export function health({ knex, store, cache, log }: Services): Middleware {
  return async (ctx, next) => {
    if (ctx.path !== '/healthz' && ctx.path !== '/readyz') return await next()
    ctx.set('Cache-Control', 'no-store')
    ctx.body = { status: 'ok' }
    if (ctx.path === '/healthz') return
    // The sessions may live in a database of their own, or in a cache that nothing stands behind.
    const [database, sessions, cached] = await Promise.allSettled([
      knex.raw('select 1'),
      store?.load('readiness'),
      cache?.ping(),
    ])
    const parts = {
      database: stateOf(database),
      sessions: stateOf(sessions),
      ...(cache === undefined ? {} : { cache: stateOf(cached) }),
    }
    for (const { reason } of [database, sessions].filter((part) => part.status === 'rejected')) {
      log.error({ err: reason }, 'not ready')
      ctx.status = 503
      ctx.set('Retry-After', '5')
    }
    const degraded = cached.status === 'rejected' ? 'degraded' : 'ok'
    ctx.body = { status: ctx.status === 503 ? 'unavailable' : degraded, ...parts }
  }
}

function stateOf({ status }: PromiseSettledResult<unknown>): 'ok' | 'unavailable' {
  return status === 'fulfilled' ? 'ok' : 'unavailable'
}
