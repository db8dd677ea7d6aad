import type { Context } from 'koa'
import type { CookieCodec } from '../codec/codec.ts'
import { sealedCookieCodec } from '../codec/sealed/sealed-cookie.ts'
import { checkSecrets, type Secrets } from '../codec/secrets.ts'
import { emptyData, type Json, plainJson } from '../core/data.ts'
import { type CookieSettings, checkCookieSettings, clearCookie, cookieValues, setCookie } from './cookie.ts'

/** One kind of cookie beside the session. */
export interface TierDefinition {
  /** Seconds after which the server refuses a value, whatever the browser keeps. */
  readonly maxAge: number
}

/** What {@link cookieTiers} needs. */
export interface CookieTiersOptions {
  /** The application's secrets: the first seals, all of them open. */
  readonly secrets: Secrets
  /** Attributes of the cookies; path `/`, HttpOnly and SameSite=Lax by default, Secure where the request was. */
  readonly cookie?: Partial<Omit<CookieSettings, 'name'>>
  /** Milliseconds since 1970. */
  readonly now?: () => number
}

/** Values of one tier, by the names of their cookies. */
export interface CookieTier {
  /** The value; undefined when it is absent, altered, too old, of another tier, or sent twice. */
  get(ctx: Context, name: string): Json | undefined
  /** @throws TypeError for what JSON cannot hold, or a name that no cookie has; SessionTooLargeError for a size that none has */
  set(ctx: Context, name: string, value: unknown): void
  clear(ctx: Context, name: string): void
}

const USUAL = { path: '/', httpOnly: true, sameSite: 'Lax', maxSize: 4096 } as const
const MOST_NAMES = 100

/**
 * Encrypted cookies outside the session, in tiers with a key and an age of their own. A value is good for the name and
 * the tier under which it was set; like every cookie, a copy of it can be sent again until its age is over.
 *
 * ```ts
 * const tiers = cookieTiers({ critical: { maxAge: 1800 }, preferences: { maxAge: 86_400 } }, { secrets })
 * tiers.preferences.set(ctx, 'theme', 'dark')
 * ```
 *
 * @throws RangeError for an age that is no positive number, a name that is taken, or secrets that are missing or too short;
 *   TypeError for attributes of which no browser would make a cookie
 */
export function cookieTiers<Name extends string>(
  definitions: Readonly<Record<Name, TierDefinition>>,
  options: CookieTiersOptions,
): Readonly<Record<Name, CookieTier>> {
  // The codecs are made as names of cookies come up.
  checkSecrets(options.secrets)
  const { cookie } = options
  checkCookieSettings({ ...USUAL, secure: cookie?.secure ?? true, ...cookie, name: 'any' })
  const names = Object.keys(definitions) as Name[]
  const tiers = names.map((name) => [name, openTier(name, definitions[name], options)] as const)
  return Object.fromEntries(tiers) as Record<Name, CookieTier>
}

function openTier(tier: string, { maxAge }: TierDefinition, options: CookieTiersOptions): CookieTier {
  if (!(maxAge > 0 && Number.isFinite(maxAge))) throw new RangeError(`The age of tier "${tier}" must be over 0 seconds`)
  const { secrets, cookie, now = Date.now } = options
  // An empty name is that of sessions themselves, and `hybrid` that of sessions with a record beside them.
  if (tier === '' || tier === 'hybrid') throw new RangeError(`A tier cannot be named "${tier}"`)
  const codecs = new Map<string, CookieCodec>()

  function codecFor(cookieName: string): CookieCodec {
    const codec = codecs.get(cookieName) ?? sealedCookieCodec({ secrets, cookieName, tier, now })
    // Names may come from a client: they are not remembered for ever.
    if (codecs.size >= MOST_NAMES) codecs.clear()
    codecs.set(cookieName, codec)
    return codec
  }

  function settings(ctx: Context, name: string): CookieSettings {
    // A cookie for other sites is always Secure, or no browser would keep it.
    const secure = ctx.secure || cookie?.sameSite === 'None'
    const settings = { ...USUAL, secure, ...cookie, name }
    checkCookieSettings(settings)
    return settings
  }

  return {
    get(ctx, name) {
      ctx.vary('Cookie')
      const values = cookieValues(ctx.req.headers.cookie, name)
      const [text] = values
      // The order of cookies of one name is the attacker's choice, so none of them counts.
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

/** An answer carries one cookie of a name (RFC 6265bis, 4.1.1): the last one set. */
function send(ctx: Context, name: string, header: string): void {
  const sent: unknown = ctx.response.headers['set-cookie'] ?? []
  const others = [sent].flat().filter((one) => !String(one).startsWith(`${name}=`))
  ctx.set('Set-Cookie', [...others.map(String), header])
  ctx.vary('Cookie')
  if (!ctx.response.get('Cache-Control')) ctx.set('Cache-Control', 'private, no-store')
}
