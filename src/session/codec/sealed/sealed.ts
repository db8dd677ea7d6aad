import { createSecretKey, hash, type KeyObject } from 'node:crypto'
import { deflateRawSync } from 'node:zlib'
import { emptyData, type SessionData, withoutKey } from '../../core/data.ts'
import { smallRandom } from '../../core/random.ts'
import { fromBase64url } from '../base64url.ts'
import type { Codec, Decoded, SealedMetadata } from '../codec.ts'
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

/** Options for {@link sealedCodec}. */
export interface SealedOptions extends SizeLimit {
  /** The application's secrets: the first encrypts, all of them decrypt. */
  readonly secrets: Secrets
  /** Binds records to one purpose, usually the cookie's name: records of another namespace cannot be decrypted. */
  readonly namespace: string
  /** JSON by default. */
  readonly serializer?: Serializer
}

const VERSION = 1
// A separate version, because to older processes, which do not know forwards, it must be malformed.
const FORWARD = 2
const SESSION_HEAD = Buffer.of(VERSION)
const FORWARD_HEAD = Buffer.of(FORWARD)
// Among the data, because to older processes another format would be malformed, and sign visitors out during a deployment.
// They copy it to records with other keys, so it names the record for which it is valid.
const METADATA_KEY = '_session_metadata'
const NAME_LENGTH = 12
// Every session key has this length.
const KEY_LENGTH = 32
const MAX_CACHED_KEYS = 500

/**
 * The default format: the store's key is a hash of the session key, and the data are encrypted under a key derived from
 * session key and secret. Neither a copy of the storage nor the secret alone opens a session (ASVS 11.3, 13.3).
 *
 * Format: base64url of version (1 byte), nonce (12), tag (16), ciphertext. The nonce is the id of the secret (3 bytes) and
 * 9 random bytes, enough for a million saves under one session key (NIST SP 800-38D, 8.3). A forward has another version, which is
 * authenticated, so that no data can be taken for one; its plaintext begins with the successor's key.
 *
 * @throws RangeError for secrets that are missing or too short
 */
export function sealedCodec(options: SealedOptions): Codec {
  const {
    secrets,
    namespace,
    serializer = jsonSerializer,
    maxBytes = MAX_BYTES,
    compressAbove = COMPRESS_ABOVE_BYTES,
  } = options
  checkSecrets(secrets)
  const info = Buffer.from(`holdfast session data ${namespace}`)
  const derive = (secret: string) =>
    cachedKeys(createSecretKey(hash('sha256', `holdfast sealed secret\0${secret}`, 'buffer')), info)
  const first = derive(secrets[0])
  const keys = [first, ...secrets.slice(1).map(derive)]
  const ids = secrets.map(secretId)
  const firstId = secretId(secrets[0])

  const storeKey = (sessionKey: string) =>
    hash('sha256', `holdfast store key\0${namespace}\0${sessionKey}`, 'base64url')
  const aadOf = (name: string, version: number) =>
    Buffer.from(`${version}\0${namespace}\0${name}${version === FORWARD ? '\0forward' : ''}`)

  function open(sessionKey: string, name: string, bytes: Buffer): { plain: Buffer; older: boolean } | undefined {
    // All of them, whatever the id: records of older versions have a random one.
    for (const keyOf of keys) {
      const plain = unseal(keyOf(name, sessionKey), aadOf(name, bytes.readUInt8(0)), bytes.subarray(1))
      if (plain !== undefined) return { plain, older: keyOf !== first }
    }
    return undefined
  }

  return {
    name: 'sealed',
    forwards: true,
    storeKey,
    encode(sessionKey, data, { successor, metadata, name = storeKey(sessionKey) } = {}) {
      const serialized = serializer.dumps(metadata === undefined ? data : withMetadata(data, name, metadata))
      // The data of a forward were checked when they were saved.
      if (successor === undefined) checkSize(serialized.length, options)
      const deflate = serialized.length > compressAbove
      const body = deflate ? deflateRawSync(serialized, { level: 1 }) : serialized
      const [version, head] = successor === undefined ? [VERSION, SESSION_HEAD] : [FORWARD, FORWARD_HEAD]
      const flag = deflate ? DEFLATED_FLAG : PLAIN_FLAG
      const plain = Buffer.concat(successor === undefined ? [flag, body] : [flag, Buffer.from(successor), body])
      const nonce = withSecretId(smallRandom(NONCE_BYTES), firstId)
      const box = seal(first(name, sessionKey), nonce, aadOf(name, version), plain)
      return Buffer.concat([head, ...box]).toString('base64url')
    },
    decode(sessionKey, text, name = storeKey(sessionKey)): Decoded {
      const bytes = fromBase64url(text)
      if (bytes === undefined || bytes.length <= 1 + BOX_HEADER_BYTES) return { ok: false, reason: 'malformed' }
      const forward = bytes[0] === FORWARD
      if (bytes[0] !== VERSION && !forward) return { ok: false, reason: 'malformed' }
      const opened = open(sessionKey, name, bytes)
      if (opened === undefined) return refusedBox(bytes.subarray(1), ids)
      const { plain, older } = opened
      const unpacked = unpack(plain[0], plain.subarray(forward ? 1 + KEY_LENGTH : 1), serializer, maxBytes)
      if (!unpacked.ok) return unpacked
      if (forward) return { ...unpacked, successor: plain.toString('latin1', 1, 1 + KEY_LENGTH) }
      const decoded = takeMetadata(unpacked, name)
      return older ? { ...decoded, olderSecret: true } : decoded
    },
  }
}

/** What the text of a session begins with, for each of the secrets; the last bits of the id are in the next character. */
export function sealedPrefixes(secrets: Secrets): string[] {
  return secrets.map((secret) =>
    Buffer.concat([Buffer.of(VERSION), secretId(secret)])
      .toString('base64url')
      .slice(0, 5),
  )
}

function withMetadata(data: SessionData, name: string, { id, createdAt }: SealedMetadata): SessionData {
  // Not spread: see `withVersion` of the stores.
  const all = Object.assign(emptyData(), data)
  all[METADATA_KEY] = [name.slice(0, NAME_LENGTH), id, createdAt]
  return all
}

function takeMetadata(decoded: Decoded & { ok: true }, name: string): Decoded & { ok: true } {
  const metadata = decoded.data[METADATA_KEY]
  if (metadata === undefined) return decoded
  const data = withoutKey(decoded.data, METADATA_KEY)
  if (!Array.isArray(metadata)) return { ok: true, data }
  const [sealedName, id, createdAt] = metadata
  if (sealedName !== name.slice(0, NAME_LENGTH) || typeof id !== 'string' || typeof createdAt !== 'number')
    return { ok: true, data }
  return { ok: true, data, metadata: { id, createdAt } }
}

/**
 * Derives encryption keys from one secret and caches those of the last 500 to 1,000 sessions, because deriving takes as
 * long as decrypting. A memory dump therefore reveals the data of these sessions, but not their cookies: the cache is
 * indexed by the store's key.
 */
function cachedKeys(salt: KeyObject, info: Buffer): (name: string, sessionKey: string) => KeyObject {
  let newer = new Map<string, KeyObject>()
  let older = newer
  return (name, sessionKey) => {
    const known = newer.get(name)
    if (known !== undefined) return known
    const key = older.get(name) ?? createSecretKey(hkdf(sessionKey, salt, info))
    if (newer.size >= MAX_CACHED_KEYS) {
      older = newer
      newer = new Map()
    }
    newer.set(name, key)
    return key
  }
}
