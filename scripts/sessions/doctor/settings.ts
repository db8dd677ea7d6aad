import { randomBytes } from 'node:crypto'
import { existsSync, statSync } from 'node:fs'
import { type Config, readConfig, variableNames } from '../../../src/config.ts'
import { developmentSecretFile } from '../../../src/development-secret.ts'
import { checkCookieSettings } from '../../../src/session/http/cookie.ts'
import { ConfigError } from '../../../src/settings.ts'
import { type Finding, fail, ok, warn } from '../../../src/storage/finding.ts'
import { messageOf } from '../../../src/storage/records.ts'

/** The settings; invalid ones have their default. */
export interface Settings {
  readonly config: Config
  readonly findings: readonly Finding[]
  /** Returns whether all of these variables were valid; for others `config` has the default. */
  isValid(...names: string[]): boolean
}

const ITEMS = [
  ['SECRET_KEY', 'keys'],
  ['SESSION_COOKIE_', 'cookie'],
  ['PUBLIC_ORIGIN', 'proxy'],
  ['TRUSTED_PROXIES', 'proxy'],
] as const
const GENERATE_SECRET = 'openssl rand -base64 48'
const OTHERS_READ = 0o077
const LOOPBACK = new Set(['localhost', '127.0.0.1', '::1'])
// Each one is tried on what the others cannot open, and may be stolen.
const MAX_FALLBACKS = 3

/** Reads the settings; an invalid one becomes a finding, and gets its default. */
export function readSettings(env: NodeJS.ProcessEnv): Settings {
  const usable = { ...env }
  const replaced = new Set<string>()
  const findings: Finding[] = []
  if (env['NODE_ENV'] === 'development') usable['SECRET_KEY'] ||= placeholder()
  for (;;) {
    try {
      const config = readConfig(usable)
      if (findings.length === 0) findings.push(ok('settings', 'All settings are valid.'))
      return { config, findings, isValid: (...names) => !names.some((name) => replaced.has(name)) }
    } catch (error) {
      const name = error instanceof ConfigError ? (/^[A-Z_]+/.exec(error.message)?.[0] ?? '') : ''
      if (!variableNames.includes(name) || replaced.has(name)) throw error
      const [, item = 'settings'] = ITEMS.find(([start]) => name.startsWith(start)) ?? []
      const fix = item === 'keys' ? `Set ${name}, for example to the output of: ${GENERATE_SECRET}` : `Correct ${name}`
      findings.push(fail(item, messageOf(error), fix))
      replaced.add(name)
      usable[name] = name === 'SECRET_KEY' ? placeholder() : undefined
    }
  }
}

/** Checks SECRET_KEY and SECRET_KEY_FALLBACKS. */
export function keyFindings({ config, isValid }: Settings, env: NodeJS.ProcessEnv): Finding[] {
  if (!isValid('SECRET_KEY')) return []
  if (!env['SECRET_KEY']) return [developmentKey()]
  const [key, ...fallbacks] = config.secrets
  const findings: Finding[] = []
  const weak = secretProblem({ SECRET_KEY: key })
  if (weak !== undefined)
    findings.push(warn('keys', `${weak} Production refuses it.`, `SECRET_KEY=$(${GENERATE_SECRET})`))
  const weakFallback =
    weak === undefined ? secretProblem({ SECRET_KEY: key, SECRET_KEY_FALLBACKS: fallbacks.join(',') }) : undefined
  if (weakFallback !== undefined) {
    findings.push(warn('keys', `${weakFallback} Production refuses it.`, 'Remove it from SECRET_KEY_FALLBACKS'))
  }
  if (fallbacks.includes(key)) {
    findings.push(warn('keys', 'SECRET_KEY is also in SECRET_KEY_FALLBACKS.', 'Remove it from SECRET_KEY_FALLBACKS'))
  }
  if (fallbacks.length > MAX_FALLBACKS) {
    const message = `There are ${fallbacks.length} fallbacks: each one opens sessions, and must be kept secret.`
    findings.push(warn('keys', message, 'Remove those older than SESSION_COOKIE_AGE from SECRET_KEY_FALLBACKS'))
  }
  const suffix = fallbacks.length === 0 ? '' : `, with ${fallbacks.length} in SECRET_KEY_FALLBACKS`
  return findings.length > 0 ? findings : [ok('keys', `SECRET_KEY is long enough and not an example${suffix}.`)]
}

/** Checks whether TRUSTED_PROXIES, PUBLIC_ORIGIN and HOST are consistent. */
export function proxyFindings({ config, isValid }: Settings): Finding[] {
  const { production, publicOrigin, trustedProxies, host, session } = config
  const findings: Finding[] = []
  const origin = publicOrigin === undefined ? undefined : new URL(publicOrigin)
  if (origin?.protocol === 'http:' && session.cookie.secure && !LOOPBACK.has(origin.hostname)) {
    const message = 'PUBLIC_ORIGIN is http:, where browsers do not send Secure cookies: nobody can sign in.'
    findings.push(fail('proxy', message, `PUBLIC_ORIGIN=https://${origin.host}`))
  }
  if (production && origin === undefined && isValid('PUBLIC_ORIGIN')) {
    const message = 'PUBLIC_ORIGIN is not set: behind a proxy that changes the Host header, forms are refused.'
    findings.push(warn('proxy', message, 'PUBLIC_ORIGIN=https://…, the public origin'))
  }
  // This server has no TLS, so something else answers a public https origin.
  if (production && trustedProxies === 0 && origin?.protocol === 'https:') {
    const message =
      'PUBLIC_ORIGIN is https:, so there is a proxy in front, but TRUSTED_PROXIES is 0: all visitors have its address, and share its limits.'
    findings.push(fail('proxy', message, 'TRUSTED_PROXIES=1, or the number of your proxies'))
  } else if (production && trustedProxies === 0 && LOOPBACK.has(host)) {
    const message = `HOST=${host} can only be reached from this machine. If a proxy is in front, all visitors have its address, as TRUSTED_PROXIES is 0.`
    findings.push(warn('proxy', message, 'TRUSTED_PROXIES=1, or the number of your proxies'))
  }
  if (trustedProxies > 0 && !LOOPBACK.has(host)) {
    const message = `X-Forwarded-For is trusted, but HOST=${host} may be reachable without the proxy: clients can then forge their address.`
    findings.push(warn('proxy', message, 'HOST=127.0.0.1, or a firewall that lets only the proxy in'))
  }
  return findings.length > 0
    ? findings
    : [ok('proxy', `PUBLIC_ORIGIN, HOST and TRUSTED_PROXIES=${trustedProxies} are consistent.`)]
}

/** Checks the attributes of the session cookie. */
export function cookieFindings({ config }: Settings): Finding[] {
  const { production, session } = config
  const { cookie } = session
  const findings: Finding[] = []
  if (production && !cookie.secure) {
    findings.push(warn('cookie', 'The session cookie is sent over unencrypted HTTP.', 'SESSION_COOKIE_SECURE=true'))
  }
  if (!cookie.httpOnly) {
    findings.push(warn('cookie', 'Scripts in a page can read the session cookie.', 'SESSION_COOKIE_HTTPONLY=true'))
  }
  if (cookie.sameSite === 'None' && !cookie.secure) {
    const message = 'Browsers drop a SameSite=None cookie that is not Secure.'
    findings.push(fail('cookie', message, 'SESSION_COOKIE_SECURE=true, or SESSION_COOKIE_SAMESITE=Lax'))
  } else if (cookie.sameSite === 'None') {
    const message = 'With SameSite=None the cookie is sent with requests of all other sites.'
    findings.push(warn('cookie', message, 'SESSION_COOKIE_SAMESITE=Lax, unless other sites embed the pages in frames'))
  }
  try {
    checkCookieSettings(cookie)
  } catch (error) {
    findings.push(fail('cookie', `${messageOf(error)}.`, 'Correct SESSION_COOKIE_NAME, _PATH, _DOMAIN and _SECURE'))
  }
  if (production && !cookie.name.startsWith('__Host-')) {
    const message = 'The name has no __Host- prefix, so a subdomain can replace the cookie with its own.'
    findings.push(
      warn(
        'cookie',
        message,
        'Leave SESSION_COOKIE_DOMAIN empty, SESSION_COOKIE_PATH=/ and SESSION_COOKIE_SECURE=true',
      ),
    )
  }
  const secure = cookie.secure ? 'Secure, ' : ''
  return findings.length > 0
    ? findings
    : [ok('cookie', `${cookie.name}: ${secure}HttpOnly, SameSite=${cookie.sameSite}.`)]
}

function developmentKey(): Finding {
  const file = developmentSecretFile
  if (!existsSync(file)) return ok('keys', 'The development SECRET_KEY is generated at the first start.')
  if ((statSync(file).mode & OTHERS_READ) !== 0) {
    return warn('keys', 'Others on this machine can read the development SECRET_KEY.', `chmod 600 ${file}`)
  }
  return ok('keys', 'Only the owner can read the development SECRET_KEY.')
}

/** The error message of production for these secrets; undefined if they are valid. */
function secretProblem(secrets: Record<string, string>): string | undefined {
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
