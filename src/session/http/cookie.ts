import { SessionTooLargeError } from '../core/errors.ts'
import { MAX_COOKIE_AGE } from '../core/expiry.ts'

/**
 * Name and attributes of the session cookie (RFC 6265bis).
 *
 * @example
 * const cookie: CookieSettings = {
 *   name: '__Host-sessionid',
 *   path: '/',
 *   secure: true,
 *   httpOnly: true,
 *   sameSite: 'Lax',
 *   maxSize: 4096,
 * }
 */
export interface CookieSettings {
  readonly name: string
  readonly path: string
  /** Only this host by default. */
  readonly domain?: string | undefined
  readonly secure: boolean
  readonly httpOnly: boolean
  /** `false` omits the attribute. */
  readonly sameSite: 'Lax' | 'Strict' | 'None' | false
  /** Maximum bytes of name and value, at most 4096: browsers silently drop larger cookies. */
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
 * Checks the settings at startup: those with which browsers would refuse the cookie.
 *
 * @throws TypeError that names the setting: an invalid name, path or domain, a prefix whose rules are not met,
 *   SameSite=None without Secure
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
  // Browsers ignore the case of a prefix.
  const prefix = /^__(host|secure)-/i.exec(name)?.[0]
  if (prefix !== undefined && !secure) refuse('secure', `must be true for a name that starts with "${prefix}"`)
  if (prefix?.toLowerCase() !== '__host-') return
  if (path !== '/') refuse('path', `must be "/" for a name that starts with "${prefix}"`)
  if (domain !== undefined) refuse('domain', `must be left out for a name that starts with "${prefix}"`)
}

function refuse(setting: keyof CookieSettings, sentence: string): never {
  throw new TypeError(`cookie.${setting} ${sentence}.`)
}

// Callers in JavaScript may pass anything.
function isAttribute(value: unknown): boolean {
  return typeof value === 'string' && ATTRIBUTE.test(value) && value.length <= MAX_ATTRIBUTE
}

/**
 * Returns all values of a name in a Cookie header. More than one means that another site below the domain may have set one
 * (cookie tossing), so none of them can be trusted.
 *
 * @example
 * const [value] = cookieValues(ctx.headers.cookie, 'sessionid')
 */
export function cookieValues(header: string | undefined, name: string): string[] {
  if (header === undefined) return []
  const values: string[] = []
  for (const pair of header.split(';')) {
    const start = leadingSpaces(pair)
    const end = start + name.length
    if (pair.startsWith(name, start) && pair[end] === '=') values.push(trimSpacesEnd(pair.slice(end + 1)))
  }
  return values
}

// Only spaces are trimmed: a name after a tab is another name (CVE-2022-31629). Not by a regular expression such as
// / +$/, which takes quadratic time.
function leadingSpaces(text: string): number {
  let start = 0
  while (text[start] === ' ') start++
  return start
}

function trimSpacesEnd(text: string): string {
  let end = text.length
  while (text[end - 1] === ' ') end--
  return text.slice(0, end)
}

/**
 * The Set-Cookie header that sends a session.
 *
 * @param maxAge seconds, at most 400 days; undefined for a cookie that ends with the browser
 * @param now milliseconds since 1970
 * @throws RangeError for characters that a cookie cannot have; SessionTooLargeError above `maxSize`
 */
export function setCookie(settings: CookieSettings, value: string, maxAge: number | undefined, now: number): string {
  if (!VALUE.test(value)) throw new RangeError('The cookie value has invalid characters')
  const bytes = settings.name.length + value.length
  if (bytes > settings.maxSize) throw new SessionTooLargeError(bytes, settings.maxSize)
  const age = maxAge === undefined ? undefined : Math.min(maxAge, MAX_COOKIE_AGE)
  const lifetime = age === undefined ? '' : `; Max-Age=${age}; Expires=${new Date(now + age * 1000).toUTCString()}`
  const { httpOnly, secure } = settings
  return `${settings.name}=${value}${lifetime}${attributes(settings, secure)}${httpOnly ? '; HttpOnly' : ''}`
}

/** The Set-Cookie header that removes the cookie. Browsers ignore it unless its attributes would be accepted. */
export function clearCookie(settings: CookieSettings): string {
  const secure = settings.secure || settings.sameSite === 'None'
  return `${settings.name}=; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT${attributes(settings, secure)}`
}

// Limits, because proxies accept only a few kilobytes of headers, and the client controls host and path.
const MAX_LEFTOVER_PATHS = 4
const MAX_LEFTOVER_DOMAINS = 4
const MAX_LEFTOVER_LENGTH = 253

/**
 * Set-Cookie headers that remove cookies of this name with other attributes: parent paths of the request's path and parent
 * domains of the host. Browsers send such leftovers with the session cookie, and with two values neither can be trusted.
 *
 * @param path the request's path
 * @param host the request's host name, without a port
 */
export function leftoverCookies(settings: CookieSettings, path: string, host: string): string[] {
  // Browsers keep no cookie with this prefix on another path or domain.
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

function attributes({ path, domain, sameSite }: CookieSettings, secure: boolean): string {
  return `; Path=${path}${domain === undefined ? '' : `; Domain=${domain}`}${
    sameSite === false ? '' : `; SameSite=${sameSite}`
  }${secure ? '; Secure' : ''}`
}
