import { isIP } from 'node:net'
import Bowser from 'bowser'
import type { Translate } from '../../web/i18n.ts'

/** A device according to its user agent. */
export interface DeviceKind {
  /** In the visitor's language. */
  readonly name: string
  readonly form: 'computer' | 'phone' | 'tablet' | 'unknown'
}

// Sessions store no more than that, but other programs may have written longer ones.
const MAX_USER_AGENT_LENGTH = 256
// Every user agent begins with Mozilla; one without another name is unknown.
const VALID_NAME = /^(?!Mozilla$)[\p{L}\p{N}][\p{L}\p{N} .+_-]{0,39}$/u
const FORMS: Readonly<Record<string, DeviceKind['form']>> = { desktop: 'computer', mobile: 'phone', tablet: 'tablet' }

/** The name of the browser and its system, if the user agent contains them. */
export function deviceKind(userAgent: string | null, t: Translate): DeviceKind {
  const text = (userAgent ?? '').slice(0, MAX_USER_AGENT_LENGTH).trim()
  if (text === '') return { name: t('Unknown browser'), form: 'unknown' }
  const { browser, os, platform } = Bowser.parse(text)
  const version = /^\d{1,5}/.exec(browser.version ?? '')?.[0]
  const known = validName(browser.name)
  const name = known === undefined ? t('Unknown browser') : version === undefined ? known : `${known} ${version}`
  const system = validName(platform.model) ?? validName(os.name)
  return {
    name: system === undefined ? name : t('{browser} on {system}', { browser: name, system }),
    form: FORMS[platform.type ?? ''] ?? 'unknown',
  }
}

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

function validName(name: string | undefined): string | undefined {
  return name !== undefined && VALID_NAME.test(name) ? name : undefined
}
