import Router from '@koa/router'
import { demoUsers } from '../demo-users.ts'
import type { Services } from '../services.ts'
import { wantsJson } from './input.ts'
import { SITE_NAME } from './site.ts'

/** The home page, with the session engine that is running. */
export function home({ config, engine }: Services): ReturnType<Router['routes']> {
  const router = new Router()
  router.get('/', async (ctx) => {
    const facts = { name: SITE_NAME, engine: engine.name, format: config.session.format }
    if (wantsJson(ctx)) ctx.body = facts
    else await ctx.render('home.njk', { facts, demoUsers: config.mode === 'development' ? demoUsers : [] })
  })
  return router.routes()
}
