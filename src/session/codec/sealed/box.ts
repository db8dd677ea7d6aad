import { createCipheriv, createDecipheriv, createHmac, type KeyObject } from 'node:crypto'

const CIPHER = 'aes-256-gcm'
const TAG_BYTES = 16
/** Bytes of a nonce. */
export const NONCE_BYTES = 12
/** Bytes that a box has before its ciphertext. */
export const BOX_HEADER_BYTES = NONCE_BYTES + TAG_BYTES

/**
 * Encrypts with AES-256-GCM: a box is nonce (12 bytes), tag (16) and ciphertext.
 *
 * @param nonce never used before with this key
 * @param boundTo what else is authenticated: the box opens only beside the same
 */
export function seal(key: KeyObject | Buffer, nonce: Buffer, boundTo: Buffer, plain: Buffer): [Buffer, Buffer, Buffer] {
  const cipher = createCipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES })
  cipher.setAAD(boundTo)
  const sealed = cipher.update(plain)
  cipher.final()
  return [nonce, cipher.getAuthTag(), sealed]
}

/** What is in a box; undefined if this key did not seal it, or not beside the same. */
export function unseal(key: KeyObject | Buffer, boundTo: Buffer, box: Buffer): Buffer | undefined {
  // Without authTagLength Node would accept a tag of 4 bytes.
  const decipher = createDecipheriv(CIPHER, key, box.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES })
  decipher.setAAD(boundTo).setAuthTag(box.subarray(NONCE_BYTES, BOX_HEADER_BYTES))
  const plain = decipher.update(box.subarray(BOX_HEADER_BYTES))
  try {
    // It checks the tag; GCM keeps no bytes back for the end.
    decipher.final()
    return plain
  } catch {
    return undefined
  }
}

/** HKDF-SHA256 (RFC 5869) for one block of output; Node's own hkdfSync costs four times as much. */
export function hkdf(keyMaterial: string, salt: KeyObject | undefined, info: Buffer): Buffer {
  const extracted = createHmac('sha256', salt ?? Buffer.alloc(32))
    .update(keyMaterial)
    .digest()
  return createHmac('sha256', extracted).update(info).update(Buffer.of(1)).digest()
}
