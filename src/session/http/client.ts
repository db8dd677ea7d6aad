import { isIP } from 'node:net'
import type { Context } from 'koa'
import type { Client } from '../engines/engine.ts'

const USER_AGENT_LENGTH = 256

/**
 * The browser of a request, as it is stored with a session.
 *
 * @param ip its address; `ctx.ip` by default
 */
export function clientOf(ctx: Context, ip: string = ctx.ip): Client {
  const text = ctx.get('User-Agent').replace(/\p{Cc}/gu, '')
  // Cut between characters, not inside a surrogate pair.
  const userAgent = text.length > USER_AGENT_LENGTH ? [...text].slice(0, USER_AGENT_LENGTH).join('') : text
  return { ipAddress: isIP(ip) ? ownText(ip) : null, userAgent: userAgent || null }
}

/** A copy, because V8 keeps a piece of a text as a reference to all of it: here a header of up to 16 KB. */
function ownText(text: string): string {
  return Buffer.from(text).toString()
}
