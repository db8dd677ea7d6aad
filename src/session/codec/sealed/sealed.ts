import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  hash,
  type KeyObject,
  randomFillSync,
} from 'node:crypto'
import { deflateRawSync, inflateRawSync } from 'node:zlib'
import { fromBase64url } from '../base64url.ts'
import type { Codec, Decoded } from '../codec.ts'
import { checkSecrets, type Secrets } from '../secrets.ts'
import { checkSize, jsonSerializer, MAX_BYTES, type Serializer, type SizeLimit } from '../serializer.ts'

/** What {@link sealedCodec} is made of. */
export interface SealedOptions extends SizeLimit {
  /** The application's secrets: the first seals, all of them open. */
  readonly secrets: Secrets
  /** Binds records to one purpose, the cookie's name: a session of another area of the site opens nothing here. */
  readonly namespace: string
  readonly serializer?: Serializer
  /** Serialized sessions above this many bytes are deflated; 1024 by default. */
  readonly compressAbove?: number
}

const VERSION = 1
// A version of its own, because older processes know nothing of forwards: to them it is malformed.
const FORWARD = 2
// Every session key has this length.
const KEY_LENGTH = 32
const NONCE = 12
const TAG = 16
const HEADER = 1 + NONCE + TAG
const PLAIN = 0
const DEFLATED = 1
const CIPHER = 'aes-256-gcm'
const KEPT = 500
const NONCES = 256

/**
 * The default format: the store's key is a hash of the session key, and the data are encrypted under a key derived from
 * session key and secret. Neither a copy of the storage nor the secret alone opens a session (ASVS 11.3, 13.3).
 *
 * Text: base64url of version (1 byte), nonce (12), tag (16), ciphertext. A forward has a version of its own, which is
 * authenticated, so that no data can be taken for one; its plaintext begins with the successor's key.
 *
 * @throws RangeError for secrets that are missing or too short
 */
export function sealedCodec(options: SealedOptions): Codec {
  const { secrets, namespace, serializer = jsonSerializer, maxBytes = MAX_BYTES, compressAbove = 1024 } = options
  checkSecrets(secrets)
  const info = Buffer.from(`holdfast session data ${namespace}`)
  const derive = (secret: string) =>
    keptKeys(createSecretKey(hash('sha256', `holdfast sealed secret\0${secret}`, 'buffer')), info)
  const first = derive(secrets[0])
  const keys = [first, ...secrets.slice(1).map(derive)]

  const storeKey = (sessionKey: string) =>
    hash('sha256', `holdfast store key\0${namespace}\0${sessionKey}`, 'base64url')
  const boundTo = (name: string, version: number) =>
    Buffer.from(`${version}\0${namespace}\0${name}${version === FORWARD ? '\0forward' : ''}`)

  function open(sessionKey: string, bytes: Buffer): Buffer | undefined {
    const nonce = bytes.subarray(1, 1 + NONCE)
    const tag = bytes.subarray(1 + NONCE, HEADER)
    const name = storeKey(sessionKey)
    for (const keyOf of keys) {
      // Without authTagLength Node would accept a tag of 4 bytes.
      const decipher = createDecipheriv(CIPHER, keyOf(name, sessionKey), nonce, { authTagLength: TAG })
      decipher.setAAD(boundTo(name, bytes.readUInt8(0))).setAuthTag(tag)
      const plain = decipher.update(bytes.subarray(HEADER))
      try {
        // It checks the tag; GCM keeps no bytes back for the end.
        decipher.final()
        return plain
      } catch {
        // Not sealed under this secret; perhaps under an older one.
      }
    }
    return undefined
  }

  return {
    name: 'sealed',
    forwards: true,
    storeKey,
    encode(sessionKey, data, successorKey) {
      const serialized = serializer.dumps(data)
      // What a forward holds was measured when it was saved.
      if (successorKey === undefined) checkSize(serialized.length, options)
      const deflate = serialized.length > compressAbove
      const body = deflate ? deflateRawSync(serialized, { level: 1 }) : serialized
      const name = storeKey(sessionKey)
      const nonce = newNonce()
      const cipher = createCipheriv(CIPHER, first(name, sessionKey), nonce, { authTagLength: TAG })
      const version = successorKey === undefined ? VERSION : FORWARD
      const flag = Buffer.of(deflate ? DEFLATED : PLAIN)
      cipher.setAAD(boundTo(name, version))
      const sealed = cipher.update(Buffer.concat([flag, Buffer.from(successorKey ?? ''), body]))
      cipher.final()
      return Buffer.concat([Buffer.of(version), nonce, cipher.getAuthTag(), sealed]).toString('base64url')
    },
    decode(sessionKey, text): Decoded {
      const bytes = fromBase64url(text)
      if (bytes === undefined || bytes.length <= HEADER) return { ok: false, reason: 'malformed' }
      const forward = bytes[0] === FORWARD
      if (bytes[0] !== VERSION && !forward) return { ok: false, reason: 'malformed' }
      const opened = open(sessionKey, bytes)
      if (opened === undefined) return { ok: false, reason: 'unauthentic' }
      const [flag] = opened
      if (flag !== PLAIN && flag !== DEFLATED) return { ok: false, reason: 'malformed' }
      try {
        const successor = forward ? opened.toString('latin1', 1, 1 + KEY_LENGTH) : undefined
        const body = opened.subarray(forward ? 1 + KEY_LENGTH : 1)
        const inflated = flag === DEFLATED ? inflateRawSync(body, { maxOutputLength: maxBytes }) : body
        return { ok: true, data: serializer.loads(inflated), ...(successor === undefined ? {} : { successor }) }
      } catch (error) {
        return { ok: false, reason: isTooLarge(error) ? 'too-large' : 'malformed' }
      }
    },
  }
}

/**
 * Derives the keys of one secret, and remembers those of the last 500 to 1,000 sessions: deriving takes as long as
 * opening. The price is that a copy of the memory opens the data of so many sessions, ended ones among them, but not
 * the sessions: what is kept is named by the store's key, which is no cookie.
 */
function keptKeys(salt: KeyObject, info: Buffer): (name: string, sessionKey: string) => KeyObject {
  let newer = new Map<string, KeyObject>()
  let older = newer
  return (name, sessionKey) => {
    const kept = newer.get(name)
    if (kept !== undefined) return kept
    const key = older.get(name) ?? createSecretKey(hkdf(sessionKey, salt, info))
    if (newer.size >= KEPT) {
      older = newer
      newer = new Map()
    }
    newer.set(name, key)
    return key
  }
}

const pool = Buffer.alloc(NONCE * NONCES)
let used = NONCES

/** Twelve random bytes out of many drawn at once; good until the next call. */
function newNonce(): Buffer {
  if (used === NONCES) {
    randomFillSync(pool)
    used = 0
  }
  const start = NONCE * used++
  return pool.subarray(start, start + NONCE)
}

/** Whether zlib stopped because the output would exceed its bound. */
export function isTooLarge(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE'
}

/** HKDF-SHA256 (RFC 5869) for one block of output; Node's own hkdfSync costs four times as much. */
export function hkdf(keyMaterial: string, salt: KeyObject | undefined, info: Buffer): Buffer {
  const extracted = createHmac('sha256', salt ?? Buffer.alloc(32))
    .update(keyMaterial)
    .digest()
  return createHmac('sha256', extracted).update(info).update(Buffer.of(1)).digest()
}
