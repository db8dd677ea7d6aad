import type { Middleware } from 'koa'
import { demoUsers } from '../demo-users.ts'
import type { Services } from '../services.ts'
import { wantsJson } from './input.ts'

/** The first page: what is here, and which engine keeps its sessions. */
export function home({ config, engine }: Services): Middleware {
  return async (ctx, next) => {
    if (ctx.path !== '/' || (ctx.method !== 'GET' && ctx.method !== 'HEAD')) return await next()
    const facts = { name: 'Holdfast', engine: engine.name, format: config.session.format }
    if (wantsJson(ctx)) ctx.body = facts
    else await ctx.render('home.njk', { facts, demoUsers: config.mode === 'development' ? demoUsers : [] })
  }
}
