import type { Middleware } from 'koa'
import type { Services } from '../services.ts'
import { withTimeout } from '../session/core/timeout.ts'
import { revocationsOf } from '../storage/part.ts'
import { rejectMethod } from './methods.ts'

const PROBE_KEY = 'readiness'
// Shorter than the timeouts of load balancers: a 503 tells more than no answer.
const TIMEOUT_MS = 2000

/** /healthz: the process responds. /readyz: it can serve requests; `degraded` while only a cache in front of the database is down. */
export function health(services: Services): Middleware {
  const { knex, store, cache, log, migrating } = services
  const revocations = revocationsOf(services)
  const checkSessions = () =>
    Promise.all([
      store?.load(PROBE_KEY),
      migrating?.other.store?.load(PROBE_KEY),
      revocations?.check(PROBE_KEY, PROBE_KEY),
    ])
  return async (ctx, next) => {
    if (ctx.path !== '/healthz' && ctx.path !== '/readyz') return await next()
    if (ctx.method !== 'GET' && ctx.method !== 'HEAD') return rejectMethod(ctx, ['GET', 'HEAD'])
    ctx.set('Cache-Control', 'no-store')
    ctx.body = { status: 'ok' }
    if (ctx.path === '/healthz') return
    // Sessions may be in a separate database, or only in a cache.
    const [database, sessions, cached] = await Promise.allSettled([
      withTimeout(knex.raw('select 1'), TIMEOUT_MS),
      withTimeout(checkSessions(), TIMEOUT_MS),
      cache === undefined ? undefined : withTimeout(cache.ping(), TIMEOUT_MS),
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
