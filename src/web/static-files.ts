import { join } from 'node:path'
import { send } from '@koa/send'
import type { Middleware } from 'koa'
import { projectRoot } from '../paths.ts'

const FOLDER = '/assets/'
// Longer than any file's path; resolving one takes time quadratic in its "../".
const MAX_LENGTH = 1024

/** Serves `public/` under /assets/. Stands above the session, so that a picture never touches the store. */
export function staticFiles(production: boolean): Middleware {
  const root = join(projectRoot, 'public')
  const maxAge = production ? 3_600_000 : 0
  return async (ctx, next) => {
    if (!ctx.path.startsWith(FOLDER) || (ctx.method !== 'GET' && ctx.method !== 'HEAD')) return await next()
    const name = ctx.path.slice(FOLDER.length)
    if (name === '' || name.length > MAX_LENGTH) ctx.throw(404)
    try {
      // It sends nothing for folders and hidden files, and does not throw either.
      if ((await send(ctx, name, { root, maxAge })) === undefined) ctx.throw(404)
    } catch (error) {
      if (error instanceof Error && 'status' in error && typeof error.status === 'number' && error.status < 500)
        ctx.throw(404)
      throw error
    }
  }
}
