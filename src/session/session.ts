import type { Account } from './account.ts'
import { closesWithBrowser, EXPIRY_KEY, expiryAge, expiryDate, storedExpiry } from './core/expiry.ts'
import { userIdOf } from './core/user.ts'
import type { WriteAccount } from './opened-account.ts'
import type { LostSession } from './session-context.ts'
import { SessionDictionary } from './session-dictionary.ts'
import type { SessionState } from './session-state.ts'

/** Returns the state behind a session, for the engine. */
export let stateOf: (session: Session) => SessionState

const TEST_KEY = 'testcookie'
const TEST_VALUE = 'worked'

/**
 * A visitor's session: a dictionary of JSON values and typed slices, in a request, a socket or a job.
 *
 * Changes are saved with the response, or by {@link Session.save}. The API follows Django's SessionBase; docs/django.md
 * lists the differences.
 *
 * @example
 * const session: Session = await ctx.session()
 * session.set('theme', 'dark')
 * session.update('visits', (n) => Number(n ?? 0) + 1)
 */
export class Session extends SessionDictionary {
  readonly #state: SessionState

  static {
    stateOf = (session) => session.#state
  }

  /** @param state the open session */
  constructor(state: SessionState) {
    super(state)
    this.#state = state
  }

  /**
   * Ends the session immediately, also in the store and under any key it has had; later changes start a new one. For
   * logout. Changes of the account are saved first. The cookie is removed with the response, or by {@link Session.save}
   * before a stream begins.
   *
   * @throws StoreUnavailableError, SessionContendedError if it may not have ended; Error after the headers were sent, if the
   *   cookie itself holds the session
   */
  async flush(): Promise<void> {
    this.#state.assertOpen(this.#state.needsCookie)
    await this.#state.end()
  }

  /**
   * Gives the session a new key with the next save; requests under way with the old key still work. For every change of
   * privilege (ASVS 7.2.4).
   *
   * @param options.restartClock whether the absolute age counts from now, as at sign-in; false by default
   * @throws Error after the headers were sent
   */
  async cycleKey(options: { restartClock?: boolean } = {}): Promise<void> {
    this.#state.assertChangeable()
    this.#state.assertOpen(true)
    this.#state.cycle(options.restartClock ?? false)
  }

  /**
   * Saves the changes so far, including the account's, before the response: before a stream begins, or to get the key.
   * Later changes are saved by the next save.
   *
   * @throws SessionEndedError, SessionTooLargeError, StoreUnavailableError, SessionContendedError
   */
  async save(): Promise<void> {
    // Changes of the account need no cookie.
    this.#state.assertChangeable(this.#state.needsCookie && this.#state.summary().changed)
    await this.#state.save()
  }

  /**
   * Saves the changes of the account in a transaction of the application, together with related rows. If another session
   * has changed the account first, `write` is called again with the changes replayed on the newer data.
   *
   * @param write saves the change and related rows in one transaction and returns any result; undefined, with nothing
   *   saved, if the account no longer has `change.version`
   * @throws Error if no user is signed in; SessionEndedError if the account is gone; SessionContendedError; any error of
   *   `write`
   * @example
   * const saved = await session.saveAccount(async (change) => (await accounts.save(change)) || undefined)
   */
  async saveAccount<T>(write: WriteAccount<T>): Promise<T> {
    this.#state.assertOpen()
    return await this.#state.account.commitWith(write)
  }

  /** The account of the signed-in user, as the application returned it when the session was opened or signed in. */
  get account(): Account | undefined {
    return this.#state.account.current?.given
  }

  /** The signed-in user's id, or null. */
  get userId(): string | null {
    this.#state.assertReadable()
    return userIdOf(this.#state.document.data)
  }

  /**
   * Sets a custom expiry for this session.
   *
   * @param value seconds from each save, a date, 0 for "until the browser closes", null for the global setting
   * @throws RangeError for an invalid number or date
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

  /** Whether the browser sent the marker back. */
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

  /** The public id, which gives no access; null until the session is first saved, or if it has none. */
  get id(): string | null {
    return this.#state.loaded?.id ?? null
  }

  /** Whether this is a late request with an old key, which sees the data from before the change of key. */
  get forwarded(): boolean {
    return this.#state.loaded?.forwarded === true
  }

  /** Why the cookie of this request led to no session; undefined if it did, or there was none. */
  get lost(): LostSession | undefined {
    return this.#state.context.lost
  }

  /** Whether the session is neither stored nor has data. */
  get isEmpty(): boolean {
    return this.#state.loaded === undefined && Object.keys(this.#state.document.data).length === 0
  }

  /** Whether data were read. */
  get accessed(): boolean {
    return this.#state.accessed
  }

  /** Whether the response will save: something was changed, including nested values, or it was set to true. */
  get modified(): boolean {
    const { changed, accountChanged } = this.#state.summary()
    return changed || accountChanged
  }

  set modified(value: true) {
    this.#state.assertChangeable()
    this.#state.forced = value
  }
}
