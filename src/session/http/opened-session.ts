import type { AccountStore } from '../account.ts'
import type { SessionData } from '../core/data.ts'
import { noteAccountSaved, SessionEndedError, StoreUnavailableError } from '../core/errors.ts'
import type { Observer } from '../core/events.ts'
import { type ExpiryPolicy, touchDue } from '../core/expiry.ts'
import { type Operations, SignedInMeanwhileError } from '../core/operations.ts'
import { retry } from '../core/retry.ts'
import { StorageTime } from '../core/storage-time.ts'
import { userIdOf } from '../core/user.ts'
import type { Commit, Committed, Ended, Loaded } from '../engines/engine.ts'
import { Session } from '../session.ts'
import type { LostSession, SessionContext } from '../session-context.ts'
import { type Batch, HEADERS_SENT, SessionState } from '../session-state.ts'
import { BrowserCookie } from './browser-cookie.ts'
import { type Found, lostSession } from './open-cookies.ts'
import type { SessionSettings, SessionTransport } from './session-settings.ts'
import { type Decision, settle } from './settle.ts'

const MAX_ACCOUNT_MERGES = 20
const IGNORE: Observer = () => {}

/**
 * An open session with its state in the storage and in the browser. `sessions` and `openSession` use it; other frameworks
 * can do so too.
 *
 * @example
 * const found = await openCookies(settings, cookieValues(ctx.headers.cookie, settings.cookie.name))
 * const client = { ipAddress: ctx.ip, userAgent: null }
 * const sendCookie = (header: string) => ctx.append('Set-Cookie', header)
 * const opened = new OpenedSession(found, settings, { client, cookies: 1, canSendCookie: () => !ctx.headerSent, sendCookie })
 * opened.session.set('theme', 'dark')
 * await opened.apply(opened.decide(200, true))
 */
export class OpenedSession implements SessionContext {
  /** For handlers. */
  readonly session: Session
  /** The state behind the session, for the engine. */
  readonly state: SessionState
  /** Returns milliseconds since 1970. */
  readonly now: () => number
  /** Receives the events of this session. */
  readonly observe: Observer
  /** Why the cookie of the request led to no session. */
  readonly lost: LostSession | undefined
  /** The session of the cookie, if it cannot be decoded. */
  readonly unread: Loaded | undefined
  readonly #settings: SessionSettings
  readonly #transport: SessionTransport
  readonly #time: StorageTime
  readonly #cookie: BrowserCookie
  #accounts: AccountStore | undefined

  /**
   * @param opened the result of `openCookies`
   * @param transport sends cookies and describes the client
   */
  constructor(opened: Found, settings: SessionSettings, transport: SessionTransport) {
    this.#settings = settings
    this.#transport = transport
    this.now = settings.now ?? Date.now
    this.observe = settings.observe ?? IGNORE
    this.#time = opened.time ?? new StorageTime(settings.storeTimeout)
    if (!opened.live && opened.suspicion !== undefined) {
      const { suspicion: kind, detail } = opened
      this.observe({ type: 'security', kind, ...(detail === undefined ? {} : { detail }) })
    }
    this.#cookie = new BrowserCookie(opened, settings, transport)
    this.lost = lostSession(opened, transport.cookies)
    this.unread = opened.live ? undefined : opened.unread
    // Itself as the context: V8 may make an object literal in the old generation, where it would keep the whole request until
    // the next full collection.
    this.state = new SessionState(
      opened.live ? opened.loaded : undefined,
      this,
      opened.live ? opened.account : undefined,
    )
    this.session = new Session(this.state)
  }

  /** The application's expiry; the engine's own may be stricter. */
  get expiry(): ExpiryPolicy {
    return this.#settings.expiry
  }

  /** Whether every change needs a new cookie, because the cookie holds the data. */
  get cookieHoldsData(): boolean {
    return this.#settings.engine.cookieHoldsData === true
  }

  /** The account store, within the time of the request. */
  get accounts(): AccountStore | undefined {
    const { accounts } = this.#settings
    this.#accounts ??= accounts && this.#inTime(accounts)
    return this.#accounts
  }

  /** Whether the response has not started. */
  canSendCookie(): boolean {
    return this.#transport.canSendCookie()
  }

  /** For the state, which saves one batch after the other: handlers call `session.save()`. Throws as {@link OpenedSession.apply}. */
  save(): Promise<void> {
    return this.apply(this.decide(200, false))
  }

  /** For the state: handlers call `session.flush()`. Throws as {@link Engine.end}. */
  async end(loaded: Loaded): Promise<Ended> {
    const ended = await this.#wait(() => this.#settings.engine.end(loaded))
    // The browser has or is being sent the cookie of the session that was not ended.
    if (ended.outcome === 'user-changed') this.#cookie.keep()
    return ended
  }

  /**
   * Decides what to do with the session in its current state.
   *
   * @param status the HTTP status of the response
   * @param active whether reading it counts as activity
   */
  decide(status: number, active: boolean): Decision {
    const { state } = this
    state.detectChanges()
    const { loaded } = state
    return settle({
      status,
      asked: true,
      hadCookie: this.#cookie.isPresent,
      live: loaded !== undefined,
      flushed: state.flushed,
      changed: state.changed,
      accountChanged: state.accountChanged,
      empty: state.empty,
      cycled: state.cycled,
      // A touch stores or sends the data as they are, if they are in the cookie or under an older secret.
      touchDue: active && loaded !== undefined && !loaded.forwarded && !state.hasFailed && this.#touchDue(loaded),
    })
  }

  /**
   * Saves as decided. The account is saved first: if it refuses, nothing of the session is stored, and a slice that moves
   * to the account is always in one of them.
   *
   * @throws SessionEndedError, SessionTooLargeError, StoreUnavailableError, SessionContendedError; Error, with nothing
   *   stored, if a cookie is needed and the headers were sent
   */
  async apply(decision: Decision): Promise<void> {
    const { write, account } = decision
    if (!this.#transport.canSendCookie() && this.#needsCookie(decision)) throw new Error(HEADERS_SENT)
    if (decision.cookie === 'clear') this.#cookie.clear()
    if (account) await this.#commitAccount(write)
    if (write === 'none') return
    try {
      await this.#write(write)
      if (this.state.account.isMerging) await this.#mergeAgain()
    } catch (error) {
      if (this.state.account.wasSaved) noteAccountSaved(error)
      throw error
    }
  }

  /** Another request has changed slices meanwhile that were merged into the account. */
  async #mergeAgain(): Promise<void> {
    await retry(async () => {
      await this.state.account.commit()
      await this.#write(this.decide(200, false).write)
      return !this.state.account.isMerging || undefined
    }, MAX_ACCOUNT_MERGES)
  }

  /** Saves the account, unless the session has ended meanwhile; a sign-in is independent of that. */
  async #commitAccount(write: Decision['write']): Promise<void> {
    const { account } = this.state
    const endsWithSession = write === 'save' || (write === 'cycle' && !this.state.restartClock)
    if (endsWithSession && !account.isMerging && this.#cookie.value !== undefined) {
      const { value } = this.#cookie
      const { live } = await this.#wait(() => this.#settings.engine.open(value))
      if (!live) this.#refuse()
    }
    await account.commit()
  }

  #refuse(): never {
    this.observe({ type: 'ended' })
    throw new SessionEndedError()
  }

  /** A cookie without a record may stay; one that holds the session would still be valid. */
  #needsCookie({ write, cookie }: Decision): boolean {
    const inCookie = this.#settings.engine.cookieHoldsData === true
    if (cookie === 'clear') return inCookie && !this.#cookie.isCleared
    return write === 'create' || write === 'cycle' || (write === 'save' && inCookie)
  }

  async #write(write: Decision['write']): Promise<void> {
    if (write === 'none') return
    if (write === 'touch') {
      const { loaded } = this.state
      const touched = loaded && (await this.#wait(() => this.#settings.engine.touch(loaded)))
      const header = touched && this.#cookie.header(touched.cookie, touched.loaded)
      if (header !== undefined) this.#transport.sendCookie(header)
      return
    }
    const batch = this.state.take()
    const changes = batch.operations
    const { committed, header } = await this.#commit(write, batch)
    const { loaded, replayed, cookie, dropped } = committed
    try {
      this.state.stored(loaded, replayed, batch)
    } finally {
      // Replaying on newer data can fail, and the browser needs the new key even then.
      if (header !== undefined) this.#transport.sendCookie(header)
    }
    if (replayed) this.observe({ type: 'replayed' })
    if (replayed && changes.overwritten.length > 0) this.observe({ type: 'overwritten', keys: changes.overwritten })
    // Stores report the size themselves.
    if (loaded.key === null && cookie !== undefined) this.observe({ type: 'size', bytes: cookie.length })
    if (dropped !== undefined) this.#transport.dropped?.(dropped)
  }

  /** Saves a batch. After a refusal the changes are put back; after an outage they may be stored, so nothing is retried. */
  async #commit(write: 'create' | 'save' | 'cycle', batch: Batch) {
    const { operations: changes, loaded, data, restartClock } = batch
    const { client } = this.#transport
    if (this.#settings.accounts !== undefined && (loaded === undefined || userIdOf(loaded.data) === null))
      changes.startedAnonymous()
    try {
      if (write === 'create') await this.#settings.beforeCreate?.({ client, userId: userIdOf(data) })
      this.#renewTime()
      const until = performance.now() + this.#time.left
      const committed = await this.#commitOrAdopt({ write, loaded, data, changes, client, restartClock, until })
      if (committed.outcome === 'ended') return this.#refuse()
      return { committed, header: this.#cookie.header(committed.cookie, committed.loaded) }
    } catch (error) {
      if (error instanceof StoreUnavailableError) this.state.fail()
      else this.state.restore(batch)
      throw error
    }
  }

  /** If another request has signed in meanwhile, changes of account slices go to the account first. */
  async #commitOrAdopt(commit: Commit): Promise<Committed> {
    const { engine } = this.#settings
    const send = () => this.#wait(() => engine.commit(commit))
    try {
      return await send()
    } catch (error) {
      if (!(error instanceof SignedInMeanwhileError)) throw error
      await this.#adopt(commit.changes, error.session)
      return await send()
    }
  }

  async #adopt(changes: Operations, theirs: SessionData): Promise<void> {
    const userId = userIdOf(theirs)
    const account = userId === null ? undefined : await this.accounts?.load(userId, theirs)
    if (userId === null || account === undefined || typeof account === 'string') return this.#refuse()
    await this.state.account.adoptInto(account, theirs, changes)
    changes.markAdopted()
  }

  #wait<T>(work: () => Promise<T>): Promise<T> {
    this.#renewTime()
    return this.#time.wait(work)
  }

  /** When the headers are out, nobody waits for the response as a whole any more, which may be a long stream. */
  #renewTime(): void {
    if (!this.#transport.canSendCookie()) this.#time.restart()
  }

  #inTime(accounts: AccountStore): AccountStore {
    return {
      load: (userId, session) => this.#wait(() => accounts.load(userId, session)),
      save: (change) => this.#wait(() => accounts.save(change)),
    }
  }

  #touchDue(loaded: Loaded): boolean {
    if (this.#settings.saveEveryRequest === true) return true
    const { engine, expiry } = this.#settings
    return touchDue(engine.expiry ?? expiry, loaded.data, loaded, this.now())
  }
}
