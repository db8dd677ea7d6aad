import Router from '@koa/router'
import type { Context, Middleware } from 'koa'
import { z } from 'zod'
import type { Services } from '../../services.ts'
import { defineSettings, setting, text, type ValuesOf } from '../../settings.ts'
import { currentUser, requireStaff, requireStaffStill } from '../../web/current-user.ts'
import { type Attraction, defineFeature, type OpenFeature } from '../../web/feature.ts'
import { queryParam, wantsJson } from '../../web/input.ts'
import { canReadMetrics } from './access.ts'
import { Dashboard } from './dashboard.ts'
import { Metrics } from './metrics.ts'
import { RecentSecurityEvents } from './recent-security.ts'
import { Samples } from './samples.ts'
import { SessionCounter } from './session-counter.ts'

const settings = defineSettings({
  METRICS_TOKEN: setting(
    text.pipe(z.string().min(16, 'must be at least 16 characters').optional()),
    'Required as "Authorization: Bearer" to read /metrics; empty: only this machine can read it',
  ),
})

export default defineFeature({ name: 'operations', settings, open: operations })

/** Monitoring of sessions: metrics for Prometheus, and a dashboard for staff. */
function operations(services: Services, { METRICS_TOKEN: token }: ValuesOf<typeof settings>): OpenFeature {
  const metrics = new Metrics(services)
  const samples = new Samples({ counts: () => metrics.counts() })
  const sessionCounter = new SessionCounter(services.store)
  const security = new RecentSecurityEvents()
  const dashboard = new Dashboard({ services, metrics, samples, sessionCounter, security })
  const router = new Router()
  services.addObserver((event) => metrics.observe(event))
  void samples.start()
  metrics.process.start()

  router.get('/operations', async (ctx) => {
    if (queryParam(ctx, 'refresh') !== undefined) ignoreActivity(ctx)
    const user = await requireStaff(ctx, services, '/operations')
    if (user === null) return
    if (wantsJson(ctx)) {
      const figures = await dashboard.figures()
      await requireStaffStill(ctx, services, user)
      ctx.body = figures
    } else {
      const view = await dashboard.view(await ctx.display(), await ctx.translate())
      await requireStaffStill(ctx, services, user)
      await ctx.render('operations/operations.njk', { ...view, still: queryParam(ctx, 'still') !== undefined })
    }
  })

  const demonstration: Attraction = {
    href: '/operations',
    title: 'Operations',
    text: 'The figures of all sessions: how fast they are saved, conflicts, alerts. Sign in as ada, who is staff.',
    kind: 'see',
  }
  return {
    routes: router.routes(),
    // Only there are users for demonstrations.
    attractions: services.config.mode === 'development' ? [demonstration] : [],
    outermost: measured(metrics, token),
    security: (event) => security.add(event),
    page: async (ctx, session) =>
      session.userId !== null && (await currentUser(ctx, services))?.isStaff
        ? { nav: [{ href: '/operations', label: 'Operations', place: 'account' }] }
        : {},
  }
}

/** Automatic reloads are not activity, or a forgotten tab would keep its session alive for ever. */
function ignoreActivity(ctx: Context): void {
  const { session } = ctx
  // Two steps, as in the session's middleware.
  const quietly: Context['session'] = () => session({ activity: false })
  ctx.session = quietly
}

// Requests of machines say nothing about how long visitors wait.
const UNMEASURED_PATHS = new Set(['/metrics', '/healthz', '/readyz'])

/** Responds to /metrics without a session, and measures all other requests. */
function measured(metrics: Metrics, token: string | undefined): Middleware {
  return async (ctx, next) => {
    if (ctx.path === '/metrics') return await respondWithMetrics(ctx, metrics, token)
    if (UNMEASURED_PATHS.has(ctx.path)) return await next()
    const start = performance.now()
    let status = 500
    try {
      await next()
      status = ctx.status
    } finally {
      metrics.responded(status, performance.now() - start)
    }
  }
}

async function respondWithMetrics(ctx: Context, metrics: Metrics, token: string | undefined): Promise<void> {
  ctx.set('Cache-Control', 'no-store')
  if (ctx.method !== 'GET' && ctx.method !== 'HEAD') {
    ctx.set('Allow', 'GET, HEAD, OPTIONS')
    // Not thrown: an error page would need what comes after this middleware.
    ctx.status = ctx.method === 'OPTIONS' ? 204 : 405
    return
  }
  if (!canReadMetrics(ctx, token)) {
    ctx.status = 403
    ctx.body = 'Send METRICS_TOKEN as a bearer token; if it is not set, only this machine can read the metrics.\n'
    return
  }
  const { type, body } = await metrics.text()
  ctx.type = type
  ctx.body = body
}
