import { isIP } from 'node:net'
import ipaddr, { type IPv4, type IPv6 } from 'ipaddr.js'
import type { Middleware } from 'koa'

/**
 * Makes `ctx.ip` an address whatever a proxy forwards: some add a port, and where no address can be read that of the
 * connection counts, so that no limit has to know what else there may be.
 */
export function readableAddress(): Middleware {
  return async (ctx, next) => {
    ctx.request.ip = addressIn(ctx.ip) ?? ctx.socket.remoteAddress ?? ''
    await next()
  }
}

/** The address in `address`, `[address]`, `address:port` or `[address]:port`. */
function addressIn(text: string): string | undefined {
  if (isIP(text) !== 0) return text
  const host = text.startsWith('[') ? text.slice(1, text.indexOf(']')) : text.split(':', 1).join()
  return isIP(host) === 0 ? undefined : host
}

/**
 * The part of an address that one client cannot change at will: IPv4 as a whole, IPv6 the first 64 bits. Undefined for
 * text that is no address.
 */
export function networkOf(text: string | null): string | undefined {
  if (text === null || isIP(text) === 0) return undefined
  const address = ipaddr.process(text)
  return address.kind() === 'ipv4' ? address.toString() : address.toByteArray().slice(0, 8).join('.')
}

/** Whether this is an address of this machine. */
export function isLoopback(text: string | null): boolean {
  return addressOf(text)?.range() === 'loopback'
}

/** The address in a text, IPv4 also where it is written as IPv6; undefined for text that is no address. */
export function addressOf(text: string | null): IPv4 | IPv6 | undefined {
  // ipaddr.js alone also reads short forms such as "127.1".
  return text === null || isIP(text) === 0 ? undefined : ipaddr.process(text)
}
