import Router from '@koa/router'
import { demoUsers } from '../demo-users.ts'
import type { Services } from '../services.ts'
import type { Attraction } from './feature.ts'
import { wantsJson } from './input.ts'
import { SITE_NAME } from './site.ts'

/** The home page, with the session engine that is running and what features offer. */
export function home({ config, engine }: Services, attractions: readonly Attraction[]): ReturnType<Router['routes']> {
  const router = new Router()
  router.get('/', async (ctx) => {
    const facts = { name: SITE_NAME, engine: engine.name, format: config.session.format }
    if (wantsJson(ctx)) ctx.body = facts
    else {
      const offered = (kind: Attraction['kind']) => attractions.filter((one) => one.kind === kind)
      const shown = { see: offered('see'), read: offered('read') }
      await ctx.render('home.njk', { facts, ...shown, demoUsers: config.mode === 'development' ? demoUsers : [] })
    }
  })
  return router.routes()
}
