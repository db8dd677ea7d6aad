import type { AccountStore } from '../account.ts'
import type { SessionData } from '../core/data.ts'
import { SessionEndedError, StoreUnavailableError, tellAccountStored } from '../core/errors.ts'
import type { Observer } from '../core/events.ts'
import { closesWithBrowser, deadline, EXPIRY_KEY, type ExpiryPolicy, MAX_COOKIE_AGE, touchDue } from '../core/expiry.ts'
import { type Operations, SignedInMeanwhileError } from '../core/operations.ts'
import { retry } from '../core/retry.ts'
import { userIdOf } from '../core/user.ts'
import type { Client, Commit, Committed, Ended, Engine, Loaded } from '../engines/engine.ts'
import { Session } from '../session.ts'
import { type Batch, HEADERS_SENT, SessionState } from '../session-state.ts'
import { type CookieSettings, clearCookie, setCookie } from './cookie.ts'
import type { Found } from './open-cookies.ts'
import { type Decision, settle } from './settle.ts'

/** What every way into a session shares: requests, sockets, jobs and tests. */
export interface SessionSettings {
  readonly engine: Engine
  readonly cookie: CookieSettings
  readonly expiry: ExpiryPolicy
  /** Where accounts keep their slices; without it every session keeps its own. */
  readonly accounts?: AccountStore | undefined
  readonly saveEveryRequest?: boolean
  readonly observe?: Observer
  /** Milliseconds since 1970. */
  readonly now?: () => number
}

/** Where a session was opened from. */
export interface Surroundings {
  readonly client: Client
  /** How many values the cookie header gives under the cookie's name. */
  readonly cookies: number
  readonly canSendCookie: () => boolean
  /** Sends a Set-Cookie header. */
  readonly sendCookie: (header: string) => void
  /** Told keys that had to be dropped, where the settings allow it. */
  readonly dropped?: (keys: readonly string[]) => void
}

const MAX_TAKEOVERS = 20

/** A session, and what became of it in the storage and in the browser. */
export class OpenedSession {
  /** For handlers. */
  readonly session: Session
  /** The same session, for whoever drives it. */
  readonly state: SessionState
  readonly #settings: SessionSettings
  readonly #surroundings: Surroundings
  readonly #expiry: ExpiryPolicy
  readonly #now: () => number
  readonly #observe: Observer
  /** Whether this request was sent a cookie, or is sending one, that an end of the session has to take back. */
  #hadCookie: boolean
  #tookBack = false
  /** The cookie that the browser has or is being sent, and whether it ends with the browser. */
  #sent: { value: string; withBrowser: boolean } | undefined

  /**
   * @param opened what `openCookies` has found
   * @param surroundings where a cookie can be sent, and who is asking
   */
  constructor(opened: Found, settings: SessionSettings, surroundings: Surroundings) {
    this.#settings = settings
    this.#surroundings = surroundings
    this.#expiry = settings.engine.expiry ?? settings.expiry
    this.#now = settings.now ?? Date.now
    this.#observe = settings.observe ?? (() => {})
    if (!opened.live && opened.suspicion !== undefined) {
      const { suspicion: kind, detail } = opened
      this.#observe({ type: 'security', kind, ...(detail === undefined ? {} : { detail }) })
    }
    // By a key from before a change of key: the browser has or is being sent a newer cookie.
    const late = opened.live && opened.loaded.forwarded === true
    this.#hadCookie = surroundings.cookies > 0 && !late
    if (opened.live && opened.value !== undefined) {
      this.#sent = { value: opened.value, withBrowser: this.#withBrowser(opened.loaded) }
    }
    const context = {
      expiry: settings.expiry,
      now: this.#now,
      observe: this.#observe,
      cookieHoldsData: settings.engine.cookieHoldsData === true,
      canSendCookie: surroundings.canSendCookie,
      save: async () => void (await this.carryOut(this.decide(200, false))),
      end: (loaded: Loaded) => this.#end(loaded),
      accounts: settings.accounts,
    }
    this.state = new SessionState(opened.live ? opened.loaded : undefined, context, opened.account)
    this.session = new Session(this.state)
  }

  /**
   * What to do about the session as it is.
   *
   * @param status the HTTP status of the answer
   * @param active whether reading it counts as activity
   */
  decide(status: number, active: boolean): Decision {
    const { loaded, changed, accountChanged, empty, flushed, cycled } = this.state.summary()
    return settle({
      status,
      asked: true,
      hadCookie: this.#hadCookie,
      live: loaded !== undefined,
      flushed,
      changed,
      accountChanged,
      empty,
      cycled,
      touchDue: active && loaded !== undefined && loaded.forwarded !== true && this.#touchDue(loaded),
    })
  }

  /**
   * The account comes first: where it refuses, nothing of the session is stored either, and what it takes over from the
   * session is in one of them at every moment.
   *
   * @throws SessionEndedError, SessionTooLargeError, StoreUnavailableError, SessionContendedError; Error, with nothing
   *   stored, where it needs a cookie and the headers were sent
   */
  async carryOut(decision: Decision): Promise<void> {
    const { write, account } = decision
    if (!this.#surroundings.canSendCookie() && this.#needsCookie(decision)) throw new Error(HEADERS_SENT)
    if (decision.cookie === 'clear') this.#takeBack()
    if (account) await this.#commitAccount(write)
    try {
      await retry(async (attempt) => {
        // Another request has changed meanwhile what the account was taking over.
        if (attempt > 1) await this.state.account.commit()
        await this.#write(attempt > 1 ? this.decide(200, false).write : write)
        return write === 'none' || !this.state.account.first || undefined
      }, MAX_TAKEOVERS)
    } catch (error) {
      if (this.state.account.wasStored) tellAccountStored(error)
      throw error
    }
  }

  /** Not where the session has ended meanwhile, but for a sign-in, which stands on its own. */
  async #commitAccount(write: Decision['write']): Promise<void> {
    const { account } = this.state
    const endsWithSession = write === 'save' || (write === 'cycle' && !this.state.summary().restartClock)
    if (endsWithSession && !account.first && this.#sent !== undefined) {
      const { live } = await this.#settings.engine.open(this.#sent.value)
      if (!live) this.#refuse()
    }
    await account.commit()
  }

  #refuse(): never {
    this.#observe({ type: 'ended' })
    throw new SessionEndedError()
  }

  async #end(loaded: Loaded): Promise<Ended> {
    const ended = await this.#settings.engine.end(loaded)
    // The browser has, or is being sent, the cookie of whoever goes on with it.
    if (ended.outcome === 'foreign') this.#hadCookie = false
    return ended
  }

  /** A cookie that leads to no record any more may stay; one that holds the session would go on being the session. */
  #needsCookie({ write, cookie }: Decision): boolean {
    const inCookie = this.#settings.engine.cookieHoldsData === true
    if (cookie === 'clear') return inCookie && !this.#tookBack
    return write === 'create' || write === 'cycle' || (write === 'save' && inCookie)
  }

  #takeBack(): void {
    if (this.#tookBack) return
    this.#surroundings.sendCookie(clearCookie(this.#settings.cookie))
    this.#tookBack = true
    this.#sent = undefined
  }

  async #write(write: Decision['write']): Promise<void> {
    if (write === 'none') return
    if (write === 'touch') {
      const { loaded } = this.state.summary()
      const touched = loaded && (await this.#settings.engine.touch(loaded))
      const header = touched && this.#header(touched.cookie, touched.loaded)
      if (header !== undefined) this.#surroundings.sendCookie(header)
      return
    }
    const batch = this.state.take()
    const changes = batch.operations
    const { loaded, replayed, cookie, dropped, header } = await this.#commit(write, batch)
    try {
      this.state.stored(loaded, replayed)
    } finally {
      // Going on from newer data can fail, and the browser needs the new key all the same.
      if (header !== undefined) this.#surroundings.sendCookie(header)
    }
    if (replayed) this.#observe({ type: 'replayed' })
    if (replayed && changes.overwritten.length > 0) this.#observe({ type: 'overwritten', keys: changes.overwritten })
    // A store tells of what it keeps by itself.
    if (loaded.key === null && cookie !== undefined) this.#observe({ type: 'size', bytes: cookie.length })
    if (dropped !== undefined) this.#surroundings.dropped?.(dropped)
  }

  /** Stores a batch. What may have been stored must not be stored again; where it was refused, the session has it back. */
  async #commit(write: 'create' | 'save' | 'cycle', batch: Batch) {
    const { operations: changes, ...rest } = batch
    const { client } = this.#surroundings
    if (this.#settings.accounts !== undefined && userIdOf(batch.loaded?.data ?? {}) === null) changes.beginAnonymous()
    try {
      const committed = await this.#commitOrAdopt({ write, changes, client, ...rest })
      if (committed.outcome === 'ended') return this.#refuse()
      return { ...committed, header: this.#header(committed.cookie, committed.loaded) }
    } catch (error) {
      if (error instanceof StoreUnavailableError) this.state.fail()
      else this.state.restore(batch)
      throw error
    }
  }

  /** Where somebody has signed in meanwhile, what this request changed of the account's slices belongs to the account. */
  async #commitOrAdopt(commit: Commit): Promise<Committed> {
    const { engine } = this.#settings
    try {
      return await engine.commit(commit)
    } catch (error) {
      if (!(error instanceof SignedInMeanwhileError)) throw error
      await this.#adopt(commit.changes, error.session)
      return await engine.commit(commit)
    }
  }

  async #adopt(changes: Operations, theirs: SessionData): Promise<void> {
    const userId = userIdOf(theirs)
    const account = userId === null ? undefined : await this.#settings.accounts?.load(userId, theirs)
    if (userId === null || account === undefined || typeof account === 'string') return this.#refuse()
    await this.state.account.adoptInto(account, theirs, changes)
    changes.adopted()
  }

  /** Only a new value or a new kind of expiry is sent: a late answer must not replace what a newer one has set. */
  #header(value: string | undefined, loaded: Loaded): string | undefined {
    const { cookie, engine } = this.#settings
    const withBrowser = this.#withBrowser(loaded)
    if (value === undefined) return undefined
    const same = value === this.#sent?.value && withBrowser === this.#sent.withBrowser
    if (same && engine.refreshesCookie !== true) return undefined
    const maxAge = withBrowser ? undefined : this.#maxAge(loaded)
    const header = setCookie(cookie, value, maxAge, this.#now())
    this.#sent = { value, withBrowser }
    this.#hadCookie = true
    this.#tookBack = false
    return header
  }

  /** The server's clocks decide; the browser keeps the cookie for as long as any of them may allow. */
  #maxAge(loaded: Loaded): number {
    if (this.#settings.engine.refreshesCookie !== true) return this.#expiry.absoluteAge ?? MAX_COOKIE_AGE
    const left = deadline(this.#expiry, loaded.data[EXPIRY_KEY], loaded.createdAt, this.#now()) - this.#now()
    return Math.trunc(left / 1000)
  }

  #withBrowser(loaded: Loaded): boolean {
    return closesWithBrowser(this.#expiry, loaded.data[EXPIRY_KEY])
  }

  #touchDue(loaded: Loaded): boolean {
    if (this.#settings.saveEveryRequest === true) return true
    return touchDue(this.#expiry, loaded.data[EXPIRY_KEY], loaded, this.#now())
  }
}
