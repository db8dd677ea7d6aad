import { isIP } from 'node:net'
import ipaddr from 'ipaddr.js'

/**
 * The part of an address that one client cannot change at will: IPv4 as a whole, IPv6 the first 64 bits. Undefined for
 * this machine and for text that is no address.
 */
export function networkOf(text: string | null): string | undefined {
  if (text === null || isIP(text) === 0) return undefined
  const address = ipaddr.process(text)
  // A proxy on this machine that is not counted in TRUSTED_PROXIES would make all visitors one client.
  if (address.range() === 'loopback') return undefined
  return address.kind() === 'ipv4' ? address.toString() : address.toByteArray().slice(0, 8).join('.')
}
