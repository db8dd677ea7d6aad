import type { Middleware } from 'koa'
import type { Services } from '../services.ts'

const PROBE = 'readiness'
// Whoever asks has a timeout of a few seconds, and no answer would tell less than "no".
const SOON = 2000

/** /healthz: the process answers. /readyz: it can do its work; degraded while only a cache is down that it can do without. */
export function health({ knex, store, cache, log, movingFrom, revocations }: Services): Middleware {
  const ended = revocations ?? movingFrom?.revocations
  const home = () => Promise.all([store?.load(PROBE), movingFrom?.store?.load(PROBE), ended?.check(PROBE, PROBE)])
  return async (ctx, next) => {
    if (ctx.path !== '/healthz' && ctx.path !== '/readyz') return await next()
    ctx.set('Cache-Control', 'no-store')
    ctx.body = { status: 'ok' }
    if (ctx.path === '/healthz') return
    // The sessions may live in a database of their own, or in a cache that nothing stands behind.
    const [database, sessions, cached] = await Promise.allSettled([
      soon(knex.raw('select 1')),
      soon(home()),
      cache === undefined ? undefined : soon(cache.ping()),
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

async function soon(work: PromiseLike<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`There was no answer within ${SOON} ms`)), SOON)
  })
  await Promise.race([work, late]).finally(() => clearTimeout(timer))
}

function stateOf({ status }: PromiseSettledResult<unknown>): 'ok' | 'unavailable' {
  return status === 'fulfilled' ? 'ok' : 'unavailable'
}
