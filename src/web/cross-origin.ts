import type { Middleware } from 'koa'

const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS'])

/**
 * Refuses unsafe requests of pages of other origins (CSRF), for anonymous visitors too. Browsers send Sec-Fetch-Site and
 * Origin, so no token is needed; Go's `http.CrossOriginProtection` works the same way.
 *
 * @param trustedOrigins origins such as `https://app.example` that may post here
 */
export function crossOriginProtection(trustedOrigins: ReadonlySet<string> = new Set()): Middleware {
  return async (ctx, next) => {
    if (!SAFE_METHODS.has(ctx.method) && !trustedOrigins.has(ctx.get('Origin')) && !isSameOrigin(ctx)) {
      ctx.throw(403, 'This request came from another site.')
    }
    await next()
  }
}

function isSameOrigin(ctx: { get(field: string): string; host: string }): boolean {
  const site = ctx.get('Sec-Fetch-Site')
  const origin = ctx.get('Origin')
  if (site !== '') return (site === 'same-origin' || site === 'none') && (origin === '' || sameHost(origin, ctx.host))
  // Without either header it is not a browser, so there is no cookie to abuse.
  return origin === '' || sameHost(origin, ctx.host)
}

function sameHost(origin: string, host: string): boolean {
  // Sandboxed frames send "null", which must not count as the same origin.
  return URL.canParse(origin) && new URL(origin).host === host
}
