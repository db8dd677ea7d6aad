import { randomBytes } from 'node:crypto'
import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { type Config, readConfig, variableNames } from '../../../src/config.ts'
import { projectRoot } from '../../../src/paths.ts'
import { checkCookieSettings } from '../../../src/session/http/cookie.ts'
import { ConfigError } from '../../../src/settings.ts'
import { type Finding, ok, warn, wrong } from '../../../src/storage/finding.ts'
import { messageOf } from '../run.ts'

/** The settings as far as they can be read. */
export interface Settings {
  readonly config: Config
  readonly findings: readonly Finding[]
  /** Whether none of these variables was wrong: for one that is, `config` has the default, which nobody meant. */
  meant(...names: string[]): boolean
}

const ITEMS = [
  ['SECRET_KEY', 'keys'],
  ['SESSION_COOKIE_', 'cookie'],
  ['PUBLIC_ORIGIN', 'proxy'],
  ['TRUSTED_PROXIES', 'proxy'],
] as const
const SOUND_SECRET = 'openssl rand -base64 48'
const OTHERS_READ = 0o077
const LOOPBACK = new Set(['localhost', '127.0.0.1', '::1'])
// Each is tried on what the first cannot open, and each is one more key that may be stolen.
const MANY_FALLBACKS = 3

/** Reads the settings; each that is wrong is a finding, and its default takes its place. */
export function readSettings(env: NodeJS.ProcessEnv): Settings {
  const usable = { ...env }
  const replaced = new Set<string>()
  const findings: Finding[] = []
  if (env['NODE_ENV'] === 'development') usable['SECRET_KEY'] ||= placeholder()
  for (;;) {
    try {
      const config = readConfig(usable)
      if (findings.length === 0) findings.push(ok('settings', 'Every setting can be read.'))
      return { config, findings, meant: (...names) => !names.some((name) => replaced.has(name)) }
    } catch (error) {
      const name = error instanceof ConfigError ? (/^[A-Z_]+/.exec(error.message)?.[0] ?? '') : ''
      if (!variableNames.includes(name) || replaced.has(name)) throw error
      const [, item = 'settings'] = ITEMS.find(([start]) => name.startsWith(start)) ?? []
      const mend = item === 'keys' ? `Set ${name}, for example to the output of: ${SOUND_SECRET}` : `Correct ${name}`
      findings.push(wrong(item, messageOf(error), mend))
      replaced.add(name)
      usable[name] = name === 'SECRET_KEY' ? placeholder() : undefined
    }
  }
}

/** SECRET_KEY and its fallbacks. */
export function keyFindings({ config, meant }: Settings, env: NodeJS.ProcessEnv): Finding[] {
  if (!meant('SECRET_KEY')) return []
  if (!env['SECRET_KEY']) return [developmentKey()]
  const [key, ...fallbacks] = config.secrets
  const findings: Finding[] = []
  const weak = refusal({ SECRET_KEY: key })
  if (weak !== undefined) findings.push(warn('keys', `${weak} Production refuses it.`, `SECRET_KEY=$(${SOUND_SECRET})`))
  const weakFallback =
    weak === undefined ? refusal({ SECRET_KEY: key, SECRET_KEY_FALLBACKS: fallbacks.join(',') }) : undefined
  if (weakFallback !== undefined) {
    findings.push(warn('keys', `${weakFallback} Production refuses it.`, 'Remove it from SECRET_KEY_FALLBACKS'))
  }
  if (fallbacks.includes(key)) {
    findings.push(warn('keys', 'SECRET_KEY is among its own fallbacks.', 'Remove it from SECRET_KEY_FALLBACKS'))
  }
  if (fallbacks.length > MANY_FALLBACKS) {
    const says = `There are ${fallbacks.length} fallbacks: each opens sessions, and is one more to keep secret.`
    findings.push(warn('keys', says, 'Remove those older than SESSION_COOKIE_AGE from SECRET_KEY_FALLBACKS'))
  }
  const and = fallbacks.length === 0 ? '' : `, with ${fallbacks.length} to fall back to`
  return findings.length > 0 ? findings : [ok('keys', `SECRET_KEY is long enough and nobody's example${and}.`)]
}

/** TRUSTED_PROXIES, PUBLIC_ORIGIN and HOST: whether they go together. */
export function proxyFindings({ config }: Settings): Finding[] {
  const { production, publicOrigin, trustedProxies, host, session } = config
  const findings: Finding[] = []
  const origin = publicOrigin === undefined ? undefined : new URL(publicOrigin)
  if (origin !== undefined && origin.origin !== publicOrigin) {
    const says = 'PUBLIC_ORIGIN is more than an origin, so it equals none that a browser sends: forms are refused.'
    findings.push(wrong('proxy', says, `PUBLIC_ORIGIN=${origin.origin}`))
  }
  if (origin?.protocol === 'http:' && session.cookie.secure && !LOOPBACK.has(origin.hostname)) {
    const says = 'PUBLIC_ORIGIN is http:, where browsers never send back a Secure cookie: nobody can sign in.'
    findings.push(wrong('proxy', says, `PUBLIC_ORIGIN=https://${origin.host}`))
  }
  if (production && origin === undefined) {
    const says = 'PUBLIC_ORIGIN is not set: behind a proxy that changes the Host header, forms are refused.'
    findings.push(warn('proxy', says, 'PUBLIC_ORIGIN=https://… as people type it'))
  }
  // This server speaks plain HTTP, so https ends at something in front of it, and loopback is reached through it.
  const behind = production && (origin?.protocol === 'https:' || LOOPBACK.has(host))
  if (behind && trustedProxies === 0) {
    const says =
      'Something stands in front, and TRUSTED_PROXIES is 0: all visitors have its address, and are throttled as one.'
    findings.push(wrong('proxy', says, 'TRUSTED_PROXIES=1, or as many as there are of your own'))
  }
  if (trustedProxies > 0 && !LOOPBACK.has(host)) {
    const says = `X-Forwarded-For is believed, and HOST=${host} may be reached around the proxy: then any address can be claimed.`
    findings.push(warn('proxy', says, 'HOST=127.0.0.1, or a firewall that lets only the proxy in'))
  }
  return findings.length > 0
    ? findings
    : [ok('proxy', `PUBLIC_ORIGIN, HOST and TRUSTED_PROXIES=${trustedProxies} go together.`)]
}

/** The attributes of the session cookie. */
export function cookieFindings({ config }: Settings): Finding[] {
  const { production, session } = config
  const { cookie } = session
  const findings: Finding[] = []
  const worse = production ? wrong : warn
  if (production && !cookie.secure) {
    findings.push(wrong('cookie', 'The session cookie is sent in clear over http.', 'SESSION_COOKIE_SECURE=true'))
  }
  if (!cookie.httpOnly) {
    findings.push(worse('cookie', 'Scripts in a page can read the session cookie.', 'SESSION_COOKIE_HTTPONLY=true'))
  }
  if (cookie.sameSite === 'None' && !cookie.secure) {
    const says = 'Browsers drop a SameSite=None cookie that is not Secure.'
    findings.push(wrong('cookie', says, 'SESSION_COOKIE_SECURE=true, or SESSION_COOKIE_SAMESITE=Lax'))
  } else if (cookie.sameSite === 'None') {
    const says = 'SameSite=None sends the cookie along with requests of every other site.'
    findings.push(warn('cookie', says, 'SESSION_COOKIE_SAMESITE=Lax, unless the pages live in frames of others'))
  }
  try {
    checkCookieSettings(cookie)
  } catch (error) {
    findings.push(wrong('cookie', `${messageOf(error)}.`, 'Correct SESSION_COOKIE_NAME, _PATH, _DOMAIN and _SECURE'))
  }
  if (production && !cookie.name.startsWith('__Host-')) {
    const says = 'The name has no __Host- prefix, so a subdomain can put a cookie of its own in the place of this one.'
    findings.push(
      warn('cookie', says, 'Leave SESSION_COOKIE_DOMAIN empty, SESSION_COOKIE_PATH=/ and SESSION_COOKIE_SECURE=true'),
    )
  }
  const secure = cookie.secure ? 'Secure, ' : ''
  return findings.length > 0
    ? findings
    : [ok('cookie', `${cookie.name}: ${secure}HttpOnly, SameSite=${cookie.sameSite}.`)]
}

function developmentKey(): Finding {
  const file = join(projectRoot, 'data', 'secret-key')
  if (!existsSync(file)) return ok('keys', 'Development makes a SECRET_KEY at its first start.')
  if ((statSync(file).mode & OTHERS_READ) !== 0) {
    return warn('keys', 'Others on this machine can read the development SECRET_KEY.', `chmod 600 ${file}`)
  }
  return ok('keys', 'Development has a SECRET_KEY of its own, which only its owner can read.')
}

/** What production would say to these secrets. */
function refusal(secrets: Record<string, string>): string | undefined {
  try {
    readConfig({ NODE_ENV: 'production', ...secrets })
    return undefined
  } catch (error) {
    return messageOf(error)
  }
}

function placeholder(): string {
  return randomBytes(48).toString('base64url')
}
