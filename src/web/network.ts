import { isIP } from 'node:net'
import ipaddr from 'ipaddr.js'

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
  return text !== null && isIP(text) !== 0 && ipaddr.process(text).range() === 'loopback'
}
