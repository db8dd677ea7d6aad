import type { Middleware } from 'koa'

const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS'])

/**
 * Refuses unsafe requests that another origin's page makes a browser send, for anonymous visitors too. Browsers say
 * where a request comes from (Sec-Fetch-Site, Origin), so no token is needed: the method of Go 1.25's net/http.
 *
 * @param trustedOrigins origins such as `https://app.example` that may post here
 */
export function crossOriginProtection(trustedOrigins: ReadonlySet<string> = new Set()): Middleware {
  return async (ctx, next) => {
    if (!SAFE_METHODS.has(ctx.method) && !trustedOrigins.has(ctx.get('Origin')) && !isOwn(ctx)) {
      ctx.throw(403, 'This request came from another site.')
    }
    await next()
  }
}

function isOwn(ctx: { get(field: string): string; host: string }): boolean {
  const site = ctx.get('Sec-Fetch-Site')
  const origin = ctx.get('Origin')
  if (site !== '') return (site === 'same-origin' || site === 'none') && (origin === '' || sameHost(origin, ctx.host))
  // Neither header: not a browser, so there is no victim whose cookie could be abused.
  return origin === '' || sameHost(origin, ctx.host)
}

function sameHost(origin: string, host: string): boolean {
  // "null" is the origin of sandboxed frames and must not count as ours.
  return URL.canParse(origin) && new URL(origin).host === host
}
