import Router from '@koa/router'
import type { Context, Middleware } from 'koa'
import { z } from 'zod'
import type { Services } from '../../services.ts'
import { defineSettings, setting, text, type ValuesOf } from '../../settings.ts'
import { currentUser, isStaffNow, requireUser } from '../../web/current-user.ts'
import { defineFeature, type OpenFeature } from '../../web/feature.ts'
import { inQuery, wantsJson } from '../../web/input.ts'
import { mayReadMetrics } from './access.ts'
import { Counting } from './counting.ts'
import { Dashboard } from './dashboard.ts'
import { Metrics } from './metrics.ts'
import { Samples } from './samples.ts'

const settings = defineSettings({
  METRICS_TOKEN: setting(
    text.pipe(z.string().min(16, 'must be at least 16 characters').optional()),
    'Who sends it as "Authorization: Bearer" may read /metrics; empty: this machine alone may',
  ),
})

export default defineFeature({ name: 'operations', settings, open: operations })

/** How the sessions are doing: metrics for Prometheus, and a page for the staff. */
function operations(services: Services, { METRICS_TOKEN: token }: ValuesOf<typeof settings>): OpenFeature {
  const metrics = new Metrics(services)
  const samples = new Samples({ tally: () => metrics.tally() })
  const dashboard = new Dashboard(services, metrics, samples, new Counting(services.store))
  const router = new Router()
  services.watch((event) => metrics.observe(event))
  void samples.start()

  router.get('/operations', async (ctx) => {
    if (inQuery(ctx, 'refresh') !== undefined) withoutActivity(ctx)
    const user = await requireUser(ctx, services, '/operations')
    if (user === null) return
    if (!user.isStaff) ctx.throw(403)
    if (wantsJson(ctx)) {
      const figures = await dashboard.figures()
      if (!(await isStaffNow(user, services))) ctx.throw(403)
      ctx.body = figures
    } else {
      const view = await dashboard.view(await ctx.display(), await ctx.translate())
      if (!(await isStaffNow(user, services))) ctx.throw(403)
      await ctx.render('operations/operations.njk', { ...view, still: inQuery(ctx, 'still') !== undefined })
    }
  })

  return {
    routes: router.routes(),
    outermost: measured(metrics, token),
    page: async (ctx, session) =>
      session.userId !== null && (await currentUser(ctx, services))?.isStaff
        ? { nav: [{ href: '/operations', label: 'Operations', place: 'account' }] }
        : {},
  }
}

/** A page that reloads itself is no activity of its reader, or a forgotten tab would keep its session for ever. */
function withoutActivity(ctx: Context): void {
  const { session } = ctx
  ctx.session = () => session({ activity: false })
}

// What machines ask all day says nothing of how long people wait.
const UNMEASURED = new Set(['/metrics', '/healthz', '/readyz'])

/** Answers /metrics, above the session, and measures everything else. */
function measured(metrics: Metrics, token: string | undefined): Middleware {
  return async (ctx, next) => {
    if (ctx.path === '/metrics') return await answerMetrics(ctx, metrics, token)
    if (UNMEASURED.has(ctx.path)) return await next()
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

async function answerMetrics(ctx: Context, metrics: Metrics, token: string | undefined): Promise<void> {
  ctx.set('Cache-Control', 'no-store')
  if (ctx.method !== 'GET' && ctx.method !== 'HEAD') {
    ctx.set('Allow', 'GET, HEAD')
    ctx.status = 405
    return
  }
  if (!mayReadMetrics(ctx, token)) {
    ctx.status = 403
    ctx.body = 'Metrics are for whoever has the METRICS_TOKEN or, where none is set, for this machine itself.\n'
    return
  }
  const { type, body } = await metrics.text()
  ctx.type = type
  ctx.body = body
}
