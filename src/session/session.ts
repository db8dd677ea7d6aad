import type { Account } from './account.ts'
import { closesWithBrowser, EXPIRY_KEY, expiryAge, expiryDate, storedExpiry } from './core/expiry.ts'
import { userIdOf } from './core/user.ts'
import type { WriteAccount } from './opened-account.ts'
import { SessionDictionary } from './session-dictionary.ts'
import type { SessionState } from './session-state.ts'

/** The state behind a session, for what the engine itself does with it. Handlers have no use for it. */
export let stateOf: (session: Session) => SessionState

const TEST_KEY = 'testcookie'
const TEST_VALUE = 'worked'

/**
 * A visitor's session while a request, a socket or a job works with it: a dictionary of JSON values, and typed slices.
 *
 * Changes are written when the request is answered, or by {@link Session.save}. The counterpart of Django's SessionBase;
 * where the two differ is listed in docs/django.md.
 */
export class Session extends SessionDictionary {
  readonly #state: SessionState

  static {
    stateOf = (session) => session.#state
  }

  /** @param state the session as it was opened; there is one {@link Session} to it */
  constructor(state: SessionState) {
    super(state)
    this.#state = state
  }

  /**
   * Ends the session at once, in the store too, whatever keys it has had; later changes begin a new one. For logout. What
   * it has changed of the account is saved first. The cookie is taken back with the answer, or by {@link Session.save}
   * before a stream begins.
   *
   * @throws StoreUnavailableError, SessionContendedError when it cannot be told that it is ended; Error after the headers
   *   were sent, where the cookie itself holds the session
   */
  async flush(): Promise<void> {
    this.#state.mayBeChanged(this.#state.needsCookie)
    await this.#state.end()
  }

  /**
   * Gives the session a new key when it is saved; requests under way with the old one are still answered. For every
   * change of privilege (ASVS 7.2.4).
   *
   * @param options.restartClock whether the absolute age counts from now: at sign-in, not at a mere change of key
   * @throws Error after the headers were sent
   */
  async cycleKey(options: { restartClock?: boolean } = {}): Promise<void> {
    this.#state.mayChange()
    this.#state.mayBeChanged(true)
    this.#state.cycle(options.restartClock ?? false)
  }

  /**
   * Stores what was changed so far, of the account too, without waiting for the answer: before a stream begins, or to
   * have the key. What changes meanwhile is stored by the next save.
   *
   * @throws SessionEndedError, SessionTooLargeError, StoreUnavailableError, SessionContendedError
   */
  async save(): Promise<void> {
    // What the account keeps needs no cookie.
    this.#state.mayChange(this.#state.needsCookie && this.#state.summary().changed)
    await this.#state.save()
  }

  /**
   * Stores what was changed of the account in a transaction of the application's, together with what belongs to it. Where
   * another session has changed the account first, `write` is called again with what follows from that.
   *
   *     session.update(cart, (now) => without(now, lines))
   *     const order = await session.saveAccount((change) => orders.place(change, lines))
   *
   * @param write stores the change and its own in one transaction and returns what it likes; undefined, with nothing
   *   stored, where the account does not have `change.version` any more
   * @throws Error where nobody is signed in; SessionEndedError where the account is gone; SessionContendedError; whatever
   *   `write` throws
   */
  async saveAccount<T>(write: WriteAccount<T>): Promise<T> {
    this.#state.mayBeChanged()
    return await this.#state.account.commitBy(write)
  }

  /** The account of whoever is signed in, as the application gave it when the session was opened or signed in. */
  get account(): Account | undefined {
    return this.#state.account.kept?.given
  }

  /** The signed-in user's id, or null. */
  get userId(): string | null {
    this.#state.mayRead()
    return userIdOf(this.#state.document.data)
  }

  /**
   * Gives this session an expiry different from the setting's.
   *
   * @param value seconds from each save, a fixed date, 0 for "until the browser closes", null for the global setting
   * @throws RangeError for a number that is not finite or an invalid date
   */
  setExpiry(value: number | Date | null): void {
    if (value === null) this.delete(EXPIRY_KEY)
    else this.set(EXPIRY_KEY, storedExpiry(value))
  }

  /** Seconds until the session expires if it is saved now. */
  getExpiryAge(): number {
    const { context, document } = this.#state
    return expiryAge(context.expiry, document.data[EXPIRY_KEY], context.now())
  }

  /** When the session expires if it is saved now. */
  getExpiryDate(): Date {
    const { context, document } = this.#state
    return expiryDate(context.expiry, document.data[EXPIRY_KEY], context.now())
  }

  /** Whether the browser drops the cookie when it is closed. */
  expiresAtBrowserClose(): boolean {
    const { context, document } = this.#state
    return closesWithBrowser(context.expiry, document.data[EXPIRY_KEY])
  }

  /** Stores a marker, to learn on the next request whether the browser keeps cookies. */
  setTestCookie(): void {
    this.set(TEST_KEY, TEST_VALUE)
  }

  /** Whether the marker has come back. */
  testCookieWorked(): boolean {
    return this.get(TEST_KEY) === TEST_VALUE
  }

  /** Removes the marker. */
  deleteTestCookie(): void {
    this.delete(TEST_KEY)
  }

  /** The secret session key; null until the session is first saved. Never log it or show it. */
  get key(): string | null {
    return this.#state.loaded?.key ?? null
  }

  /** The public id, which names the session and opens nothing; null until it is first saved, or where it has none. */
  get id(): string | null {
    return this.#state.loaded?.id ?? null
  }

  /** Whether this is a late request with the key from before a change of key: it sees the data as they were then. */
  get forwarded(): boolean {
    return this.#state.loaded?.forwarded === true
  }

  /** True with neither a key nor data. */
  get isEmpty(): boolean {
    return this.#state.loaded === undefined && Object.keys(this.#state.document.data).length === 0
  }

  /** Whether data were read. */
  get accessed(): boolean {
    return this.#state.accessed
  }

  /** Whether the answer will save: something changed, nested values included, or it was set to true. */
  get modified(): boolean {
    const { changed, accountChanged } = this.#state.summary()
    return changed || accountChanged
  }

  set modified(value: true) {
    this.#state.mayChange()
    this.#state.forced = value
  }
}
