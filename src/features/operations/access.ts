import { createHash, timingSafeEqual } from 'node:crypto'
import type { Context } from 'koa'
import { isLoopback } from '../../web/network.ts'

/**
 * Returns whether the request may read the metrics: it has the token or, if none is set, comes from this machine. With a
 * token this machine needs it, too, as there may be a local proxy that does not send X-Forwarded-For.
 */
export function canReadMetrics(ctx: Context, token: string | undefined): boolean {
  return token === undefined ? isLocal(ctx) : hasToken(ctx, token)
}

/**
 * Returns whether the request comes from this machine. A local proxy connects from loopback as well, so every address in
 * X-Forwarded-For must be loopback, too, regardless of TRUSTED_PROXIES: a forged address does not replace the client's own.
 */
function isLocal(ctx: Context): boolean {
  if (ctx.get('Forwarded') !== '' || ctx.get('X-Real-IP') !== '' || ctx.get('Via') !== '') return false
  const forwarded = ctx.get('X-Forwarded-For')
  const clients = forwarded === '' ? [] : forwarded.split(',').map((address) => address.trim())
  return [ctx.socket.remoteAddress ?? '', ...clients].every(isLoopback)
}

function hasToken(ctx: Context, token: string): boolean {
  const [, given] = /^Bearer +(\S+) *$/i.exec(ctx.get('Authorization')) ?? []
  // Hashes have the same length, which timingSafeEqual requires.
  return given !== undefined && timingSafeEqual(sha256(given), sha256(token))
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
