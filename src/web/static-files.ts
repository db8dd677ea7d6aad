import { join } from 'node:path'
import { send } from '@koa/send'
import type { Middleware } from 'koa'
import { featureFolder, projectRoot } from '../paths.ts'
import { rejectMethod } from './methods.ts'

const FOLDER = '/assets/'
// Longer than any path here; resolving takes quadratic time in the number of "../".
const MAX_PATH_LENGTH = 1024

/**
 * Serves `public/` and each feature's `<name>.css` and `<name>.browser.js` under /assets/. Used before the session
 * middleware, so that files never touch the store.
 */
export function staticFiles(production: boolean, features: readonly { readonly name: string }[]): Middleware {
  const shared = join(projectRoot, 'public')
  // Only these: the other files in the folder of a feature are code.
  const featureFiles = new Map(
    features.flatMap(({ name }) => [`${name}.css`, `${name}.browser.js`].map((file) => [file, featureFolder(name)])),
  )
  const maxAge = production ? 3_600_000 : 0
  return async (ctx, next) => {
    if (!ctx.path.startsWith(FOLDER)) return await next()
    if (ctx.method !== 'GET' && ctx.method !== 'HEAD') return rejectMethod(ctx, ['GET', 'HEAD'])
    const name = ctx.path.slice(FOLDER.length)
    if (name === '' || name.length > MAX_PATH_LENGTH) ctx.throw(404)
    try {
      const root = featureFiles.get(name) ?? shared
      // For folders and hidden files it neither sends nor throws.
      if ((await send(ctx, name, { root, maxAge })) === undefined) ctx.throw(404)
    } catch (error) {
      if (error instanceof Error && 'status' in error && typeof error.status === 'number' && error.status < 500)
        ctx.throw(404)
      throw error
    }
  }
}
