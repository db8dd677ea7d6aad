import { type Account, type AccountStore, MERGED_KEY } from './account.ts'
import type { SessionData } from './core/data.ts'
import type { Document } from './core/document.ts'
import { SessionContendedError, SessionEndedError } from './core/errors.ts'
import type { Observer } from './core/events.ts'
import type { Operations } from './core/operations.ts'
import { userIdOf } from './core/user.ts'
import type { Loaded } from './engines/engine.ts'
import { OpenedAccount, type WriteAccount } from './opened-account.ts'

/** Context of {@link SessionAccount}. */
export interface SessionAccountContext {
  /** Returns milliseconds since 1970. */
  readonly now: () => number
  readonly observe: Observer
  readonly accounts?: AccountStore | undefined
}

/** The session of a {@link SessionAccount}. */
export interface AccountSession {
  readonly document: Document
  readonly loaded: Loaded | undefined
  /** Records changes in place, while the session can be changed. */
  detectChanges(): void
  /** Called after a save with an unknown result. */
  fail(): void
}

/** The account of a session's user: loads it, merges slices of the session into it, and saves it. */
export class SessionAccount {
  readonly #session: AccountSession
  readonly #context: SessionAccountContext
  #account: OpenedAccount | undefined
  #merging = false
  #wasSaved = false

  /**
   * @param session read on each use, because its key and data change
   */
  constructor(session: AccountSession, context: SessionAccountContext) {
    this.#session = session
    this.#context = context
  }

  /** The account, while its user is signed in. */
  get current(): OpenedAccount | undefined {
    return this.#account?.userId === userIdOf(this.#session.document.data) ? this.#account : undefined
  }

  /** The account's slices in their stored form; undefined without an account. */
  get content(): SessionData | undefined {
    const kept = this.current?.document.data
    if (kept === undefined) return undefined
    const { [MERGED_KEY]: _merged, ...slices } = kept
    return slices
  }

  /** Whether there are recorded changes of the account. */
  get changed(): boolean {
    return this.current?.document.operations.empty === false
  }

  /** Whether slices of the session are being merged, so that the account must be saved first. */
  get isMerging(): boolean {
    return this.#merging && this.changed
  }

  /** Whether the account was saved during this request. */
  get wasSaved(): boolean {
    return this.#wasSaved
  }

  /**
   * Loads the account of a user who is signing in; undefined if the session has it already.
   *
   * @throws SessionEndedError if there is no such account; StoreUnavailableError
   */
  async load(userId: string): Promise<Account | undefined> {
    if (this.current !== undefined) return undefined
    const account = await this.#context.accounts?.load(userId)
    if (typeof account === 'string') throw new SessionEndedError()
    return account
  }

  /** Attaches an account and merges the session's account slices into it. */
  attach(account: Account): void {
    const { accounts: store, now, observe } = this.#context
    const userId = userIdOf(this.#session.document.data)
    if (store === undefined || userId === null) return
    const hidden = this.#session.loaded?.forwarded === true
    this.#account = new OpenedAccount(userId, account, { store, now, observe }, hidden)
    if (!hidden) this.mergeFromSession()
  }

  /** Merges account slices that the session has into the account. */
  mergeFromSession(): void {
    const { id, key, createdAt } = this.#session.loaded ?? {}
    if (this.current?.mergeFromSession(this.#session.document, id ?? key ?? String(createdAt ?? '')))
      this.#merging = true
  }

  /** Continues from newer data of the account. */
  refresh(account: Account): void {
    this.current?.refresh(account)
  }

  /** Detaches the account without changing it, because nobody is signed in any more. */
  forget(): void {
    this.#account = undefined
    this.#merging = false
  }

  /**
   * Saves the account if it was changed.
   *
   * @throws SessionEndedError if the account is gone; SessionContendedError; StoreUnavailableError
   */
  async commit(): Promise<void> {
    const { accounts } = this.#context
    const account = this.current
    if (account === undefined || accounts === undefined) return
    this.#session.detectChanges()
    if (this.changed) await this.#commitAccount(account, async (change) => (await accounts.save(change)) || undefined)
  }

  /**
   * Saves the account with a function of the application, even if nothing was changed.
   *
   * @param write saves the change; returns undefined, with nothing saved, if the account has another version by now
   * @throws Error if no user is signed in; SessionEndedError if the account is gone; SessionContendedError; any error of
   *   `write`
   */
  async commitWith<T>(write: WriteAccount<T>): Promise<T> {
    const account = this.current
    if (account === undefined) throw new Error('There is no account to save: no user is signed in')
    return await this.#commitAccount(account, write)
  }

  /**
   * Applies changes of an anonymous request to the account of a user whom another request has signed in meanwhile.
   *
   * @param session the newer data of the session; they prove its user, this request's own do not
   * @throws SessionEndedError if the account is gone; SessionContendedError; StoreUnavailableError
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
      this.#merging = false
      this.#wasSaved = true
      return written
    } catch (error) {
      if (!isRefusal(error)) this.#session.fail()
      throw error
    }
  }
}

/** Whether certainly nothing was stored. After any other error it may have been, and must not be stored twice. */
function isRefusal(error: unknown): boolean {
  if (error instanceof SessionContendedError) return true
  return error instanceof Error && 'status' in error && typeof error.status === 'number' && error.status < 500
}
