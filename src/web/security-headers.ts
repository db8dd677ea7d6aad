import type { Middleware } from 'koa'
import helmet from 'koa-helmet'

/** Headers that tell browsers what this site never does: scripts and styles from elsewhere, frames, sniffing. */
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
    // "no-referrer" would make browsers send "Origin: null" with forms, which cross-origin protection must refuse.
    referrerPolicy: { policy: 'same-origin' },
    xFrameOptions: { action: 'deny' },
    // On http://localhost it would lock every other project on that port out of plain http.
    hsts: production ? { maxAge: 31_536_000, includeSubDomains: true } : false,
  })
}
