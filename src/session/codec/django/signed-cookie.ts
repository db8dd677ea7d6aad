import { checkSecrets, type Secrets } from '../secrets.ts'
import { BadSignature, TimestampSigner } from './signing.ts'

/** Options for {@link signCookie}. */
export interface SignedCookieOptions {
  /** SECRET_KEY and SECRET_KEY_FALLBACKS: the first signs, all of them verify. */
  readonly secrets: Secrets
  /** Distinguishes uses of the same cookie name; empty by default. */
  readonly salt?: string
  /** Milliseconds since 1970; now by default. */
  readonly now?: number
}

/**
 * Signs the value of a cookie outside the session, like Django's set_signed_cookie.
 *
 * @throws RangeError for secrets that are missing or too short
 */
export function signCookie(name: string, value: string, options: SignedCookieOptions): string {
  return signerFor(saltFor(name, options.salt), options).sign(value, options.now)
}

/** Options for {@link readSignedCookie}. */
export interface ReadSignedCookieOptions<Default> extends SignedCookieOptions {
  /** Maximum seconds since it was signed; unlimited by default. */
  readonly maxAge?: number
  /** Also accept cookies that Django before 5.2.15 signed; false by default. */
  readonly acceptLegacySalt?: boolean
  /** Returned for a cookie that is absent, altered or too old; undefined by default. */
  readonly default?: Default
}

/**
 * Returns the value that {@link signCookie} signed, or the default for any other text.
 *
 * @throws RangeError for secrets that are missing or too short
 */
export function readSignedCookie<Default = undefined>(
  name: string,
  text: string,
  options: ReadSignedCookieOptions<Default>,
): string | Default {
  const salts = [saltFor(name, options.salt), ...(options.acceptLegacySalt ? [name + (options.salt ?? '')] : [])]
  for (const salt of salts) {
    try {
      return signerFor(salt, options).unsign(text, { maxAge: options.maxAge, now: options.now ?? Date.now() })
    } catch (error) {
      if (!(error instanceof BadSignature)) throw error
    }
  }
  return options.default as Default
}

// The length keeps (salt "ab", name "c") apart from (salt "a", name "bc"): CVE-2026-6873.
function saltFor(name: string, salt = ''): string {
  // Python counts characters, where JavaScript's length counts an emoji as two.
  return `django.http.cookies.v2:${[...salt].length}:${salt}${name}`
}

function signerFor(salt: string, { secrets }: SignedCookieOptions): TimestampSigner {
  checkSecrets(secrets)
  const [first, ...older] = secrets
  const prefixed = (secret: string) => `django.http.cookies${secret}`
  return new TimestampSigner({ salt, secrets: [prefixed(first), ...older.map(prefixed)] })
}
