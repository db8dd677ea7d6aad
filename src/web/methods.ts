import type Router from '@koa/router'
import type { Context, Middleware } from 'koa'

type Routes = ReturnType<Router['routes']>

/**
 * Answers what the routes below leave open: OPTIONS and wrong methods, with what all of them together allow, and paths
 * with a slash too many at their end.
 *
 * @throws HttpError 405 with Allow
 */
export function knownPaths(routes: readonly Routes[]): Middleware {
  const layers = () => routes.flatMap(({ router }) => router?.stack ?? [])
  const methodsOf = (path: string) => layers().flatMap((layer) => (layer.match(path) ? layer.methods : []))

  return async (ctx, next) => {
    const path = withoutSlash(ctx)
    if (path !== undefined && methodsOf(path).includes(ctx.method)) {
      ctx.redirect(path + ctx.search)
      ctx.status = 301
      return
    }
    await next()
    if (ctx.status !== 404 || ctx.body !== undefined) return
    const methods = methodsOf(ctx.path)
    // A handler that took the request meant its 404.
    if (methods.length > 0 && !methods.includes(ctx.method)) answerMethod(ctx, methods)
  }
}

/**
 * Answers a method that a known path does not take.
 *
 * @param allowed the methods that it does take
 * @throws HttpError 405 with Allow, unless it is OPTIONS
 */
export function answerMethod(ctx: Context, allowed: readonly string[]): void {
  const allow = [...new Set([...allowed, 'OPTIONS'])].sort().join(', ')
  if (ctx.method !== 'OPTIONS') ctx.throw(405, { headers: { Allow: allow } })
  ctx.set('Allow', allow)
  ctx.status = 204
}

/** Undefined where nothing is to be read there, or where a browser would take the rest for another host. */
function withoutSlash({ method, path }: Context): string | undefined {
  if ((method !== 'GET' && method !== 'HEAD') || path === '/' || !path.endsWith('/')) return undefined
  const rest = path.slice(0, -1)
  return rest.endsWith('/') || /^\/[/\\]/.test(rest) ? undefined : rest
}
