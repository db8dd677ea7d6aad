import { isIP } from 'node:net'

/** Truncates an IP address: IPv4 to /24, IPv6 to /48; null if it is not an address. */
export function truncateAddress(address: string | null): string | null {
  const plain = (address ?? '')
    .replace(/^::ffff:(?=[\d.]+$)/i, '')
    // Not /%.*$/, which takes quadratic time in the number of % signs.
    .split('%', 1)
    .join()
  const family = isIP(plain)
  if (family === 0) return null
  if (family === 4) return `${plain.split('.').slice(0, 3).join('.')}.x`
  const network = groupsOf(plain).slice(0, 3)
  return network.every((group) => group === 0) ? '::x' : `${network.map((group) => group.toString(16)).join(':')}:x`
}

/** The eight groups of an IPv6 address (RFC 4291, 2.2). */
function groupsOf(address: string): number[] {
  // An IPv4 address at the end is the last two groups.
  const [before = '', after = ''] = address.replace(/[\d.]+\.\d+$/, '0:0').split('::')
  const parsed = (part: string) => (part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16)))
  const [first, last] = [parsed(before), parsed(after)]
  return [...first, ...Array<number>(8 - first.length - last.length).fill(0), ...last]
}
