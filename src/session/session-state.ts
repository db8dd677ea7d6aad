import type { Account, NoAccount } from './account.ts'
import { plainJson, type SessionData } from './core/data.ts'
import { Document } from './core/document.ts'
import { SessionEndedError } from './core/errors.ts'
import type { ExpiryPolicy } from './core/expiry.ts'
import type { Operations } from './core/operations.ts'
import type { Ended, Loaded } from './engines/engine.ts'
import { SessionAccount, type SessionAccountContext } from './session-account.ts'
import { SliceValues } from './slice-values.ts'

/** What a session needs to know of whoever opened it. */
export interface SessionContext extends SessionAccountContext {
  readonly expiry: ExpiryPolicy
  /** Whether a change of a session that is stored already needs a new cookie: it does where the cookie holds the data. */
  readonly cookieHoldsData: boolean
  /** Whether a cookie can still be sent. */
  readonly canSendCookie: () => boolean
  /** Writes what was changed. */
  readonly save: () => Promise<void>
  readonly end: (loaded: Loaded) => Promise<Ended>
}

/** A batch of changes on its way to the storage. */
export interface Batch {
  readonly operations: Operations
  /** The data with them, right unless another request has saved meanwhile. */
  readonly data: SessionData
  readonly loaded: Loaded | undefined
  readonly cycled: boolean
  readonly restartClock: boolean
}

export const HEADERS_SENT =
  'The headers were sent already: await session.save() before them, so that a cookie can be sent'

/**
 * A session as whoever opened it drives it: its data and what happened to them, and whether it can still be changed.
 * Handlers see a `Session` instead, which reads and changes it on their behalf.
 */
export class SessionState {
  readonly context: SessionContext
  readonly document: Document
  readonly slices: SliceValues
  readonly account: SessionAccount
  /** Whether data were read. */
  accessed = false
  /** Whether it is saved even if nothing was changed. */
  forced = false
  #loaded: Loaded | undefined
  /** `failed`: nobody knows whether the last changes were stored, so nothing is stored after them. */
  #state: 'open' | 'failed' | 'closed' = 'open'
  #saving: Promise<void> | undefined
  #inFunction = false
  #flushed = false
  #cycled = false
  #restartClock = false
  /** A session that does not prove its user: it can be ended, and nothing else is done to it. */
  #unproven: { loaded: Loaded; changing: boolean } | undefined
  /** What was to be ended goes on as somebody else's, and the browser has, or is being sent, its cookie. */
  #replaced = false

  /**
   * @param loaded what the cookie led to; undefined where there is no session yet
   * @param account what the account store says of the session's user; none where nobody is signed in
   */
  constructor(loaded: Loaded | undefined, context: SessionContext, account?: Account | NoAccount) {
    const unproven = account === 'unproven' || account === 'changing'
    if (unproven && loaded !== undefined) this.#unproven = { loaded, changing: account === 'changing' }
    this.#loaded = unproven ? undefined : loaded
    this.context = context
    this.document = new Document(this.#loaded?.data)
    this.slices = new SliceValues(this.document, context.now, context.observe)
    this.account = new SessionAccount(this, context)
    if (account !== undefined && typeof account !== 'string') this.account.attach(account)
  }

  /** What was stored or read last; undefined where the session is not stored. */
  get loaded(): Loaded | undefined {
    return this.#loaded
  }

  /** Whether it can be changed and stored. */
  get isOpen(): boolean {
    return this.#state === 'open'
  }

  /** Whether a change of the session's own data can be stored only if a cookie is sent. */
  get needsCookie(): boolean {
    return this.context.cookieHoldsData || this.#loaded === undefined
  }

  /** The session's own data, and the slices that its account keeps. */
  get content(): SessionData {
    const kept = this.account.content
    return kept === undefined ? this.document.data : { ...this.document.data, ...kept }
  }

  /** What was stored or read last, and what happened since. */
  summary() {
    this.notice()
    const kept = this.account.kept?.document
    const mayStore = this.#state !== 'failed'
    return {
      changed: mayStore && (this.forced || !this.document.operations.empty),
      accountChanged: mayStore && this.account.changed,
      loaded: this.#loaded,
      data: this.document.data,
      operations: this.document.operations,
      content: this.content,
      changedKeys: [
        ...this.document.operations.keys,
        // Taking over what the session had is no change of everything.
        ...(kept?.operations.keys.filter((key) => key !== '*') ?? []),
      ],
      empty: Object.keys(this.document.data).length === 0,
      flushed: this.#flushed,
      cycled: mayStore && this.#cycled,
      restartClock: this.#restartClock,
    }
  }

  /** Records what was changed in place, while the session can be changed. */
  notice(): void {
    if (this.#state !== 'open') return
    this.document.notice()
    this.account.kept?.document.notice()
  }

  /** Waits for a save under way, however it ends. */
  async idle(): Promise<void> {
    await this.#saving?.catch(() => {})
  }

  /** Hands over the changes so far, for whoever stores them; what comes from now on is the next batch. */
  take(): Batch {
    const operations = this.document.take()
    const batch = {
      operations,
      data: plainJson(this.document.data) as SessionData,
      loaded: this.#loaded,
      cycled: this.#cycled,
      restartClock: this.#restartClock,
    }
    this.forced = this.#cycled = this.#restartClock = false
    return batch
  }

  /**
   * Goes on from what was stored.
   *
   * @param isNewer whether another request's changes are among it
   */
  stored(loaded: Loaded, isNewer: boolean): void {
    // It throws where what was changed meanwhile cannot be done to newer data, which must not be taken for known then.
    this.document.rebase(loaded.data, isNewer)
    this.#loaded = loaded
    // Another request may have changed what the account has just taken over.
    this.account.bring()
  }

  /** Takes back a batch of which nothing was stored. */
  restore({ operations, cycled, restartClock }: Batch): void {
    this.document.restore(operations)
    this.#cycled ||= cycled
    this.#restartClock ||= restartClock
  }

  /** After a save of which nobody knows whether it happened: nothing may be stored a second time. */
  fail(): void {
    this.#state = 'failed'
  }

  /** From now on it can be read, and changing it throws. */
  close(): void {
    if (this.#state === 'open') this.#state = 'closed'
  }

  /** Leaves behind what does not prove its user any more, or is somebody else's: a sign-in begins another session. */
  beginAnother(): void {
    this.#unproven = undefined
    this.#replaced = false
  }

  /** Asks for a new key with the next save, and maybe for an absolute age that counts from then. */
  cycle(restartClock: boolean): void {
    this.#cycled = true
    this.#restartClock ||= restartClock
  }

  /**
   * Saves, after every save that was asked for before.
   *
   * @throws what the context's `save` throws
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
   * Ends the session, after what it has changed of the account is saved.
   *
   * @returns the newest data that it had, with this request's changes; undefined where it goes on as somebody else's
   * @throws what the context's `end` throws; StoreUnavailableError, SessionContendedError where the account cannot be saved
   */
  async end(): Promise<SessionData | undefined> {
    if (this.#saving !== undefined) await this.idle()
    this.notice()
    if (this.account.changed) await this.account.commit().catch(ignoreEnded)
    const ending = this.#loaded ?? this.#unproven?.loaded
    const ended = ending && (await this.context.end(ending))
    const last = this.#dataAtEnd(ended)
    if (ended?.outcome === 'foreign') this.#replaced = true
    this.#loaded = this.#unproven = undefined
    this.account.forget()
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
      // It has ended already, and what another request has stored counts more than a change that does not fit it.
      return ended.last
    }
  }

  /**
   * Calls a handler's function, which must not use the session meanwhile.
   *
   * @param key what it changes, for the error
   * @throws TypeError for an asynchronous one, and what it throws
   */
  call<A extends readonly unknown[], R>(key: string, change: (...args: A) => R, ...args: A): R {
    this.#inFunction = true
    try {
      const result = change(...args)
      if (isThenable(result)) {
        // This error is the answer: the promise's own would be one that nobody handles, which ends the process.
        Promise.resolve(result).catch(() => {})
        throw new TypeError(`The function that updates "${key}" must not be asynchronous`)
      }
      return result
    } finally {
      this.#inFunction = false
    }
  }

  /**
   * Checks whether a handler may read now.
   *
   * @throws TypeError within a function that updates the session
   */
  mayRead(): void {
    if (this.#inFunction) throw new TypeError('A function that updates the session must not use the session')
    this.accessed = true
  }

  /**
   * Checks whether a handler may change the data now.
   *
   * @throws SessionEndedError for a session whose user is just getting a new password, or after the end of one that goes on
   *   as somebody else's; as {@link SessionState.mayBeChanged}
   */
  mayChange(needsCookie = this.needsCookie): void {
    this.mayBeChanged(needsCookie)
    // A new session here would take the place of the one that goes on, or is just being renewed.
    if (this.#replaced || this.#unproven?.changing === true) throw new SessionEndedError()
  }

  /**
   * Checks whether a handler may do anything but read now.
   *
   * @throws Error when it was saved with the answer, when nothing can be stored after a failure, or when it needs a cookie
   *   and none can be sent
   */
  mayBeChanged(needsCookie = false): void {
    this.mayRead()
    if (this.#state === 'failed') throw new Error('The last save failed, so nothing more can be stored')
    if (this.#state === 'closed')
      throw new Error('The session was saved with the answer; a change after that would be lost')
    if (needsCookie && !this.context.canSendCookie()) throw new Error(HEADERS_SENT)
  }
}

/** An account that is gone keeps nothing, and must not keep anybody signed in. */
function ignoreEnded(error: unknown): void {
  if (!(error instanceof SessionEndedError)) throw error
}

function isThenable(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'
}
