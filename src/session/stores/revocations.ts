import { hash } from 'node:crypto'

/** The sign-in of a cookie, by which it can be revoked. */
export interface SignIn {
  readonly userId: string
  /** The session's public id, a dot, and random text, new at every sign-in and change of key. */
  readonly id: string
  /** The user's epoch at sign-in. */
  readonly epoch: number
}

/** The state of revocation of a user and a sign-in. */
export interface RevocationState {
  /** The user's epoch: about when all sessions were last ended (ms since 1970); 0 if never. */
  readonly epoch: number
  /** The {@link sessionSubject} of the session that was kept then; undefined for none. */
  readonly kept: string | undefined
  /** Whether this sign-in was ended. */
  readonly ended: boolean
  /** The {@link sessionSubject} of the next sign-in after a change of key; methods accept it as a sign-in's id. */
  readonly successor: string | undefined
}

/**
 * Revocations of sessions that are not stored on the server: ended sign-ins, and an epoch per user.
 *
 * A cookie contains the random id of its sign-in and the user's epoch at that time. It is refused if the id was ended, or
 * if its epoch is lower than the user's and the session is not the one that was kept. An entry can be deleted when the
 * last cookie that it refuses has expired; a user without an entry has epoch 0, and a new entry starts at the current
 * time, above all earlier ones.
 *
 * Every method throws StoreUnavailableError when the storage does not answer: an outage never signs a user out, and never
 * accepts an ended cookie.
 */
export interface Revocations {
  /** Reads the state of a user and a sign-in; always one statement. */
  check(userId: string, signInId: string): Promise<RevocationState>
  /**
   * Ends a sign-in or a session.
   *
   * @param expires when the last cookie with this id expires, in milliseconds since 1970
   * @param from when it ends (ms since 1970), for requests under way; immediately by default
   * @param successorId the next sign-in of the session; the first one recorded is kept
   */
  endSession(signInId: string, expires: number, from?: number, successorId?: string): Promise<void>
  /**
   * Ends all current sessions of a user by raising the epoch.
   *
   * @param expires when the last cookie with an older epoch expires, in milliseconds since 1970
   * @param exceptId the public id of a session to keep; none by default
   */
  endUser(userId: string, expires: number, exceptId?: string): Promise<void>
  /**
   * Deletes entries that have expired; returns how many.
   *
   * @param before milliseconds since 1970
   * @param signal stops after the current batch
   */
  clear(before: number, signal?: AbortSignal): Promise<number>
}

/** The key of a user's entry: a hash, so that ids of any length fit and the table shows no user ids. */
export function userSubject(userId: string): string {
  return `u:${hash('sha256', `holdfast revoked user\0${userId}`, 'base64url')}`
}

const SESSION = 's:'

/** The key of a session's entry: a hash, so that the table reveals no id (CVE-2019-16782). */
export function sessionSubject(id: string): string {
  // No id has a colon, so this is such a key already.
  if (id.startsWith(SESSION)) return id
  return SESSION + hash('sha256', `holdfast revoked session\0${id}`, 'base64url')
}

interface Entry {
  readonly epoch: number
  readonly expires: number
  readonly successor: string | undefined
}

/** Revocations in the memory of one process: for tests. A restart forgets them. */
export class MemoryRevocations implements Revocations {
  readonly #entries = new Map<string, Entry>()
  readonly #now: () => number

  /** @param options.now returns milliseconds since 1970; Date.now by default */
  constructor({ now = Date.now }: { now?: () => number } = {}) {
    this.#now = now
  }

  async check(userId: string, signInId: string): Promise<RevocationState> {
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
