import type { Middleware } from 'koa'
import type { Services } from '../services.ts'
import { within } from '../session/core/timeout.ts'
import { answerMethod } from './methods.ts'

const PROBE = 'readiness'
// Whoever asks has a timeout of a few seconds, and no answer would tell less than "no".
const TIMEOUT = 2000

/** /healthz: the process answers. /readyz: it can do its work; degraded while only a cache is down that it can do without. */
export function health({ knex, store, cache, log, migratingFrom, revocations }: Services): Middleware {
  const ended = revocations ?? migratingFrom?.revocations
  const home = () => Promise.all([store?.load(PROBE), migratingFrom?.store?.load(PROBE), ended?.check(PROBE, PROBE)])
  return async (ctx, next) => {
    if (ctx.path !== '/healthz' && ctx.path !== '/readyz') return await next()
    if (ctx.method !== 'GET' && ctx.method !== 'HEAD') return answerMethod(ctx, ['GET', 'HEAD'])
    ctx.set('Cache-Control', 'no-store')
    ctx.body = { status: 'ok' }
    if (ctx.path === '/healthz') return
    // The sessions may live in a database of their own, or in a cache that nothing stands behind.
    const [database, sessions, cached] = await Promise.allSettled([
      within(knex.raw('select 1'), TIMEOUT),
      within(home(), TIMEOUT),
      cache === undefined ? undefined : within(cache.ping(), TIMEOUT),
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
