import { inflateRawSync } from 'node:zlib'
import { isOverBound } from '../../core/error-codes.ts'
import type { Decoded } from '../codec.ts'
import type { Serializer } from '../serializer.ts'

/** The flag before what is sealed as it was serialized. */
export const PLAIN = 0
/** The flag before what was deflated first. */
export const DEFLATED = 1

/**
 * Reads what was sealed. Never throws: it may have been sealed by another version.
 *
 * @param maxBytes what it may come to when it is inflated
 */
export function unpack(flag: number | undefined, body: Buffer, serializer: Serializer, maxBytes: number): Decoded {
  if (flag !== PLAIN && flag !== DEFLATED) return { ok: false, reason: 'malformed' }
  try {
    const inflated = flag === DEFLATED ? inflateRawSync(body, { maxOutputLength: maxBytes }) : body
    return { ok: true, data: serializer.loads(inflated) }
  } catch (error) {
    return { ok: false, reason: isOverBound(error) ? 'too-large' : 'malformed' }
  }
}
