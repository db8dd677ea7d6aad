/**
 * The application's secrets: the first one seals and signs, all of them open and verify. So a new secret comes first, and
 * the one before stays behind it until everything made with it is over.
 */
export type Secrets = readonly [string, ...string[]]

/** Fewest bytes of a secret: as many as the hashes that are made of it. */
export const MIN_SECRET_BYTES = 32

const ADVICE = `use at least ${MIN_SECRET_BYTES} random bytes, for example from \`openssl rand -base64 48\``

/**
 * Checks the secrets of a codec, which may have been copied without the settings that check them as well. The older ones
 * may be short, or nobody could leave a weak one; but whoever guesses it can still sign with it, until it is dropped.
 *
 * @throws RangeError when there is none, one is empty, or the first has fewer than 32 bytes
 */
export function checkSecrets(secrets: Secrets): void {
  // What comes from the environment of plain JavaScript may be anything.
  const given: readonly unknown[] = Array.isArray(secrets) ? secrets : []
  const [first, ...older] = given
  if (!isText(first)) throw new RangeError(`There is no secret: ${ADVICE}.`)
  if (Buffer.byteLength(first) < MIN_SECRET_BYTES) throw new RangeError(`The secret is too short: ${ADVICE}.`)
  if (!older.every(isText)) throw new RangeError('An older secret is empty: leave it out, or give the one it was.')
}

function isText(secret: unknown): secret is string {
  return typeof secret === 'string' && secret !== ''
}
