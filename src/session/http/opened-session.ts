import type { Account, AccountStore, NoAccount } from '../account.ts'
import type { SessionData } from '../core/data.ts'
import { SessionEndedError, StoreUnavailableError } from '../core/errors.ts'
import type { Observer } from '../core/events.ts'
import { closesWithBrowser, deadline, EXPIRY_KEY, type ExpiryPolicy, MAX_COOKIE_AGE, touchDue } from '../core/expiry.ts'
import type { Operations } from '../core/operations.ts'
import { userIdOf } from '../core/user.ts'
import type { Client, Engine, Loaded, Opened } from '../engines/engine.ts'
import { Session } from '../session.ts'
import { type Batch, SessionState } from '../session-state.ts'
import { type CookieSettings, setCookie } from './cookie.ts'
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

// More than one is a leftover of another path or an attack; so many are no leftover.
const MAX_COOKIES = 4

/** A session with the cookie that led to it, and the account of its user. */
export type Found = Opened & { readonly value?: string; readonly account?: Account | NoAccount }

/**
 * Finds where the cookies of one name lead, and the account of whoever is signed in there.
 *
 * @param values what the Cookie header gives under the name of the settings' cookie
 * @throws StoreUnavailableError; SessionContendedError where the session of an account that is gone could not be ended
 */
export async function openCookies(settings: SessionSettings, values: readonly string[]): Promise<Found> {
  const found = await openLive(settings.engine, values)
  const userId = found.live ? userIdOf(found.loaded.data) : null
  if (!found.live || userId === null || settings.accounts === undefined) return found
  const account = await settings.accounts.load(userId, found.loaded.data)
  if (account !== 'gone') return { ...found, account }
  // Or it would come back with the account.
  await settings.engine.end(found.loaded)
  return { live: false }
}

/** Of several cookies only one may be alive, because their order is anybody's choice. */
async function openLive(engine: Engine, values: readonly string[]): Promise<Found> {
  const [value] = values
  if (value === undefined) return { live: false }
  if (values.length === 1) return { ...(await engine.open(value)), value }
  if (values.length > MAX_COOKIES) return { live: false, suspicion: 'duplicate-cookie' }
  const all = await Promise.all(values.map(async (one) => ({ ...(await engine.open(one)), value: one })))
  const [first, second] = all.filter(({ live }) => live)
  return first !== undefined && second === undefined ? first : { live: false, suspicion: 'duplicate-cookie' }
}

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
  /** Opened by a key from before a change of key, so that the browser has or is being sent a newer cookie. */
  readonly #late: boolean
  /** The cookie that the browser has or is being sent, and whether it ends with the browser. */
  #sent: { value: string; withBrowser: boolean } | undefined

  /**
   * @param opened what {@link openCookies} has found
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
    this.#late = opened.live && opened.loaded.forwarded === true
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
      end: (loaded: Loaded) => settings.engine.end(loaded),
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
      hadCookie: this.#surroundings.cookies > 0 && !this.#late,
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
   * The session comes first, so that one which has ended stores nothing of the account; but the account does where it takes
   * over what the session has, so that at every moment one of them has it.
   *
   * @throws SessionEndedError, SessionTooLargeError, StoreUnavailableError, SessionContendedError
   */
  async carryOut({ write, account }: Decision): Promise<void> {
    if (account && this.state.account.first) await this.state.account.commit()
    await this.#write(write)
    // Another request has changed meanwhile what the account was taking over.
    if (write !== 'none' && this.state.account.first) await this.carryOut(this.decide(200, false))
    else if (account) await this.state.account.commit()
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
    if (changes.signedIn !== undefined) await this.#adopt(changes, changes.signedIn)
  }

  /** Stores a batch. What may have been stored must not be stored again; where it was refused, the session has it back. */
  async #commit(write: 'create' | 'save' | 'cycle', batch: Batch) {
    const { operations: changes, ...rest } = batch
    const { client } = this.#surroundings
    const { accounts, engine } = this.#settings
    if (accounts !== undefined && userIdOf(batch.loaded?.data ?? {}) === null) changes.beginAnonymous()
    try {
      const committed = await engine.commit({ write, changes, client, ...rest })
      if (committed.outcome === 'saved') {
        return { ...committed, header: this.#header(committed.cookie, committed.loaded) }
      }
      this.#observe({ type: 'ended' })
      throw new SessionEndedError()
    } catch (error) {
      if (error instanceof StoreUnavailableError) this.state.fail()
      else this.state.restore(batch)
      throw error
    }
  }

  /** Somebody has signed in meanwhile: what this request changed of the account's slices belongs to the account. */
  async #adopt(changes: Operations, theirs: SessionData): Promise<void> {
    const userId = userIdOf(theirs)
    if (userId === null || changes.forAccount().empty) return
    const account = await this.#settings.accounts?.load(userId, theirs)
    if (account === undefined || typeof account === 'string') throw new SessionEndedError()
    await this.state.account.adoptInto(account, userId, changes)
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
