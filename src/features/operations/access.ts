import { createHash, timingSafeEqual } from 'node:crypto'
import { BlockList, isIP } from 'node:net'
import type { Context } from 'koa'

const loopback = new BlockList()
loopback.addSubnet('127.0.0.0', 8, 'ipv4')
loopback.addAddress('::1', 'ipv6')

/**
 * Whether the request may read the metrics: it bears the token or, where none is set, comes from this machine. With a token
 * even this machine needs it, for there may be a proxy on it that does not say for whom it asks.
 */
export function mayReadMetrics(ctx: Context, token: string | undefined): boolean {
  return token === undefined ? isLocal(ctx) : bears(ctx, token)
}

/**
 * Whether nobody but this machine had a hand in the request. What a proxy on this machine passes on comes from loopback
 * too, so all that it names must be loopback as well, however many proxies the settings trust: what a client forges is
 * then only one more address beside its own.
 */
function isLocal(ctx: Context): boolean {
  if (ctx.get('Forwarded') !== '' || ctx.get('X-Real-IP') !== '' || ctx.get('Via') !== '') return false
  const forwarded = ctx.get('X-Forwarded-For')
  const named = forwarded === '' ? [] : forwarded.split(',').map((address) => address.trim())
  return [ctx.socket.remoteAddress ?? '', ...named].every(isLoopback)
}

function isLoopback(address: string): boolean {
  const plain = address.replace(/^::ffff:(?=[\d.]+$)/i, '')
  const family = isIP(plain)
  return family !== 0 && loopback.check(plain, family === 4 ? 'ipv4' : 'ipv6')
}

function bears(ctx: Context, token: string): boolean {
  const [, given] = /^Bearer +(\S+) *$/i.exec(ctx.get('Authorization')) ?? []
  // Hashes are of one length, whatever was sent, and the comparison takes as long for any.
  return given !== undefined && timingSafeEqual(sha256(given), sha256(token))
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
