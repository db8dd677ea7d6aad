import { createHmac } from 'node:crypto'
import { deflateRawSync } from 'node:zlib'
import { smallRandom } from '../../core/random.ts'
import { fromBase64url } from '../base64url.ts'
import type { CookieCodec, DecodedCookie } from '../codec.ts'
import { checkSecrets, type Secrets, secretId } from '../secrets.ts'
import {
  COMPRESS_ABOVE_BYTES,
  checkSize,
  jsonSerializer,
  MAX_BYTES,
  type Serializer,
  type SizeLimit,
} from '../serializer.ts'
import { BOX_HEADER_BYTES, hkdf, NONCE_BYTES, refusedBox, seal, unseal, withSecretId } from './box.ts'
import { DEFLATED_FLAG, PLAIN_FLAG, unpack } from './deflated.ts'

/** Options for {@link sealedCookieCodec}. */
export interface SealedCookieOptions extends SizeLimit {
  /** The application's secrets: the first encrypts, all of them decrypt. */
  readonly secrets: Secrets
  /** The cookie's name: a value is only valid in the cookie that it was made for. */
  readonly cookieName: string
  /** Separates uses of the same name, each with its own encryption key; omitted for sessions. */
  readonly tier?: string
  /** JSON by default. */
  readonly serializer?: Serializer
  /** Returns milliseconds since 1970; Date.now by default. */
  readonly now?: () => number
}

const VERSION = 1
const TIME_BYTES = 6
const SALT_BYTES = 12
const PREFIX_BYTES = 1 + TIME_BYTES
const HEADER_BYTES = PREFIX_BYTES + SALT_BYTES + BOX_HEADER_BYTES

/**
 * Keeps a whole session in its cookie, encrypted, so that the visitor can neither read nor change it.
 *
 * Format: base64url of version (1 byte), time in ms (6), salt (12), nonce (12, of which 3 are the id of the secret), tag
 * (16), ciphertext. Version and time are authenticated. The salt gives each cookie its own key, because random nonces under one key are safe for only 2^32
 * cookies (NIST SP 800-38D, 8.3).
 *
 * @throws RangeError for secrets that are missing or too short
 */
export function sealedCookieCodec(options: SealedCookieOptions): CookieCodec {
  const { secrets, cookieName, tier = '', serializer = jsonSerializer, maxBytes = MAX_BYTES, now = Date.now } = options
  const { compressAbove = COMPRESS_ABOVE_BYTES } = options
  checkSecrets(secrets)
  // With lengths, so that no two pairs of name and tier give the same text.
  const purpose = Buffer.from(`holdfast sealed cookie\0${cookieName.length}:${cookieName}\0${tier.length}:${tier}`)
  const keyFrom = (secret: string) => hkdf(secret, undefined, purpose)
  const first = keyFrom(secrets[0])
  const keys = [first, ...secrets.slice(1).map(keyFrom)]
  const ids = secrets.map(secretId)
  const firstId = secretId(secrets[0])

  function open(bytes: Buffer): Buffer | undefined {
    const salt = bytes.subarray(PREFIX_BYTES, PREFIX_BYTES + SALT_BYTES)
    for (const key of keys) {
      const opened = unseal(
        cookieKey(key, salt),
        aadOf(bytes.subarray(0, PREFIX_BYTES), purpose),
        bytes.subarray(PREFIX_BYTES + SALT_BYTES),
      )
      if (opened !== undefined) return opened
    }
    return undefined
  }

  return {
    name: 'sealed',
    encode(data) {
      const serialized = serializer.dumps(data)
      checkSize(serialized.length, options)
      const deflated = serialized.length > compressAbove ? deflateRawSync(serialized) : serialized
      const isSmaller = deflated.length < serialized.length
      const prefix = Buffer.alloc(PREFIX_BYTES, VERSION)
      prefix.writeUIntBE(now(), 1, TIME_BYTES)
      const salt = smallRandom(SALT_BYTES)
      const plain = Buffer.concat(isSmaller ? [DEFLATED_FLAG, deflated] : [PLAIN_FLAG, serialized])
      const nonce = withSecretId(smallRandom(NONCE_BYTES), firstId)
      const box = seal(cookieKey(first, salt), nonce, aadOf(prefix, purpose), plain)
      return Buffer.concat([prefix, salt, ...box]).toString('base64url')
    },
    decode(text, maxAge): DecodedCookie {
      const bytes = fromBase64url(text)
      if (bytes === undefined || bytes.length <= HEADER_BYTES || bytes[0] !== VERSION)
        return { ok: false, reason: 'malformed' }
      const opened = open(bytes)
      if (opened === undefined) return refusedBox(bytes.subarray(PREFIX_BYTES + SALT_BYTES), ids)
      const issuedAt = bytes.readUIntBE(1, TIME_BYTES)
      if (now() - issuedAt > maxAge * 1000) return { ok: false, reason: 'expired' }
      const unpacked = unpack(opened[0], opened.subarray(1), serializer, maxBytes)
      // Into the same object, not spread: see `withVersion` of the stores.
      return unpacked.ok ? Object.assign(unpacked, { issuedAt }) : unpacked
    },
  }
}

function cookieKey(key: Buffer, salt: Buffer): Buffer {
  return createHmac('sha256', key).update(salt).digest()
}

function aadOf(prefix: Buffer, purpose: Buffer): Buffer {
  return Buffer.concat([prefix, purpose])
}
