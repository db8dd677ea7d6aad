import { join } from 'node:path'
import etag from '@koa/etag'
import Koa from 'koa'
import { loadFeatures } from './features/index.ts'
import { codeFolder, featureFolder } from './paths.ts'
import type { Services } from './services.ts'
import { sessions } from './session/index.ts'
import { compression } from './web/compression.ts'
import { crossOriginProtection } from './web/cross-origin.ts'
import { currentUser } from './web/current-user.ts'
import { errorPages } from './web/errors.ts'
import type { Feature } from './web/feature.ts'
import { health } from './web/health.ts'
import { home } from './web/home.ts'
import { httpsOnly } from './web/https-only.ts'
import { openTranslations } from './web/i18n.ts'
import { rejectInvalidUrl } from './web/invalid-url.ts'
import { allowedMethods } from './web/methods.ts'
import { readableAddress } from './web/network.ts'
import { notModified } from './web/not-modified.ts'
import { rendering } from './web/render.ts'
import { requestBody } from './web/request-body.ts'
import { logLateError, requestLog } from './web/request-log.ts'
import { securityHeaders } from './web/security-headers.ts'
import { SECURITY_LOGGED } from './web/security-log.ts'
import { limitNewSessions } from './web/session-limits.ts'
import { staticFiles } from './web/static-files.ts'
import { streams } from './web/streams.ts'

/**
 * The whole application: middleware in the order in which a request passes it.
 *
 * @param env environment variables for the settings of the features
 * @param definitions its features; by default those of the registry
 */
export async function createApp(
  services: Services,
  env: NodeJS.ProcessEnv = process.env,
  definitions?: readonly Feature[],
): Promise<Koa> {
  const { config, log, engine, accounts, observe } = services
  definitions ??= await loadFeatures()
  const translations = openTranslations([
    join(codeFolder, 'web'),
    ...definitions.map(({ name }) => featureFolder(name)),
  ])
  const features = definitions.map((feature) => feature.open(services, env))

  const app = new Koa({ proxy: config.trustedProxies > 0, maxIpsCount: config.trustedProxies })
  app.on('error', (error: unknown) => logLateError(log, error))
  for (const { security } of features) if (security !== undefined) app.on(SECURITY_LOGGED, security)
  app.use(readableAddress())
  app.use(rejectInvalidUrl())
  app.use(requestLog(log, config.trustedProxies > 0))
  app.use(securityHeaders(config.production))
  for (const { outermost } of features) if (outermost !== undefined) app.use(outermost)
  app.use(rendering(config, { translations, features, userOf: (ctx) => currentUser(ctx, services) }))
  app.use(errorPages(log, 'outside the session'))
  app.use(health(services))
  app.use(httpsOnly(config))
  app.use(compression())
  app.use(notModified())
  app.use(etag({ weak: true }))
  app.use(staticFiles(config.production, definitions))
  app.use(streams())
  const explain = features.find((feature) => feature.explain)?.explain
  const beforeCreate = limitNewSessions(services)
  app.use(sessions({ ...config.session, engine, accounts, observe, explain, beforeCreate }))
  app.use(errorPages(log, 'inside the session'))
  app.use(crossOriginProtection(config.publicOrigin))
  const attractions = features.flatMap((feature) => feature.attractions ?? [])
  const routes = [home(services, attractions), ...features.map((feature) => feature.routes)]
  app.use(allowedMethods(routes))
  app.use(requestBody(routes, config.maxBodyBytes))
  for (const middleware of routes) app.use(middleware)
  return app
}
