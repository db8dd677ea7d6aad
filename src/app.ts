import etag from '@koa/etag'
import Koa from 'koa'
import type { Services } from './services.ts'
import { sessions } from './session/index.ts'
import { compression } from './web/compression.ts'
import { crossOriginProtection } from './web/cross-origin.ts'
import { currentUser } from './web/current-user.ts'
import { errorPages } from './web/errors.ts'
import type { Feature } from './web/feature.ts'
import { health } from './web/health.ts'
import { home } from './web/home.ts'
import { notModified } from './web/not-modified.ts'
import { readableAddress } from './web/readable-address.ts'
import { rendering } from './web/render.ts'
import { requestBody } from './web/request-body.ts'
import { reportLate, requestLog } from './web/request-log.ts'
import { securityHeaders } from './web/security-headers.ts'
import { staticFiles } from './web/static-files.ts'

/** The whole application, read from top to bottom in the order of a request. */
export async function createApp(services: Services): Promise<Koa> {
  const { config, log, engine, accounts, observe } = services
  // One line each: delete the line, the folder, its views and its tests, and the feature is gone.
  const features = await open(services, [
    import('./features/cart/index.ts'),
    import('./features/preferences/index.ts'),
    import('./features/choosing/index.ts'),
    import('./features/registration/index.ts'),
    import('./features/account/index.ts'),
    import('./features/devices/index.ts'),
    import('./features/operations/index.ts'),
    import('./features/explained/index.ts'),
  ])

  const app = new Koa({ proxy: config.trustedProxies > 0, maxIpsCount: config.trustedProxies })
  app.on('error', (error: unknown) => reportLate(log, error))
  app.use(readableAddress())
  app.use(requestLog(log))
  app.use(securityHeaders(config.production))
  for (const { outermost } of features) if (outermost !== undefined) app.use(outermost)
  app.use(rendering(config, features, (ctx) => currentUser(ctx, services)))
  app.use(errorPages(log, 'outside the session'))
  app.use(health(services))
  app.use(compression())
  app.use(notModified())
  app.use(etag({ weak: true }))
  app.use(staticFiles(config.production))
  const explain = features.find((feature) => feature.explain)?.explain
  app.use(sessions({ ...config.session, engine, accounts, observe, explain }))
  app.use(errorPages(log, 'inside the session'))
  app.use(crossOriginProtection(new Set(config.publicOrigin === undefined ? [] : [config.publicOrigin])))
  app.use(requestBody())
  app.use(home(services))
  for (const feature of features) app.use(feature.routes)
  return app
}

type FeatureModule = { default: (services: Services) => Feature }

async function open(services: Services, modules: Promise<FeatureModule>[]): Promise<Feature[]> {
  return (await Promise.all(modules)).map((module) => module.default(services))
}
