import type { Middleware } from 'koa'
import type { Config } from '../config.ts'
import { cookieValues } from '../session/index.ts'
import { logSecurity } from './security-log.ts'

const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]'])

/**
 * In production, visitors use https: pages over plain http are redirected, and nothing is read or changed with a session
 * cookie over plain http. This server has no TLS, so it relies on X-Forwarded-Proto of the outermost trusted proxy. A client
 * that forges the header deceives only itself.
 */
export function httpsOnly({ production, publicOrigin, trustedProxies, session }: Config): Middleware {
  const { secure, name } = session.cookie
  const hasHttps = publicOrigin === undefined ? trustedProxies > 0 : publicOrigin.startsWith('https:')
  return async (ctx, next) => {
    const protocols = ctx.get('X-Forwarded-Proto').toLowerCase().split(',')
    const protocol = (protocols.at(-Math.max(1, trustedProxies)) ?? protocols[0])?.trim()
    if (!production || !secure || !hasHttps || protocol === 'https' || LOOPBACK.has(ctx.hostname)) return await next()
    const isSafe = ctx.method === 'GET' || ctx.method === 'HEAD'
    if (isSafe && protocol === 'http') {
      ctx.redirect((publicOrigin ?? `https://${ctx.host}`) + ctx.path + ctx.search)
      // Not 308, which browsers remember: a wrong setting of a proxy would outlive its correction.
      ctx.status = 307
      return
    }
    // Without the header it may be a proxy with TLS that does not send it: a redirect could go round in circles.
    if (!isSafe || cookieValues(ctx.req.headers.cookie, name).length > 0) {
      logSecurity(ctx, 'plain http refused')
      ctx.throw(403, 'This site is only available over https.')
    }
    await next()
  }
}
