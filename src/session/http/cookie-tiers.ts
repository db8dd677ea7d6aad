import type { Context } from 'koa'
import type { CookieCodec } from '../codec/codec.ts'
import { sealedCookieCodec } from '../codec/sealed/sealed-cookie.ts'
import { checkSecrets, type Secrets } from '../codec/secrets.ts'
import { emptyData, type Json, plainJson } from '../core/data.ts'
import { type CookieSettings, checkCookieSettings, clearCookie, cookieValues, setCookie } from './cookie.ts'

/**
 * A tier of cookies outside the session.
 *
 * @example
 * const critical: TierDefinition = { maxAge: 1800 }
 */
export interface TierDefinition {
  /** Seconds after which the server refuses a value, even if the browser still sends it. */
  readonly maxAge: number
}

/**
 * Options for {@link cookieTiers}.
 *
 * @example
 * const options: CookieTiersOptions = { secrets: [process.env['SECRET_KEY'] ?? ''], cookie: { sameSite: 'Strict' } }
 */
export interface CookieTiersOptions {
  /** The application's secrets: the first encrypts, all of them decrypt. */
  readonly secrets: Secrets
  /** Cookie attributes; by default path `/`, HttpOnly, SameSite=Lax, and Secure if the request was. */
  readonly cookie?: Partial<Omit<CookieSettings, 'name'>>
  /** Returns milliseconds since 1970; Date.now by default. */
  readonly now?: () => number
}

/**
 * Reads and writes the cookies of one tier.
 *
 * @example
 * const clearAll = (ctx: Context, tier: CookieTier) => tier.clear(ctx, 'transfer')
 */
export interface CookieTier {
  /** Returns the value; undefined if it is absent, altered, too old, of another tier, or sent twice. */
  get(ctx: Context, name: string): Json | undefined
  /**
   * Sets a cookie.
   *
   * @throws TypeError for a value that is not JSON or an invalid name; SessionTooLargeError for a value that is too large
   */
  set(ctx: Context, name: string, value: unknown): void
  /** Removes a cookie. */
  clear(ctx: Context, name: string): void
}

const DEFAULT_ATTRIBUTES = { path: '/', httpOnly: true, sameSite: 'Lax', maxSize: 4096 } as const
const MAX_CODECS = 100

/**
 * Encrypted cookies outside the session, in tiers with separate keys and ages. A value is only valid for the name and the
 * tier for which it was set. Like any cookie, a copy can be sent again until it expires.
 *
 * @throws RangeError for an age that is not positive, a reserved name, or secrets that are missing or too short; TypeError
 *   for attributes with which browsers would refuse the cookie
 * @example
 * const secrets: [string] = [process.env['SECRET_KEY'] ?? '']
 * const tiers = cookieTiers({ critical: { maxAge: 1800 }, preferences: { maxAge: 86_400 } }, { secrets })
 * tiers.preferences.set(ctx, 'theme', 'dark')
 */
export function cookieTiers<Name extends string>(
  definitions: Readonly<Record<Name, TierDefinition>>,
  options: CookieTiersOptions,
): Readonly<Record<Name, CookieTier>> {
  // Checked here, because codecs are only created with the first cookie of a name.
  checkSecrets(options.secrets)
  const { cookie } = options
  checkCookieSettings({ ...DEFAULT_ATTRIBUTES, secure: cookie?.secure ?? true, ...cookie, name: 'any' })
  const names = Object.keys(definitions) as Name[]
  const tiers = names.map((name) => [name, createTier(name, definitions[name], options)] as const)
  return Object.fromEntries(tiers) as Record<Name, CookieTier>
}

function createTier(tier: string, { maxAge }: TierDefinition, options: CookieTiersOptions): CookieTier {
  if (!(maxAge > 0 && Number.isFinite(maxAge))) throw new RangeError(`maxAge of tier "${tier}" must be above 0 seconds`)
  const { secrets, cookie, now = Date.now } = options
  // Reserved: sessions in cookies have the empty name, those of the hybrid engine `hybrid`.
  if (tier === '' || tier === 'hybrid') throw new RangeError(`A tier cannot be named "${tier}"`)
  const codecs = new Map<string, CookieCodec>()

  function codecFor(cookieName: string): CookieCodec {
    const codec = codecs.get(cookieName) ?? sealedCookieCodec({ secrets, cookieName, tier, now })
    // Names may come from a client, so the map must not grow without limit.
    if (codecs.size >= MAX_CODECS) codecs.clear()
    codecs.set(cookieName, codec)
    return codec
  }

  function settings(ctx: Context, name: string): CookieSettings {
    // Browsers refuse SameSite=None without Secure.
    const secure = ctx.secure || cookie?.sameSite === 'None'
    const settings = { ...DEFAULT_ATTRIBUTES, secure, ...cookie, name }
    checkCookieSettings(settings)
    return settings
  }

  return {
    get(ctx, name) {
      ctx.vary('Cookie')
      const values = cookieValues(ctx.req.headers.cookie, name)
      const [text] = values
      // An attacker can choose the order of cookies with one name, so none of them is used.
      if (text === undefined || values.length > 1) return undefined
      const decoded = codecFor(name).decode(text, maxAge)
      return decoded.ok ? decoded.data['value'] : undefined
    },
    set(ctx, name, value) {
      const data = Object.assign(emptyData(), { value: plainJson(value) })
      send(ctx, name, setCookie(settings(ctx, name), codecFor(name).encode(data), maxAge, now()))
    },
    clear(ctx, name) {
      send(ctx, name, clearCookie(settings(ctx, name)))
    },
  }
}

/** A response has one cookie of a name (RFC 6265bis, 4.1.1): the last one set. */
function send(ctx: Context, name: string, header: string): void {
  const sent: unknown = ctx.response.headers['set-cookie'] ?? []
  const others = [sent].flat().filter((one) => !String(one).startsWith(`${name}=`))
  ctx.set('Set-Cookie', [...others.map(String), header])
  ctx.vary('Cookie')
  if (!ctx.response.get('Cache-Control')) ctx.set('Cache-Control', 'private, no-store')
}
