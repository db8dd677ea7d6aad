import { bareJson, isJsonObject, type Json, plainJson, type SessionData } from '../core/data.ts'
import { SessionTooLargeError } from '../core/errors.ts'

/** Serializes session data. `loads` may throw on invalid bytes and must return a JSON object. */
export interface Serializer {
  readonly name: string
  dumps(data: SessionData): Buffer
  loads(bytes: Buffer): SessionData
}

/** The default serializer: compact JSON in UTF-8. */
export const jsonSerializer: Serializer = {
  name: 'json',
  dumps: (data) => Buffer.from(JSON.stringify(data), 'utf8'),
  loads: (bytes) => parsedData(JSON.parse(bytes.toString('utf8'))),
}

/** How large a session may be, and from which size on it is compressed. */
export interface SizeLimit {
  /** Maximum bytes of a serialized session; 65536 by default. */
  readonly maxBytes?: number
  /** Serialized sessions larger than this many bytes are compressed; 1024 by default. */
  readonly compressAbove?: number
  /** Called when a session takes more than 80 % of that; both in bytes. */
  readonly onNearlyFull?: (bytes: number, limit: number) => void
}

/** Of more bytes by default: compressing takes several times as long as encrypting, and saves little of a small session. */
export const COMPRESS_ABOVE_BYTES = 1024

const WARNING_SHARE = 0.8
/** The default limit of a serialized session, in bytes. */
export const MAX_BYTES = 65_536

/**
 * Checks the size of a serialized session.
 *
 * @throws SessionTooLargeError if it exceeds `maxBytes`
 */
export function checkSize(bytes: number, { maxBytes = MAX_BYTES, onNearlyFull }: SizeLimit): void {
  if (bytes > maxBytes) throw new SessionTooLargeError(bytes, maxBytes)
  if (bytes > maxBytes * WARNING_SHARE) onNearlyFull?.(bytes, maxBytes)
}

/**
 * The same as {@link asData} for what JSON.parse returned, which is not copied.
 *
 * @throws TypeError if the value is not a JSON object
 */
export function parsedData(value: unknown): SessionData {
  if (!isJsonObject(value)) throw new TypeError('Session data must be an object')
  return bareJson(value as Json) as SessionData
}

/**
 * Narrows a parsed value to session data, for custom serializers.
 *
 * @throws TypeError if the value is not a JSON object
 * @example
 * const data = asData(JSON.parse('{"theme":"dark"}'))
 */
export function asData(value: unknown): SessionData {
  if (!isJsonObject(value)) throw new TypeError('Session data must be an object')
  return plainJson(value) as SessionData
}
