import { addressOf } from './network.ts'

/** Truncates an IP address: IPv4 to /24, IPv6 to /48; null if it is not an address. */
export function truncateAddress(text: string | null): string | null {
  const address = addressOf(text)
  if (address === undefined) return null
  if ('octets' in address) return `${address.octets.slice(0, 3).join('.')}.x`
  const network = address.parts.slice(0, 3)
  return network.every((group) => group === 0) ? '::x' : `${network.map((group) => group.toString(16)).join(':')}:x`
}
