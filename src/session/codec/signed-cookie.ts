import { BadSignature, TimestampSigner } from './signing.ts'

/** How cookies of one's own are signed. */
export interface SignedCookieOptions {
  /** SECRET_KEY and SECRET_KEY_FALLBACKS: the first signs, all of them verify. */
  readonly secrets: readonly [string, ...string[]]
  /** Told apart from other uses of the same name. */
  readonly salt?: string
  /** Milliseconds since 1970. */
  readonly now?: number
}

/** The value for a cookie outside the session, signed as Django's set_signed_cookie does (behaviour 113). */
export function signCookie(name: string, value: string, options: SignedCookieOptions): string {
  return signerFor(saltFor(name, options.salt), options).sign(value, options.now)
}

/**
 * The value that {@link signCookie} signed, or undefined for anything else.
 *
 * @param options.maxAge seconds
 * @param options.acceptLegacySalt also read what Django before 5.2.15 signed
 */
export function readSignedCookie(
  name: string,
  text: string,
  options: SignedCookieOptions & { readonly maxAge?: number; readonly acceptLegacySalt?: boolean },
): string | undefined {
  const salts = [saltFor(name, options.salt), ...(options.acceptLegacySalt ? [name + (options.salt ?? '')] : [])]
  for (const salt of salts) {
    try {
      return signerFor(salt, options).unsign(text, { maxAge: options.maxAge, now: options.now ?? Date.now() })
    } catch (error) {
      if (!(error instanceof BadSignature)) throw error
    }
  }
  return undefined
}

// The length keeps (salt "ab", name "c") apart from (salt "a", name "bc"): CVE-2026-6873.
function saltFor(name: string, salt = ''): string {
  return `django.http.cookies.v2:${salt.length}:${salt}${name}`
}

function signerFor(salt: string, { secrets: [first, ...older] }: SignedCookieOptions): TimestampSigner {
  const prefixed = (secret: string) => `django.http.cookies${secret}`
  return new TimestampSigner({ salt, secrets: [prefixed(first), ...older.map(prefixed)] })
}
