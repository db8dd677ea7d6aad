import { createCipheriv, createDecipheriv, createHmac, type KeyObject } from 'node:crypto'
import type { RefusedReason } from '../codec.ts'
import { SECRET_ID_BYTES } from '../secrets.ts'

const CIPHER = 'aes-256-gcm'
const TAG_BYTES = 16
/** Bytes of the nonce. */
export const NONCE_BYTES = 12
/** Bytes before the ciphertext: nonce and tag. */
export const BOX_HEADER_BYTES = NONCE_BYTES + TAG_BYTES

/**
 * Encrypts with AES-256-GCM. Returns nonce (12 bytes, which begin with the id of the secret), tag (16) and ciphertext.
 *
 * @param nonce must never be used twice with the same key
 * @param aad additional authenticated data: decryption needs the same
 */
export function seal(key: KeyObject | Buffer, nonce: Buffer, aad: Buffer, plain: Buffer): [Buffer, Buffer, Buffer] {
  const cipher = createCipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES })
  cipher.setAAD(aad)
  const sealed = cipher.update(plain)
  cipher.final()
  return [nonce, cipher.getAuthTag(), sealed]
}

/** Decrypts what {@link seal} returned; undefined for another key or other authenticated data. */
export function unseal(key: KeyObject | Buffer, aad: Buffer, box: Buffer): Buffer | undefined {
  // Without authTagLength Node would accept a tag of 4 bytes.
  const decipher = createDecipheriv(CIPHER, key, box.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES })
  decipher.setAAD(aad).setAuthTag(box.subarray(NONCE_BYTES, BOX_HEADER_BYTES))
  const plain = decipher.update(box.subarray(BOX_HEADER_BYTES))
  try {
    // Verifies the tag; GCM returns no more bytes here.
    decipher.final()
    return plain
  } catch {
    return undefined
  }
}

/** Puts the id of a secret at the beginning of a nonce. Processes of older versions take it for random. */
export function withSecretId(nonce: Buffer, id: Buffer): Buffer {
  id.copy(nonce)
  return nonce
}

/** Why a box cannot be decrypted with these secrets: its nonce begins with the id of the secret that it was made with. */
export function refusedBox(box: Buffer, ids: readonly Buffer[]): { ok: false; reason: RefusedReason } {
  const isKnown = ids.some((id) => id.equals(box.subarray(0, SECRET_ID_BYTES)))
  return { ok: false, reason: isKnown ? 'unauthentic' : 'unknown-secret' }
}

/** HKDF-SHA256 (RFC 5869) with one block of output; hkdfSync of Node takes four times as long. */
export function hkdf(keyMaterial: string, salt: KeyObject | undefined, info: Buffer): Buffer {
  const extracted = createHmac('sha256', salt ?? Buffer.alloc(32))
    .update(keyMaterial)
    .digest()
  return createHmac('sha256', extracted).update(info).update(Buffer.of(1)).digest()
}
