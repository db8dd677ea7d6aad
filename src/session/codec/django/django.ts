import type { SessionData } from '../../core/data.ts'
import { isOutputTooLarge } from '../../core/error-codes.ts'
import { EXPIRY_KEY, fixedDate } from '../../core/expiry.ts'
import type { Codec, CookieCodec, DecodedCookie } from '../codec.ts'
import { checkSecrets, type Secrets } from '../secrets.ts'
import {
  COMPRESS_ABOVE_BYTES,
  checkSize,
  jsonSerializer,
  MAX_BYTES,
  parsedData,
  type Serializer,
  type SizeLimit,
} from '../serializer.ts'
import { parsePython, pythonJson, pythonJsonOver } from './python-json.ts'
import { BadSignature, dumpsWith, loadsWith, SignatureExpired, TimestampSigner } from './signing.ts'

// Python derives it from the class name, which is SessionStore in all five backends of Django.
const STORE_SALT = 'django.contrib.sessions.SessionStore'
const COOKIE_SALT = 'django.contrib.sessions.backends.signed_cookies'

// Django has no limit of its own: what it wrote is read, and a change here that adds more than GROWTH_BYTES is refused.
const MAX_READ_BYTES = 1024 * 1024
// A larger session of Django's can still change its key and sign in.
const GROWTH_BYTES = 1024

/** Options for {@link djangoCodec} and {@link djangoCookieCodec}. */
export interface DjangoOptions extends SizeLimit {
  /** SECRET_KEY and SECRET_KEY_FALLBACKS: the first signs, all of them verify. */
  readonly secrets: Secrets
  /** JSON by default. */
  readonly serializer?: Serializer
  /** Returns milliseconds since 1970; Date.now by default. */
  readonly now?: () => number
}

/**
 * Django's stored sessions, byte for byte: signed, not encrypted, under the raw session key.
 *
 * @throws RangeError for secrets that are missing or too short, even if Django accepts them
 */
export function djangoCodec(options: DjangoOptions): Codec {
  const text = signedText(options, STORE_SALT)
  return {
    name: 'django',
    forwards: false,
    storeKey: (sessionKey) => sessionKey,
    encode: (_sessionKey, data, { former } = {}) => text.encode(data, former),
    decode: (_sessionKey, stored) => text.decode(stored),
  }
}

/**
 * Django's signed_cookies: the cookie is the session.
 *
 * @throws RangeError for secrets that are missing or too short, even if Django accepts them
 */
export function djangoCookieCodec(options: DjangoOptions): CookieCodec {
  return { name: 'django', ...signedText(options, COOKIE_SALT) }
}

/**
 * Returns a function that reads a session's custom expiry, seconds or a date, from stored text. For Django's files, which
 * store it nowhere else.
 */
export function djangoCustomExpiry(codec: Codec): (text: string) => number | Date | undefined {
  return (text) => {
    const decoded = codec.decode('', text)
    const expiry = decoded.ok ? decoded.data[EXPIRY_KEY] : undefined
    const date = fixedDate(expiry)
    if (date !== undefined) return new Date(date)
    return typeof expiry === 'number' ? expiry : undefined
  }
}

function signedText(options: DjangoOptions, salt: string) {
  const { secrets, serializer = jsonSerializer, maxBytes = MAX_BYTES, now } = options
  const { compressAbove = COMPRESS_ABOVE_BYTES } = options
  checkSecrets(secrets)
  const signer = new TimestampSigner({ secrets, salt })
  const maxReadBytes = Math.max(maxBytes, MAX_READ_BYTES)
  return {
    encode(data: SessionData, former?: string): string {
      // Python's JSON escapes differently, and this format must be byte for byte the same.
      const bytes = serializer === jsonSerializer ? serialize(data, former) : serializer.dumps(data)
      const max = former !== undefined && former.length > maxBytes ? former.length + GROWTH_BYTES : maxBytes
      if (bytes.length > max || max === maxBytes) checkSize(bytes.length, options)
      // Django would also compress fewer bytes, and reads both.
      const compress = bytes.length > compressAbove
      return dumpsWith(signer, bytes, { compress, now: now?.() ?? Date.now() })
    },
    decode(text: string, maxAge?: number): DecodedCookie {
      try {
        const limits = { maxBytes: maxReadBytes, maxAge, now: now?.() ?? Date.now() }
        const { value, time, olderSecret } = loadsWith(signer, text, limits)
        const decoded = deserialize(value, serializer, time * 1000)
        return decoded.ok && olderSecret ? { ...decoded, olderSecret: true } : decoded
      } catch (error) {
        if (error instanceof SignatureExpired) return { ok: false, reason: 'expired' }
        if (error instanceof BadSignature) return { ok: false, reason: 'unauthentic' }
        return { ok: false, reason: isOutputTooLarge(error) ? 'too-large' : 'malformed' }
      }
    },
  }
}

function serialize(data: SessionData, former: string | undefined): Buffer {
  return former === undefined ? pythonJson(data) : pythonJsonOver(former, data)
}

function deserialize(bytes: Buffer, serializer: Serializer, issuedAt: number): DecodedCookie {
  try {
    if (serializer !== jsonSerializer) return { ok: true, data: serializer.loads(bytes), issuedAt }
    const json = bytes.toString()
    return { ok: true, data: parsedData(parsePython(json)), json, issuedAt }
  } catch (error) {
    return { ok: false, reason: error instanceof TypeError ? 'not-an-object' : 'malformed' }
  }
}
