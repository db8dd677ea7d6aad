import { hash } from 'node:crypto'

/** What a signed-in cookie is judged by. */
export interface Standing {
  /** The user's epoch: when all sessions were last ended (ms, or a little more where that happened often); 0 if never. */
  readonly epoch: number
  /** Whether this very session was ended. */
  readonly ended: boolean
}

/**
 * What a server remembers of sessions that it does not keep: which ones were ended, and since when a user's count.
 *
 * A cookie carries a random id of its session, and the epoch its user had at sign-in. It is refused when the id is
 * ended, or the epoch lower than the user's. An entry may go once the last cookie that it refuses is dead; a user who
 * has none is at epoch 0 again, and the next entry starts above all earlier ones, because it starts at the clock.
 *
 * Every method throws StoreUnavailableError when there is no answer: an outage is never a logout, and never a pass.
 */
export interface Revocations {
  /** One statement, whatever the answer. */
  check(userId: string, sessionId: string): Promise<Standing>
  /**
   * @param expires when the last cookie with this id dies, in milliseconds since 1970
   * @param from when it ends (ms), where requests under way may go on for a moment; at once, by any clock, without it
   */
  endSession(sessionId: string, expires: number, from?: number): Promise<void>
  /**
   * Ends every session that the user has now, by raising the epoch.
   *
   * @param expires when the last cookie with an older epoch dies, in milliseconds since 1970
   */
  endUser(userId: string, expires: number): Promise<void>
  /**
   * Deletes entries that expired before this moment (ms), and answers how many.
   *
   * @param signal ends it early
   */
  clear(before: number, signal?: AbortSignal): Promise<number>
}

/** The name of a user's entry: hashed, so that ids of any length fit and the table names nobody. */
export function userSubject(userId: string): string {
  return `u:${hash('sha256', `holdfast revoked user\0${userId}`, 'base64url')}`
}

/** The name of a session's entry: hashed, so that no copy of the table tells an id (CVE-2019-16782). */
export function sessionSubject(sessionId: string): string {
  return `s:${hash('sha256', `holdfast revoked session\0${sessionId}`, 'base64url')}`
}

/** Whether a cookie with this epoch is refused. */
export function isRevoked({ epoch, ended }: Standing, epochOfCookie: number): boolean {
  return ended || epochOfCookie < epoch
}

/** Revocations in the memory of one process: for tests, and where there is one process and restarts end nothing. */
export class MemoryRevocations implements Revocations {
  readonly #entries = new Map<string, { epoch: number; expires: number }>()
  readonly #now: () => number

  /** @param now milliseconds since 1970 */
  constructor({ now = Date.now }: { now?: () => number } = {}) {
    this.#now = now
  }

  async check(userId: string, sessionId: string): Promise<Standing> {
    const ended = this.#entries.get(sessionSubject(sessionId))?.epoch ?? Number.POSITIVE_INFINITY
    return { epoch: this.#entries.get(userSubject(userId))?.epoch ?? 0, ended: ended <= this.#now() }
  }

  async endSession(sessionId: string, expires: number, from = 0): Promise<void> {
    this.#put(sessionSubject(sessionId), expires, (known = from) => Math.min(known, from))
  }

  async endUser(userId: string, expires: number): Promise<void> {
    this.#put(userSubject(userId), expires, (known = 0) => Math.max(known + 1, this.#now()))
  }

  async clear(before: number): Promise<number> {
    const expired = [...this.#entries].filter(([, { expires }]) => expires <= before)
    for (const [subject] of expired) this.#entries.delete(subject)
    return expired.length
  }

  #put(subject: string, expires: number, epochAfter: (known: number | undefined) => number): void {
    const known = this.#entries.get(subject)
    this.#entries.set(subject, { epoch: epochAfter(known?.epoch), expires: Math.max(expires, known?.expires ?? 0) })
  }
}
