import { hash } from 'node:crypto'

/** Who a cookie says is signed in, and by what it can be refused. */
export interface SignIn {
  readonly userId: string
  /** The session's public id, a dot, and random text that is new at every sign-in and change of key. */
  readonly id: string
  /** The user's epoch at sign-in. */
  readonly epoch: number
}

/** What a signed-in cookie is judged by. */
export interface Standing {
  /** The user's epoch: when all sessions were last ended (ms, or a little more where that happened often); 0 if never. */
  readonly epoch: number
  /** The {@link sessionSubject} of the session that was spared when they were; undefined for none. */
  readonly kept: string | undefined
  /** Whether this very sign-in was ended. */
  readonly ended: boolean
  /** What the session went on under when its key changed: a name that every method takes in place of a sign-in's id. */
  readonly successor: string | undefined
}

/**
 * What a server remembers of sessions that it does not keep: which ones were ended, and since when a user's count.
 *
 * A cookie carries a random id of its sign-in, and the epoch its user had then. It is refused when the id is
 * ended, or the epoch lower than the user's and the session not the one that was spared. An entry may go once the last cookie that it refuses is dead; a user who
 * has none is at epoch 0 again, and the next entry starts above all earlier ones, because it starts at the clock.
 *
 * Every method throws StoreUnavailableError when there is no answer: an outage is never a logout, and never a pass.
 */
export interface Revocations {
  /** One statement, whatever the answer. */
  check(userId: string, signInId: string): Promise<Standing>
  /**
   * @param expires when the last cookie with this id dies, in milliseconds since 1970
   * @param from when it ends (ms), where requests under way may go on for a moment; at once, by any clock, without it
   * @param successorId the sign-in that the session goes on under; the first one to be recorded stays
   */
  endSession(signInId: string, expires: number, from?: number, successorId?: string): Promise<void>
  /**
   * Ends every session that the user has now, by raising the epoch.
   *
   * @param expires when the last cookie with an older epoch dies, in milliseconds since 1970
   * @param exceptId the public id of the session to spare
   */
  endUser(userId: string, expires: number, exceptId?: string): Promise<void>
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

const SESSION = 's:'

/** The name of a session's entry: hashed, so that no copy of the table tells an id (CVE-2019-16782). */
export function sessionSubject(id: string): string {
  // No id has a colon, so it is such a name already.
  if (id.startsWith(SESSION)) return id
  return SESSION + hash('sha256', `holdfast revoked session\0${id}`, 'base64url')
}

interface Entry {
  readonly epoch: number
  readonly expires: number
  readonly successor: string | undefined
}

/** Revocations in the memory of one process: for tests, and where there is one process and restarts end nothing. */
export class MemoryRevocations implements Revocations {
  readonly #entries = new Map<string, Entry>()
  readonly #now: () => number

  /** @param now milliseconds since 1970 */
  constructor({ now = Date.now }: { now?: () => number } = {}) {
    this.#now = now
  }

  async check(userId: string, signInId: string): Promise<Standing> {
    const user = this.#entries.get(userSubject(userId))
    const session = this.#entries.get(sessionSubject(signInId))
    const ended = session !== undefined && session.epoch <= this.#now()
    return { epoch: user?.epoch ?? 0, kept: user?.successor, ended, successor: session?.successor }
  }

  async endSession(signInId: string, expires: number, from = 0, successorId?: string): Promise<void> {
    const successor = successorId === undefined ? undefined : sessionSubject(successorId)
    this.#put(sessionSubject(signInId), expires, (known) => ({
      epoch: Math.min(known?.epoch ?? from, from),
      successor: known?.successor ?? successor,
    }))
  }

  async endUser(userId: string, expires: number, exceptId?: string): Promise<void> {
    this.#put(userSubject(userId), expires, (known) => ({
      epoch: Math.max((known?.epoch ?? 0) + 1, this.#now()),
      successor: exceptId === undefined ? undefined : sessionSubject(exceptId),
    }))
  }

  async clear(before: number): Promise<number> {
    const expired = [...this.#entries].filter(([, { expires }]) => expires <= before)
    for (const [subject] of expired) this.#entries.delete(subject)
    return expired.length
  }

  #put(subject: string, expires: number, after: (known: Entry | undefined) => Omit<Entry, 'expires'>): void {
    const known = this.#entries.get(subject)
    this.#entries.set(subject, { ...after(known), expires: Math.max(expires, known?.expires ?? 0) })
  }
}
