import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto'

/**
 * Names for sessions that their owner may see and send back. They tell nothing of the session, and one user's name for
 * a session is nothing to another user.
 */
export class Handles {
  readonly #key: Buffer
  readonly #older: readonly Buffer[]

  /** @param secrets the application's: the first makes handles, all of them are understood */
  constructor(secrets: readonly [string, ...string[]]) {
    const [newest, ...older] = secrets
    this.#key = derived(newest)
    this.#older = older.map(derived)
  }

  of(userId: string, key: string): string {
    return handle(this.#key, userId, key).toString('base64url')
  }

  /** The session that this user knows by the handle. */
  find<T extends { readonly key: string }>(userId: string, sent: string, sessions: readonly T[]): T | undefined {
    const given = Buffer.from(sent, 'base64url')
    const isMeant = ({ key }: T) =>
      [this.#key, ...this.#older].some((secret) => {
        const expected = handle(secret, userId, key)
        return expected.length === given.length && timingSafeEqual(expected, given)
      })
    return sessions.filter(isMeant)[0]
  }
}

function derived(secret: string): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, '', 'holdfast device handle', 32))
}

function handle(secret: Buffer, userId: string, key: string): Buffer {
  // A list, so that no user's id can run into a key.
  return createHmac('sha256', secret)
    .update(JSON.stringify([userId, key]))
    .digest()
}
