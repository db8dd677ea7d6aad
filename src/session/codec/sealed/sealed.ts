import { createSecretKey, hash, type KeyObject, randomFillSync } from 'node:crypto'
import { deflateRawSync } from 'node:zlib'
import { fromBase64url } from '../base64url.ts'
import type { Codec, Decoded } from '../codec.ts'
import { checkSecrets, type Secrets } from '../secrets.ts'
import { checkSize, jsonSerializer, MAX_BYTES, type Serializer, type SizeLimit } from '../serializer.ts'
import { BOX_HEADER_BYTES, hkdf, NONCE_BYTES, seal, unseal } from './box.ts'
import { DEFLATED, PLAIN, unpack } from './deflated.ts'

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
    const name = storeKey(sessionKey)
    for (const keyOf of keys) {
      const opened = unseal(keyOf(name, sessionKey), boundTo(name, bytes.readUInt8(0)), bytes.subarray(1))
      if (opened !== undefined) return opened
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
      const version = successorKey === undefined ? VERSION : FORWARD
      const flag = Buffer.of(deflate ? DEFLATED : PLAIN)
      const plain = Buffer.concat([flag, Buffer.from(successorKey ?? ''), body])
      const box = seal(first(name, sessionKey), newNonce(), boundTo(name, version), plain)
      return Buffer.concat([Buffer.of(version), ...box]).toString('base64url')
    },
    decode(sessionKey, text): Decoded {
      const bytes = fromBase64url(text)
      if (bytes === undefined || bytes.length <= 1 + BOX_HEADER_BYTES) return { ok: false, reason: 'malformed' }
      const forward = bytes[0] === FORWARD
      if (bytes[0] !== VERSION && !forward) return { ok: false, reason: 'malformed' }
      const opened = open(sessionKey, bytes)
      if (opened === undefined) return { ok: false, reason: 'unauthentic' }
      if (!forward) return unpack(opened[0], opened.subarray(1), serializer, maxBytes)
      const unpacked = unpack(opened[0], opened.subarray(1 + KEY_LENGTH), serializer, maxBytes)
      return unpacked.ok ? { ...unpacked, successor: opened.toString('latin1', 1, 1 + KEY_LENGTH) } : unpacked
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

const pool = Buffer.alloc(NONCE_BYTES * NONCES)
let used = NONCES

/** Twelve random bytes out of many drawn at once; good until the next call. */
function newNonce(): Buffer {
  if (used === NONCES) {
    randomFillSync(pool)
    used = 0
  }
  const start = NONCE_BYTES * used++
  return pool.subarray(start, start + NONCE_BYTES)
}
