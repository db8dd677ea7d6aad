import { inflateRawSync } from 'node:zlib'
import { isOutputTooLarge } from '../../core/error-codes.ts'
import type { Decoded } from '../codec.ts'
import type { Serializer } from '../serializer.ts'

const PLAIN = 0
const DEFLATED = 1
/** Before uncompressed data. */
export const PLAIN_FLAG = Buffer.of(PLAIN)
/** Before deflated data. */
export const DEFLATED_FLAG = Buffer.of(DEFLATED)

/**
 * Deserializes decrypted data. Never throws, because another version may have written them.
 *
 * @param maxBytes maximum bytes after inflating
 */
export function unpack(flag: number | undefined, body: Buffer, serializer: Serializer, maxBytes: number): Decoded {
  if (flag !== PLAIN && flag !== DEFLATED) return { ok: false, reason: 'malformed' }
  try {
    const inflated = flag === DEFLATED ? inflateRawSync(body, { maxOutputLength: maxBytes }) : body
    return { ok: true, data: serializer.loads(inflated) }
  } catch (error) {
    return { ok: false, reason: isOutputTooLarge(error) ? 'too-large' : 'malformed' }
  }
}
