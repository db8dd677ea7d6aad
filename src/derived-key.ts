import { hkdfSync } from 'node:crypto'

/**
 * A key of 256 bits for one purpose (HKDF-SHA256, RFC 5869), so that no two uses of a secret share a key.
 *
 * @param purpose a name that nothing else uses
 */
export function derivedKey(secret: string, purpose: string): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, '', purpose, 32))
}
