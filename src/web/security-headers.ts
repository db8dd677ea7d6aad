import type { Middleware } from 'koa'
import helmet from 'koa-helmet'

/** Security headers: no scripts or styles of other origins, no frames, no sniffing. */
export function securityHeaders(production: boolean): Middleware {
  return helmet({
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'self'"],
        baseUri: ["'none'"],
        objectSrc: ["'none'"],
        frameAncestors: ["'none'"],
        formAction: ["'self'"],
      },
    },
    // "no-referrer" would make browsers send "Origin: null" with forms, which cross-origin protection refuses.
    referrerPolicy: { policy: 'same-origin' },
    xFrameOptions: { action: 'deny' },
    // On localhost it would force HTTPS on every other project that uses this port.
    hsts: production ? { maxAge: 31_536_000, includeSubDomains: true } : false,
  })
}
