import { type Account, type AccountStore, MERGED_KEY } from './account.ts'
import type { SessionData } from './core/data.ts'
import type { Document } from './core/document.ts'
import { SessionContendedError, SessionEndedError } from './core/errors.ts'
import type { Observer } from './core/events.ts'
import type { Operations } from './core/operations.ts'
import { userIdOf } from './core/user.ts'
import type { Loaded } from './engines/engine.ts'
import { OpenedAccount, type WriteAccount } from './opened-account.ts'

/** What the account of a session needs from whoever opened that. */
export interface SessionAccountContext {
  /** Milliseconds since 1970. */
  readonly now: () => number
  readonly observe: Observer
  readonly accounts?: AccountStore | undefined
}

/** The session whose account it is. */
export interface AccountSession {
  readonly document: Document
  readonly loaded: Loaded | undefined
  /** Records what was changed in place, while the session can be changed. */
  notice(): void
  /** After a save of which nobody knows whether it happened. */
  fail(): void
}

/** The account of whoever is signed in to a session: when it is read, takes over from the session, and is written. */
export class SessionAccount {
  readonly #session: AccountSession
  readonly #context: SessionAccountContext
  #account: OpenedAccount | undefined
  #accountFirst = false
  #wasStored = false

  /**
   * @param session read whenever it matters, as its key and data change
   * @param context where accounts are kept
   */
  constructor(session: AccountSession, context: SessionAccountContext) {
    this.#session = session
    this.#context = context
  }

  /** The account while its user is signed in. */
  get kept(): OpenedAccount | undefined {
    return this.#account?.userId === userIdOf(this.#session.document.data) ? this.#account : undefined
  }

  /** The slices that the account keeps, in their stored form; undefined where there is none. */
  get content(): SessionData | undefined {
    const kept = this.kept?.document.data
    if (kept === undefined) return undefined
    const { [MERGED_KEY]: _merged, ...slices } = kept
    return slices
  }

  /** Whether anything was changed of it, as far as it was noticed. */
  get changed(): boolean {
    return this.kept?.document.operations.empty === false
  }

  /** Whether the account is taking over what the session still has: it is stored before the session then. */
  get first(): boolean {
    return this.#accountFirst && this.changed
  }

  /** Whether anything of it was stored since this request began. */
  get wasStored(): boolean {
    return this.#wasStored
  }

  /**
   * Reads the account of a user who is about to be signed in; undefined where the session has one already.
   *
   * @throws SessionEndedError where there is none; StoreUnavailableError
   */
  async load(userId: string): Promise<Account | undefined> {
    if (this.kept !== undefined) return undefined
    const account = await this.#context.accounts?.load(userId)
    if (typeof account === 'string') throw new SessionEndedError()
    return account
  }

  /** From now on the account keeps its slices, and takes over those that the session has kept so far. */
  attach(account: Account): void {
    const { accounts: store, now, observe } = this.#context
    const userId = userIdOf(this.#session.document.data)
    if (store === undefined || userId === null) return
    const hidden = this.#session.loaded?.forwarded === true
    this.#account = new OpenedAccount(userId, account, { store, now, observe }, hidden)
    if (!hidden) this.bring()
  }

  /** Hands over to the account what it keeps, where the session has any of it. */
  bring(): void {
    const { id, key, createdAt } = this.#session.loaded ?? {}
    if (this.kept?.takeOver(this.#session.document, id ?? key ?? String(createdAt ?? ''))) this.#accountFirst = true
  }

  /** Goes on from what the account keeps by now. */
  renew(account: Account): void {
    this.kept?.renew(account)
  }

  /** Forgets the account, which keeps what it has: the session names no user any more. */
  forget(): void {
    this.#account = undefined
    this.#accountFirst = false
  }

  /**
   * Stores what was changed of the account, if anything was.
   *
   * @throws SessionEndedError where the account is gone; SessionContendedError; StoreUnavailableError
   */
  async commit(): Promise<void> {
    const { accounts } = this.#context
    const account = this.kept
    if (account === undefined || accounts === undefined) return
    this.#session.notice()
    if (this.changed) await this.#commitAccount(account, async (change) => (await accounts.save(change)) || undefined)
  }

  /**
   * Stores what was changed of the account, also where that is nothing, by a function of the application's.
   *
   * @param write stores the change; undefined, with nothing stored, where the account has another version by now
   * @throws Error where nobody is signed in; SessionEndedError where the account is gone; SessionContendedError; whatever
   *   `write` throws
   */
  async commitBy<T>(write: WriteAccount<T>): Promise<T> {
    const account = this.kept
    if (account === undefined) throw new Error('Nobody is signed in whose account could be saved')
    return await this.#commitAccount(account, write)
  }

  /**
   * Does to the account what this request did while it knew nobody, and another request signed somebody in.
   *
   * @param session the data of the session as it is since: they prove its user, and this request's own do not
   * @throws SessionEndedError where the account is gone; SessionContendedError; StoreUnavailableError
   */
  async adoptInto(account: Account, session: SessionData, operations: Operations): Promise<void> {
    const { accounts: store, now, observe } = this.#context
    const userId = userIdOf(session)
    if (store === undefined || userId === null) return
    const opened = new OpenedAccount(userId, account, { store, now, observe })
    opened.replay(operations.forAccount())
    await this.#commitAccount(opened, async (change) => (await store.save(change)) || undefined, session)
  }

  /** @param proof data of the session that prove its user; those of this request by default, as they are then */
  async #commitAccount<T>(account: OpenedAccount, write: WriteAccount<T>, proof?: SessionData): Promise<T> {
    try {
      const written = await account.save(() => proof ?? this.#session.document.data, write)
      this.#accountFirst = false
      this.#wasStored = true
      return written
    } catch (error) {
      if (!isRefusal(error)) this.#session.fail()
      throw error
    }
  }
}

/** Whether nothing was stored for certain: anything else may have been, and must not be stored a second time. */
function isRefusal(error: unknown): boolean {
  if (error instanceof SessionContendedError) return true
  return error instanceof Error && 'status' in error && typeof error.status === 'number' && error.status < 500
}
