import type { Context, Middleware } from 'koa'
import { logSecurity } from './security-log.ts'

const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS'])

/**
 * Refuses unsafe requests of pages of other origins (CSRF), for anonymous visitors too. Browsers send Sec-Fetch-Site and
 * Origin, so no token is needed; Go's `http.CrossOriginProtection` works the same way.
 *
 * @param publicOrigin the only origin whose pages may post here, such as `https://app.example`; by default that of the Host
 *   header, or of X-Forwarded-Host behind a trusted proxy
 */
export function crossOriginProtection(publicOrigin?: string): Middleware {
  return async (ctx, next) => {
    if (!SAFE_METHODS.has(ctx.method) && !isSameOrigin(ctx, publicOrigin)) {
      logSecurity(ctx, 'cross-origin request refused')
      ctx.throw(403, 'This request came from another site.')
    }
    await next()
  }
}

function isSameOrigin(ctx: Context, publicOrigin: string | undefined): boolean {
  const site = ctx.get('Sec-Fetch-Site')
  const origin = ctx.get('Origin')
  if (site !== '' && site !== 'same-origin' && site !== 'none') return false
  // Without either header it is not a browser, so there is no cookie to abuse.
  if (origin === '' || origin === publicOrigin) return true
  return publicOrigin === undefined && sameHost(origin, ctx.host)
}

function sameHost(origin: string, host: string): boolean {
  // Sandboxed frames send "null", which must not count as the same origin.
  return URL.canParse(origin) && new URL(origin).host === host
}
