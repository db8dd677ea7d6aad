import { join } from 'node:path'
import { send } from '@koa/send'
import type { Middleware } from 'koa'
import { projectRoot } from '../paths.ts'

const FOLDER = '/assets/'

/** Serves `public/` under /assets/. Stands above the session, so that a picture never touches the store. */
export function staticFiles(production: boolean): Middleware {
  const root = join(projectRoot, 'public')
  const maxAge = production ? 3_600_000 : 0
  return async (ctx, next) => {
    if (!ctx.path.startsWith(FOLDER) || (ctx.method !== 'GET' && ctx.method !== 'HEAD')) return await next()
    try {
      await send(ctx, ctx.path.slice(FOLDER.length), { root, maxAge })
    } catch (error) {
      if (error instanceof Error && 'status' in error && typeof error.status === 'number' && error.status < 500)
        ctx.throw(404)
      throw error
    }
  }
}
