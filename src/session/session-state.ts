import type { Account, NoAccount } from './account.ts'
import type { SessionData } from './core/data.ts'
import { Document } from './core/document.ts'
import { SessionEndedError } from './core/errors.ts'
import type { Operations } from './core/operations.ts'
import { UpdateCalls } from './core/update-calls.ts'
import { userIdOf } from './core/user.ts'
import type { Ended, Loaded } from './engines/engine.ts'
import { SessionAccount } from './session-account.ts'
import type { SessionContext } from './session-context.ts'
import { SliceValues } from './slice-values.ts'

/** A batch of changes that is being saved. */
export interface Batch {
  readonly operations: Operations
  /** The data with these changes; outdated if another request has saved meanwhile. */
  readonly data: SessionData
  readonly loaded: Loaded | undefined
  readonly cycled: boolean
  readonly restartClock: boolean
}

/** The message of the error for a change that needs a cookie after the headers were sent. */
export const HEADERS_SENT =
  'The headers were sent already: await session.save() before them, so that a cookie can be sent'

/**
 * The state of an open session: its data, their changes, and whether it can still be changed. Handlers use a `Session`.
 *
 * @example
 * const isStored = (state: SessionState) => state.loaded !== undefined
 */
export class SessionState {
  readonly context: SessionContext
  readonly document: Document
  readonly account: SessionAccount
  /** Calls the update functions of handlers. */
  readonly updates = new UpdateCalls()
  /** Whether data were read. */
  accessed = false
  /** Whether to save even if nothing was changed. */
  forced = false
  #slices: SliceValues | undefined
  #loaded: Loaded | undefined
  /** `failed`: it is unknown whether the last changes were stored, so nothing more is stored. */
  #state: 'open' | 'failed' | 'closed' = 'open'
  #saving: Promise<void> | undefined
  #flushed = false
  #cycled = false
  #restartClock = false
  /** A session that does not prove its user, or that cannot be decoded: it can only be ended. */
  #unproven: { loaded: Loaded; changing: boolean } | undefined
  /** Another application has signed the user in: the same id here is somebody else. */
  #foreign: boolean
  /** The session was not ended because another user has it by now; the browser has or is being sent its cookie. */
  #replaced = false

  /**
   * @param loaded the stored session; undefined if there is none yet
   * @param account the account store's answer for the session's user; undefined for an anonymous session
   */
  constructor(loaded: Loaded | undefined, context: SessionContext, account?: Account | NoAccount) {
    const unproven = account === 'unproven' || account === 'changing'
    const endable = unproven ? loaded : context.unread
    if (endable !== undefined) this.#unproven = { loaded: endable, changing: account === 'changing' }
    this.#foreign = account === 'other-application'
    this.#loaded = unproven ? undefined : loaded
    this.context = context
    this.document = new Document(this.#loaded?.data)
    this.account = new SessionAccount(this, context)
    if (account !== undefined && typeof account !== 'string') this.account.attach(account)
  }

  /** The slices of the data. */
  get slices(): SliceValues {
    this.#slices ??= new SliceValues(this.document, this.context.now, this.context.observe)
    return this.#slices
  }

  /** The session as last read or stored; undefined if it is not stored. */
  get loaded(): Loaded | undefined {
    return this.#loaded
  }

  /** Whether it can be changed and stored. */
  get isOpen(): boolean {
    return this.#state === 'open'
  }

  /** Whether a save has failed with an unknown result: the data may have changes that must not be stored. */
  get hasFailed(): boolean {
    return this.#state === 'failed'
  }

  /** Whether changes of the session's data can only be stored if a cookie is sent. */
  get needsCookie(): boolean {
    return this.context.cookieHoldsData || this.#loaded === undefined
  }

  /** Whether a sign-in of this user must end the session first, because it is somebody else's. */
  isOfAnother(userId: string): boolean {
    const current = userIdOf(this.document.data)
    return current !== null && (current !== userId || this.#foreign)
  }

  /** The session's data and the account's slices. */
  get content(): SessionData {
    const kept = this.account.content
    return kept === undefined ? this.document.data : { ...this.document.data, ...kept }
  }

  /** What was last stored or read, and what happened since. */
  summary() {
    this.detectChanges()
    return {
      changed: this.changed,
      accountChanged: this.accountChanged,
      loaded: this.#loaded,
      data: this.document.data,
      operations: this.document.operations,
      empty: this.empty,
      flushed: this.#flushed,
      cycled: this.cycled,
      restartClock: this.#restartClock,
    }
  }

  /** Whether there are recorded changes to be stored; see {@link SessionState.detectChanges}. */
  get changed(): boolean {
    return !this.hasFailed && (this.forced || !this.document.operations.empty)
  }

  /** The same for the account. */
  get accountChanged(): boolean {
    return !this.hasFailed && this.account.changed
  }

  /** Whether the session has no data. */
  get empty(): boolean {
    for (const _key in this.document.data) return false
    return true
  }

  /** Whether the session was ended by this request. */
  get flushed(): boolean {
    return this.#flushed
  }

  /** Whether a new key was requested. */
  get cycled(): boolean {
    return !this.hasFailed && this.#cycled
  }

  /** Whether the absolute age restarts with the next save. */
  get restartClock(): boolean {
    return this.#restartClock
  }

  /** The changed keys of the session and its account; `*` for all of the session's. */
  get changedKeys(): string[] {
    this.detectChanges()
    const kept = this.account.current?.document.operations.keys ?? []
    // Without `*`, because merging is not a change of all keys.
    return [...this.document.operations.keys, ...kept.filter((key) => key !== '*')]
  }

  /** Records changes in place, while the session can be changed. */
  detectChanges(): void {
    if (this.#state !== 'open') return
    this.document.detectChanges()
    this.account.current?.document.detectChanges()
  }

  /** Resolves when a running save has finished or failed; undefined if there is none. */
  idle(): Promise<void> | undefined {
    return this.#saving?.catch(() => {})
  }

  /** Returns the changes so far for saving and starts a new batch. */
  take(): Batch {
    const operations = this.document.take()
    const batch = {
      operations,
      data: this.document.snapshot(),
      loaded: this.#loaded,
      cycled: this.#cycled,
      restartClock: this.#restartClock,
    }
    this.forced = this.#cycled = this.#restartClock = false
    return batch
  }

  /**
   * Continues from what was stored.
   *
   * @param isNewer whether it includes changes of other requests
   * @param batch what was to be stored
   */
  stored(loaded: Loaded, isNewer: boolean, batch?: Batch): void {
    // First: it throws if later changes cannot be replayed on newer data. The document has the batch itself already.
    if (isNewer || loaded.data !== batch?.data) this.document.rebase(loaded.data, isNewer)
    this.#loaded = loaded
    // Another request may have changed slices that were just merged.
    this.account.mergeFromSession()
  }

  /** Puts back a batch of which nothing was stored. */
  restore({ operations, cycled, restartClock }: Batch): void {
    this.document.restore(operations)
    this.#cycled ||= cycled
    this.#restartClock ||= restartClock
  }

  /** Called after a save with an unknown result: nothing must be stored twice. */
  fail(): void {
    this.#state = 'failed'
  }

  /** Makes the session read-only; changes throw. */
  close(): void {
    if (this.#state === 'open') this.#state = 'closed'
  }

  /** Allows a new session, for a sign-in when the old one is unproven or another user's. */
  startNewSession(): void {
    this.#unproven = undefined
    this.#replaced = false
  }

  /** Requests a new key with the next save, and optionally a restart of the absolute age. */
  cycle(restartClock: boolean): void {
    this.#cycled = true
    this.#restartClock ||= restartClock
  }

  /**
   * Saves after all saves that were requested before.
   *
   * @throws any error of the context's `save`
   */
  async save(): Promise<void> {
    const before = this.#saving ?? Promise.resolve()
    const turn = before.catch(() => {}).then(() => this.context.save())
    this.#saving = turn
    try {
      await turn
    } finally {
      if (this.#saving === turn) this.#saving = undefined
    }
  }

  /**
   * Ends the session after saving its changes of the account.
   *
   * @returns its newest data with this request's changes; undefined if it was not ended because another user has it by now
   * @throws any error of the context's `end`; StoreUnavailableError, SessionContendedError if the account cannot be saved
   */
  async end(): Promise<SessionData | undefined> {
    if (this.#saving !== undefined) await this.idle()
    this.detectChanges()
    if (this.account.changed) await this.account.commit().catch(ignoreEnded)
    const ending = this.#loaded ?? this.#unproven?.loaded
    const ended = ending && (await this.context.end(ending))
    const last = this.#dataAtEnd(ended)
    if (ended?.outcome === 'user-changed') this.#replaced = true
    this.#loaded = this.#unproven = undefined
    this.account.forget()
    this.#foreign = false
    this.document.clear()
    this.document.take()
    this.forced = this.#cycled = this.#restartClock = false
    this.#flushed = true
    return this.#replaced ? undefined : last
  }

  #dataAtEnd(ended: Ended | undefined): SessionData {
    const { data, operations } = this.document
    if (this.#loaded === undefined || ended?.outcome !== 'ended' || ended.last === undefined) return data
    try {
      return operations.replayOn(ended.last)
    } catch {
      // It has ended, and what another request has stored wins over a change that cannot be replayed.
      return ended.last
    }
  }

  /**
   * Checks that the session can be read now.
   *
   * @throws TypeError inside a function that updates the session
   */
  assertReadable(): void {
    this.updates.assertNone()
    this.accessed = true
  }

  /**
   * Checks that the data can be changed now.
   *
   * @throws SessionEndedError while the user's password is being changed, or if the session was not ended because another
   *   user has it by now; as {@link SessionState.assertOpen}
   */
  assertChangeable(needsCookie = this.needsCookie): void {
    this.assertOpen(needsCookie)
    // A new session would replace the cookie of the other one.
    if (this.#replaced || this.#unproven?.changing === true) throw new SessionEndedError()
  }

  /**
   * Checks that the session can be changed or ended now.
   *
   * @throws Error if it was saved with the response, if a save has failed, or if it needs a cookie and none can be sent
   */
  assertOpen(needsCookie = false): void {
    this.assertReadable()
    if (this.#state === 'failed') throw new Error('The last save failed, so nothing more can be stored')
    if (this.#state === 'closed')
      throw new Error('The session was saved with the response; a change after that would be lost')
    if (needsCookie && !this.context.canSendCookie()) throw new Error(HEADERS_SENT)
  }
}

/** A missing account must not prevent a logout. */
function ignoreEnded(error: unknown): void {
  if (!(error instanceof SessionEndedError)) throw error
}
