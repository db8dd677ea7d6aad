import type { SessionData } from '../../core/data.ts'
import { isOutputTooLarge } from '../../core/error-codes.ts'
import { EXPIRY_KEY, fixedDate } from '../../core/expiry.ts'
import type { Codec, CookieCodec, Decoded } from '../codec.ts'
import { checkSecrets, type Secrets } from '../secrets.ts'
import { asData, checkSize, jsonSerializer, MAX_BYTES, type Serializer, type SizeLimit } from '../serializer.ts'
import { parsePython, pythonJson, pythonJsonOver } from './python-json.ts'
import { BadSignature, dumps, fromBase62, loads, SignatureExpired } from './signing.ts'

// Python derives it from the class name, which is SessionStore in all five backends of Django.
const STORE_SALT = 'django.contrib.sessions.SessionStore'
const COOKIE_SALT = 'django.contrib.sessions.backends.signed_cookies'

// Django has no limit of its own: what it wrote is read, and a change here is refused above `maxBytes`.
const MAX_READ_BYTES = 1024 * 1024

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
  const { encode, decode } = signedText(options, COOKIE_SALT)
  return {
    name: 'django',
    encode,
    decode(text, maxAge) {
      const decoded = decode(text, maxAge)
      // The signature is valid, so this is the time that was signed.
      return decoded.ok ? { ...decoded, issuedAt: fromBase62(text.split(':').at(-2) ?? '') * 1000 } : decoded
    },
  }
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
  checkSecrets(secrets)
  // Python's JSON escapes differently, and this format must be byte for byte the same.
  const isPythons = serializer === jsonSerializer
  const parse = isPythons ? (bytes: Buffer) => asData(parsePython(bytes.toString())) : serializer.loads
  const limits = { secrets, salt, maxBytes: Math.max(maxBytes, MAX_READ_BYTES) }
  function serialize(data: SessionData, former: string | undefined): Buffer {
    if (!isPythons) return serializer.dumps(data)
    const json = former === undefined ? undefined : read(former)
    return json === undefined ? pythonJson(data) : pythonJsonOver(json.toString(), data)
  }
  function read(former: string): Buffer | undefined {
    try {
      return loads(former, limits)
    } catch {
      // The text of another format, from which the session is migrated.
      return undefined
    }
  }
  return {
    encode(data: SessionData, former?: string): string {
      const bytes = serialize(data, former)
      checkSize(bytes.length, options)
      return dumps(bytes, { secrets, salt, compress: true, now: now?.() ?? Date.now() })
    },
    decode(text: string, maxAge?: number): Decoded {
      try {
        const bytes = loads(text, { ...limits, maxAge, now: now?.() ?? Date.now() })
        return deserialize(bytes, parse)
      } catch (error) {
        if (error instanceof SignatureExpired) return { ok: false, reason: 'expired' }
        if (error instanceof BadSignature) return { ok: false, reason: 'unauthentic' }
        return { ok: false, reason: isOutputTooLarge(error) ? 'too-large' : 'malformed' }
      }
    },
  }
}

function deserialize(bytes: Buffer, parse: (bytes: Buffer) => SessionData): Decoded {
  try {
    return { ok: true, data: parse(bytes) }
  } catch (error) {
    return { ok: false, reason: error instanceof TypeError ? 'not-an-object' : 'malformed' }
  }
}
