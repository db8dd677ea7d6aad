import { isIP } from 'node:net'
import Bowser from 'bowser'
import type { Translate } from '../../web/i18n.ts'

/** What a device looks like from its user agent. */
export interface DeviceKind {
  /** In the reader's language. */
  readonly name: string
  readonly form: 'computer' | 'phone' | 'tablet' | 'unknown'
}

// As long as what a session keeps of it; older rows may have been written by others.
const AGENT_LENGTH = 256
// Every browser says that it is Mozilla, and one that says nothing else is unknown.
const SENSIBLE = /^(?!Mozilla$)[\p{L}\p{N}][\p{L}\p{N} .+_-]{0,39}$/u
const FORMS: Readonly<Record<string, DeviceKind['form']>> = { desktop: 'computer', mobile: 'phone', tablet: 'tablet' }

/** Names a browser and its system, as far as the user agent says. */
export function deviceKind(userAgent: string | null, t: Translate): DeviceKind {
  const text = (userAgent ?? '').slice(0, AGENT_LENGTH).trim()
  if (text === '') return { name: t('Unknown browser'), form: 'unknown' }
  const { browser, os, platform } = Bowser.parse(text)
  const version = /^\d{1,5}/.exec(browser.version ?? '')?.[0]
  const known = sensible(browser.name)
  const name = known === undefined ? t('Unknown browser') : version === undefined ? known : `${known} ${version}`
  const system = sensible(platform.model) ?? sensible(os.name)
  return {
    name: system === undefined ? name : t('{browser} on {system}', { browser: name, system }),
    form: FORMS[platform.type ?? ''] ?? 'unknown',
  }
}

/** An address without the part that names one line: IPv4 to /24, IPv6 to /48; null for what is no address. */
export function truncated(address: string | null): string | null {
  const plain = (address ?? '')
    .replace(/^::ffff:(?=[\d.]+$)/i, '')
    // Not by /%.*$/, which takes time quadratic in the signs.
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
  // An IPv4 address at the end stands for the last two.
  const [before = '', after = ''] = address.replace(/[\d.]+\.\d+$/, '0:0').split('::')
  const parsed = (part: string) => (part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16)))
  const [first, last] = [parsed(before), parsed(after)]
  return [...first, ...Array<number>(8 - first.length - last.length).fill(0), ...last]
}

function sensible(name: string | undefined): string | undefined {
  return name !== undefined && SENSIBLE.test(name) ? name : undefined
}
