import type Router from '@koa/router'
import type { Context, Middleware } from 'koa'

/** The routes of one router. */
export type Routes = ReturnType<Router['routes']>

/**
 * Responds to OPTIONS and to methods that a path does not allow, for all routers together, and redirects paths with a
 * trailing slash.
 *
 * @throws HttpError 405 with Allow
 */
export function allowedMethods(routes: readonly Routes[]): Middleware {
  return async (ctx, next) => {
    const path = withoutSlash(ctx)
    if (path !== undefined && methodsOf(routes, path).includes(ctx.method)) {
      ctx.redirect(path + ctx.search)
      ctx.status = 301
      return
    }
    await next()
    if (ctx.status !== 404 || ctx.body !== undefined) return
    const methods = methodsOf(routes, ctx.path)
    // Not if a handler exists for the method: then the 404 is intended.
    if (methods.length > 0 && !methods.includes(ctx.method)) rejectMethod(ctx, methods)
  }
}

/** The methods for which a path has a handler; none for an unknown path. */
export function methodsOf(routes: readonly Routes[], path: string): string[] {
  const layers = routes.flatMap(({ router }) => router?.stack ?? [])
  return layers.flatMap((layer) => (layer.match(path) ? layer.methods : []))
}

/**
 * Responds to a method that a path does not allow.
 *
 * @param allowed the methods that it does allow
 * @throws HttpError 405 with Allow, unless it is OPTIONS
 */
export function rejectMethod(ctx: Context, allowed: readonly string[]): void {
  const allow = [...new Set([...allowed, 'OPTIONS'])].sort().join(', ')
  if (ctx.method !== 'OPTIONS') ctx.throw(405, { headers: { Allow: allow } })
  ctx.set('Allow', allow)
  ctx.status = 204
}

/** The path without its trailing slash; undefined if there is none, or if a browser would take the rest for another host. */
function withoutSlash({ method, path }: Context): string | undefined {
  if ((method !== 'GET' && method !== 'HEAD') || path === '/' || !path.endsWith('/')) return undefined
  const rest = path.slice(0, -1)
  return rest.endsWith('/') || /^\/[/\\]/.test(rest) ? undefined : rest
}
