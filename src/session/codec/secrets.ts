import { hash } from 'node:crypto'

/**
 * The application's secrets: the first one encrypts and signs, all of them decrypt and verify. A new secret is first
 * added behind the old one, so that every process knows it before one of them uses it.
 */
export type Secrets = readonly [string, ...string[]]

/** Bytes of {@link secretId}. */
export const SECRET_ID_BYTES = 3

/** A name for a secret, stored with what was sealed with it. */
export function secretId(secret: string): Buffer {
  return hash('sha256', `holdfast secret id\0${secret}`, 'buffer').subarray(0, SECRET_ID_BYTES)
}

/** Minimum bytes of a secret: the length of the hashes made with it. */
export const MIN_SECRET_BYTES = 32

const ADVICE = `use at least ${MIN_SECRET_BYTES} random bytes, for example from \`openssl rand -base64 48\``

/**
 * Checks secrets. Older secrets may be short, so that a weak one can be replaced; until it is removed, anyone who guesses
 * it can still sign.
 *
 * @throws RangeError if there is none, one is empty, or the first has fewer than 32 bytes
 */
export function checkSecrets(secrets: Secrets): void {
  // Callers in JavaScript may pass anything.
  const given: readonly unknown[] = Array.isArray(secrets) ? secrets : []
  const [first, ...older] = given
  if (!isText(first)) throw new RangeError(`There is no secret: ${ADVICE}.`)
  if (Buffer.byteLength(first) < MIN_SECRET_BYTES) throw new RangeError(`The secret is too short: ${ADVICE}.`)
  if (!older.every(isText)) throw new RangeError('An older secret is empty: remove it or set its value.')
}

function isText(secret: unknown): secret is string {
  return typeof secret === 'string' && secret !== ''
}
