import { isIP } from 'node:net'
import type { Context } from 'koa'
import { ownText } from '../core/own-text.ts'
import type { Client } from '../engines/engine.ts'

const USER_AGENT_LENGTH = 256

/**
 * The browser of a request, as it is stored with a session.
 *
 * @param ip its address; `ctx.ip` by default
 */
export function clientOf(ctx: Context, ip: string = ctx.ip): Client {
  // The zone of an IPv6 address is a name of this machine's network, and a proxy may forward one of any length.
  const [address = ''] = ip.split('%', 1)
  const text = ctx.get('User-Agent').replace(/\p{Cc}/gu, '')
  // Cut between characters, not inside a surrogate pair.
  const userAgent = text.length > USER_AGENT_LENGTH ? [...text].slice(0, USER_AGENT_LENGTH).join('') : text
  return { ipAddress: isIP(address) ? ownText(address) : null, userAgent: ownText(userAgent) || null }
}
