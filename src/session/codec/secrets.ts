/**
 * The application's secrets: the first one encrypts and signs, all of them decrypt and verify. To rotate, put a new
 * secret first and keep the old one behind it until everything made with it has expired.
 */
export type Secrets = readonly [string, ...string[]]

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
