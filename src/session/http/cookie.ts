import { SessionTooLargeError } from '../core/errors.ts'
import { MAX_COOKIE_AGE } from '../core/expiry.ts'

/** Attributes of the session cookie; the names are those of RFC 6265bis. */
export interface CookieSettings {
  readonly name: string
  readonly path: string
  readonly domain?: string | undefined
  readonly secure: boolean
  readonly httpOnly: boolean
  /** `false` leaves the attribute out. */
  readonly sameSite: 'Lax' | 'Strict' | 'None' | false
  /** Most bytes of name and value together; browsers silently drop larger cookies. */
  readonly maxSize: number
}

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const VALUE = /^[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*$/
const ATTRIBUTE = /^[\x20-\x3a\x3c-\x7e]*$/
const DOMAIN = /^\.?[a-z0-9_-]+(\.[a-z0-9_-]+)*$/i
// Browsers ignore a longer attribute, and a larger cookie (RFC 6265bis, 5.6).
const MAX_ATTRIBUTE = 1024
const MAX_SIZE = 4096

/**
 * Checks the settings once, at start: those of which no browser would make a cookie are refused.
 *
 * @throws TypeError that names the setting: a name, path or domain that a header cannot carry, a prefix whose promise is
 *   not kept, SameSite=None without Secure
 */
export function checkCookieSettings(settings: CookieSettings): void {
  const { name, path, domain, secure, httpOnly, sameSite, maxSize } = settings
  if (typeof name !== 'string' || !TOKEN.test(name)) {
    refuse('name', "must be letters, digits and !#$%&'*+-.^_`|~, at least one")
  }
  if (!isAttribute(path) || !path.startsWith('/')) {
    refuse('path', 'must start with "/", without ";", control characters and characters beyond ASCII')
  }
  if (domain !== undefined && !(isAttribute(domain) && DOMAIN.test(domain))) {
    refuse('domain', 'must be a host name, without a scheme and a port; undefined is this host alone')
  }
  if (typeof secure !== 'boolean') refuse('secure', 'must be true or false')
  if (typeof httpOnly !== 'boolean') refuse('httpOnly', 'must be true or false')
  if (![false, 'Lax', 'Strict', 'None'].includes(sameSite)) {
    refuse('sameSite', 'must be "Lax", "Strict", "None" or false')
  }
  if (!Number.isInteger(maxSize) || maxSize < 1 || maxSize > MAX_SIZE) {
    refuse('maxSize', `must be a whole number of bytes up to ${MAX_SIZE}: browsers drop larger cookies`)
  }
  if (sameSite === 'None' && !secure) {
    refuse('secure', 'must be true with sameSite "None": browsers drop such a cookie otherwise')
  }
  // Browsers take a prefix in any case.
  const prefix = /^__(host|secure)-/i.exec(name)?.[0]
  if (prefix !== undefined && !secure) refuse('secure', `must be true for a name that starts with "${prefix}"`)
  if (prefix?.toLowerCase() !== '__host-') return
  if (path !== '/') refuse('path', `must be "/" for a name that starts with "${prefix}"`)
  if (domain !== undefined) refuse('domain', `must be left out for a name that starts with "${prefix}"`)
}

function refuse(setting: keyof CookieSettings, sentence: string): never {
  throw new TypeError(`cookie.${setting} ${sentence}.`)
}

// Plain JavaScript may give anything.
function isAttribute(value: unknown): boolean {
  return typeof value === 'string' && ATTRIBUTE.test(value) && value.length <= MAX_ATTRIBUTE
}

/**
 * Every value the Cookie header gives under exactly this name. More than one means that somebody else set a
 * cookie beside ours (cookie tossing), and none of them is to be trusted.
 */
export function cookieValues(header: string | undefined, name: string): string[] {
  if (header === undefined) return []
  const values: string[] = []
  for (const pair of header.split(';')) {
    const start = spacesBefore(pair)
    const end = start + name.length
    if (pair.startsWith(name, start) && pair[end] === '=') values.push(withoutSpacesAfter(pair.slice(end + 1)))
  }
  return values
}

// Only spaces are trimmed: a tab before the name must not make it ours (CVE-2022-31629). And not by an expression such
// as / +$/, which takes time quadratic in the spaces of a value.
function spacesBefore(text: string): number {
  let start = 0
  while (text[start] === ' ') start++
  return start
}

function withoutSpacesAfter(text: string): string {
  let end = text.length
  while (text[end - 1] === ' ') end--
  return text.slice(0, end)
}

/**
 * The Set-Cookie header that hands out a session.
 *
 * @param maxAge seconds, of which more than 400 days are cut; undefined for a cookie that ends with the browser
 * @param now milliseconds since 1970
 * @throws RangeError when the value cannot stand in a cookie; SessionTooLargeError when browsers would drop it
 */
export function setCookie(settings: CookieSettings, value: string, maxAge: number | undefined, now: number): string {
  if (!VALUE.test(value)) throw new RangeError('The cookie value has characters it cannot have')
  const bytes = settings.name.length + value.length
  if (bytes > settings.maxSize) throw new SessionTooLargeError(bytes, settings.maxSize)
  const age = maxAge === undefined ? undefined : Math.min(maxAge, MAX_COOKIE_AGE)
  const lifetime = age === undefined ? '' : `; Max-Age=${age}; Expires=${new Date(now + age * 1000).toUTCString()}`
  const { httpOnly, secure } = settings
  return `${settings.name}=${value}${lifetime}${place(settings, secure)}${httpOnly ? '; HttpOnly' : ''}`
}

/** The Set-Cookie header that takes it back. A browser ignores it unless it could have set the cookie itself. */
export function clearCookie(settings: CookieSettings): string {
  const secure = settings.secure || settings.sameSite === 'None'
  return `${settings.name}=; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT${place(settings, secure)}`
}

// A proxy in front takes a few kilobytes of headers, and the client names host and path.
const MAX_LEFTOVER_PATHS = 4
const MAX_LEFTOVER_DOMAINS = 4
const MAX_LEFTOVER_LENGTH = 253

/**
 * Set-Cookie headers that remove cookies of our name from where we do not set them: other paths that this request's path
 * is under, and domains above this host. Such a leftover is sent beside ours, and hides it from a server that must not
 * guess which of the two counts.
 *
 * @param path the request's path
 * @param host the request's host name, without a port
 */
export function leftoverCookies(settings: CookieSettings, path: string, host: string): string[] {
  // A browser keeps no cookie of such a name anywhere else.
  if (settings.name.startsWith('__Host-')) return []
  const steps = path.split('/').slice(1, 1 + MAX_LEFTOVER_PATHS)
  const above = steps.map((_step, index) => `/${steps.slice(0, index + 1).join('/')}`)
  const paths = ['/', ...above.flatMap((one) => [one, `${one}/`])].filter(
    (one) => one.length <= MAX_LEFTOVER_LENGTH && ATTRIBUTE.test(one),
  )
  const isDomain = host.length <= MAX_LEFTOVER_LENGTH && /^[a-z0-9.-]+\.[a-z][a-z0-9-]*$/i.test(host)
  const labels = isDomain ? host.split('.').slice(-MAX_LEFTOVER_DOMAINS - 1) : []
  const domains = labels.slice(0, -1).map((_label, index) => labels.slice(index).join('.'))
  return [undefined, ...domains].flatMap((domain) =>
    paths
      .filter((one) => one !== settings.path || domain !== settings.domain)
      .map((one) => clearCookie({ ...settings, path: one, domain })),
  )
}

function place({ path, domain, sameSite }: CookieSettings, secure: boolean): string {
  return `; Path=${path}${domain === undefined ? '' : `; Domain=${domain}`}${
    sameSite === false ? '' : `; SameSite=${sameSite}`
  }${secure ? '; Secure' : ''}`
}
