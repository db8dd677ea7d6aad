import { isJsonObject, plainJson, type SessionData } from '../core/data.ts'
import { SessionTooLargeError } from '../core/errors.ts'

/**
 * Data to bytes and back. Write your own by implementing these two methods; `loads` may throw on
 * anything it does not understand, and must return a JSON object.
 */
export interface Serializer {
  readonly name: string
  dumps(data: SessionData): Buffer
  loads(bytes: Buffer): SessionData
}

/** The default serializer: compact JSON in UTF-8. */
export const jsonSerializer: Serializer = {
  name: 'json',
  dumps: (data) => Buffer.from(JSON.stringify(data), 'utf8'),
  loads: (bytes) => asData(JSON.parse(bytes.toString('utf8'))),
}

/** How large a session may be. */
export interface SizeLimit {
  /** Largest serialized session in bytes; 65536 by default. */
  readonly maxBytes?: number
  /** Called when a session takes more than 80 % of that. */
  readonly onNearlyFull?: (bytes: number, limit: number) => void
}

const NEARLY = 0.8
/** The default limit of a serialized session, in bytes. */
export const MAX_BYTES = 65_536

/** @throws SessionTooLargeError */
export function checkSize(bytes: number, { maxBytes = MAX_BYTES, onNearlyFull }: SizeLimit): void {
  if (bytes > maxBytes) throw new SessionTooLargeError(bytes, maxBytes)
  if (bytes > maxBytes * NEARLY) onNearlyFull?.(bytes, maxBytes)
}

/**
 * Narrows a parsed value to session data.
 *
 * @throws TypeError when the value is not a JSON object (Django lets lists and strings through).
 */
export function asData(value: unknown): SessionData {
  if (!isJsonObject(value)) throw new TypeError('Session data must be an object')
  return plainJson(value) as SessionData
}
