import { join } from 'node:path'
import { send } from '@koa/send'
import type { Middleware } from 'koa'
import { featureFolder, projectRoot } from '../paths.ts'
import { answerMethod } from './methods.ts'

const FOLDER = '/assets/'
// Longer than any file's path; resolving one takes time quadratic in its "../".
const MAX_LENGTH = 1024

/**
 * Serves `public/` and each feature's `<name>.css` and `<name>.browser.js` under /assets/. Stands above the session, so
 * that a picture never touches the store.
 */
export function staticFiles(production: boolean, features: readonly { readonly name: string }[]): Middleware {
  const shared = join(projectRoot, 'public')
  // Only these: the other files in a feature's folder are its code.
  const own = new Map(
    features.flatMap(({ name }) => [`${name}.css`, `${name}.browser.js`].map((file) => [file, featureFolder(name)])),
  )
  const maxAge = production ? 3_600_000 : 0
  return async (ctx, next) => {
    if (!ctx.path.startsWith(FOLDER)) return await next()
    if (ctx.method !== 'GET' && ctx.method !== 'HEAD') return answerMethod(ctx, ['GET', 'HEAD'])
    const name = ctx.path.slice(FOLDER.length)
    if (name === '' || name.length > MAX_LENGTH) ctx.throw(404)
    try {
      const root = own.get(name) ?? shared
      // It sends nothing for folders and hidden files, and does not throw either.
      if ((await send(ctx, name, { root, maxAge })) === undefined) ctx.throw(404)
    } catch (error) {
      if (error instanceof Error && 'status' in error && typeof error.status === 'number' && error.status < 500)
        ctx.throw(404)
      throw error
    }
  }
}
