import { isJsonObject, plainJson, type SessionData } from '../data.ts'

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

/**
 * Narrows a parsed value to session data.
 *
 * @throws TypeError when the value is not a JSON object (Django lets lists and strings through, behaviour 25).
 */
export function asData(value: unknown): SessionData {
  if (!isJsonObject(value)) throw new TypeError('Session data must be an object')
  return plainJson(value) as SessionData
}
