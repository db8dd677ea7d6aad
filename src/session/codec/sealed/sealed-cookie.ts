import { createHmac, randomBytes } from 'node:crypto'
import { deflateRawSync } from 'node:zlib'
import { fromBase64url } from '../base64url.ts'
import type { CookieCodec, DecodedCookie } from '../codec.ts'
import { checkSecrets, type Secrets } from '../secrets.ts'
import { checkSize, jsonSerializer, MAX_BYTES, type Serializer, type SizeLimit } from '../serializer.ts'
import { BOX_HEADER_BYTES, hkdf, NONCE_BYTES, seal, unseal } from './box.ts'
import { DEFLATED, PLAIN, unpack } from './deflated.ts'

/** What {@link sealedCookieCodec} is made of. */
export interface SealedCookieOptions extends SizeLimit {
  /** The application's secrets: the first seals, all of them open. */
  readonly secrets: Secrets
  /** The cookie's name: what was sealed for one cookie is nothing in another. */
  readonly cookieName: string
  /** Told apart from other uses of the same name, each with a key of its own; for sessions, leave it out. */
  readonly tier?: string
  readonly serializer?: Serializer
  /** Milliseconds since 1970. */
  readonly now?: () => number
}

const VERSION = 1
const TIME = 6
const SALT = 12
const HEAD = 1 + TIME
const HEADER = HEAD + SALT + BOX_HEADER_BYTES

/**
 * A whole session in its cookie, encrypted: the visitor can neither read nor change it.
 *
 * Text: base64url of version (1 byte), time of sealing in ms (6), salt (12), nonce (12), tag (16), ciphertext. Version
 * and time are authenticated. The salt gives each cookie its own key, because random nonces under one key are safe for
 * only 2^32 cookies (NIST SP 800-38D, 8.3).
 *
 * @throws RangeError for secrets that are missing or too short
 */
export function sealedCookieCodec(options: SealedCookieOptions): CookieCodec {
  const { secrets, cookieName, tier = '', serializer = jsonSerializer, maxBytes = MAX_BYTES, now = Date.now } = options
  checkSecrets(secrets)
  // Lengths first, so that no two pairs of name and tier read the same.
  const purpose = `holdfast sealed cookie\0${cookieName.length}:${cookieName}\0${tier.length}:${tier}`
  const keyFrom = (secret: string) => hkdf(secret, undefined, Buffer.from(purpose))
  const first = keyFrom(secrets[0])
  const keys = [first, ...secrets.slice(1).map(keyFrom)]

  function open(bytes: Buffer): Buffer | undefined {
    const salt = bytes.subarray(HEAD, HEAD + SALT)
    for (const key of keys) {
      const opened = unseal(keyOfOne(key, salt), boundTo(bytes.subarray(0, HEAD), purpose), bytes.subarray(HEAD + SALT))
      if (opened !== undefined) return opened
    }
    return undefined
  }

  return {
    name: 'sealed',
    encode(data) {
      const serialized = serializer.dumps(data)
      checkSize(serialized.length, options)
      const deflated = deflateRawSync(serialized)
      const [flag, body] = deflated.length < serialized.length ? [DEFLATED, deflated] : [PLAIN, serialized]
      const head = Buffer.alloc(HEAD, VERSION)
      head.writeUIntBE(now(), 1, TIME)
      const salt = randomBytes(SALT)
      const plain = Buffer.concat([Buffer.of(flag), body])
      const box = seal(keyOfOne(first, salt), randomBytes(NONCE_BYTES), boundTo(head, purpose), plain)
      return Buffer.concat([head, salt, ...box]).toString('base64url')
    },
    decode(text, maxAge): DecodedCookie {
      const bytes = fromBase64url(text)
      if (bytes === undefined || bytes.length <= HEADER || bytes[0] !== VERSION)
        return { ok: false, reason: 'malformed' }
      const opened = open(bytes)
      if (opened === undefined) return { ok: false, reason: 'unauthentic' }
      const issuedAt = bytes.readUIntBE(1, TIME)
      if (now() - issuedAt > maxAge * 1000) return { ok: false, reason: 'expired' }
      const unpacked = unpack(opened[0], opened.subarray(1), serializer, maxBytes)
      return unpacked.ok ? { ...unpacked, issuedAt } : unpacked
    },
  }
}

function keyOfOne(key: Buffer, salt: Buffer): Buffer {
  return createHmac('sha256', key).update(salt).digest()
}

function boundTo(head: Buffer, purpose: string): Buffer {
  return Buffer.concat([head, Buffer.from(purpose)])
}
