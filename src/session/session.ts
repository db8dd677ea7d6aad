import { type Account, type AccountStore, MERGED_KEY, type NoAccount } from './account.ts'
import { type Json, type NotJson, plainJson, type SessionData } from './core/data.ts'
import { Document } from './core/document.ts'
import { SessionContendedError, SessionEndedError } from './core/errors.ts'
import type { Observer } from './core/events.ts'
import { closesWithBrowser, EXPIRY_KEY, type ExpiryPolicy, expiryAge, expiryDate, storedExpiry } from './core/expiry.ts'
import type { Operations } from './core/operations.ts'
import { userIdOf } from './core/user.ts'
import type { Loaded } from './engines/engine.ts'
import { OpenedAccount, type WriteAccount } from './opened-account.ts'
import { declaredSlices, isSliceName, type Slice } from './slice.ts'
import { fateOf, SliceValues } from './slice-values.ts'

/** What a session needs to know of whoever opened it. */
export interface SessionContext {
  readonly expiry: ExpiryPolicy
  /** Milliseconds since 1970. */
  readonly now: () => number
  readonly observe: Observer
  /** Whether a change of a session that is stored already needs a new cookie: it does where the cookie holds the data. */
  readonly cookieHoldsData: boolean
  /** Whether a cookie can still be sent. */
  readonly canSendCookie: () => boolean
  /** Writes what was changed, and returns what is stored then. */
  readonly save: (session: Session) => Promise<void>
  readonly end: (loaded: Loaded) => Promise<void>
  readonly accounts?: AccountStore | undefined
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

/** A key by its name, or the slice kept under it. */
type Key = string | (Pick<Slice<unknown>, 'name'> & Partial<Pick<Slice<unknown>, 'login' | 'account'>>)

type Storable<T> = T extends NotJson ? never : T

const TEST_KEY = 'testcookie'
const TEST_VALUE = 'worked'

/**
 * A visitor's session while a request, a socket or a job works with it: a dictionary of JSON values, and typed slices.
 *
 * Changes are written when the request is answered, or by {@link Session.save}. The counterpart of Django's SessionBase;
 * where the two differ is listed in docs/django.md.
 */
export class Session {
  readonly #context: SessionContext
  readonly #document: Document
  readonly #slices: SliceValues
  #loaded: Loaded | undefined
  /** `failed`: nobody knows whether the last changes were stored, so nothing is stored after them. */
  #state: 'open' | 'failed' | 'closed' = 'open'
  #saving: Promise<void> | undefined
  #inFunction = false
  #accessed = false
  #forced = false
  #flushed = false
  #cycled = false
  #restartClock = false
  #account: OpenedAccount | undefined
  #accountFirst = false
  /** A session that does not prove its user: it can be ended, and nothing else is done to it. */
  #unproven: { loaded: Loaded; changing: boolean } | undefined

  /** @param account what the account store says of the session's user; none where nobody is signed in */
  constructor(loaded: Loaded | undefined, context: SessionContext, account?: Account | NoAccount) {
    const unproven = account === 'unproven' || account === 'changing'
    if (unproven && loaded !== undefined) this.#unproven = { loaded, changing: account === 'changing' }
    this.#loaded = unproven ? undefined : loaded
    this.#context = context
    this.#document = new Document(this.#loaded?.data)
    this.#slices = new SliceValues(this.#document, context.now, context.observe)
    if (account !== undefined && typeof account !== 'string') this.attach(account)
  }

  /**
   * The value under a key, or a slice's value or default. Objects may be changed in place.
   *
   * @throws TypeError for the name of a slice: pass the slice
   */
  get<T>(slice: Slice<T>): T
  get(key: string): Json | undefined
  get(key: string, fallback: Json): Json
  get<T>(key: string | Slice<T>, fallback?: Json): Json | T | undefined {
    this.#read()
    if (typeof key !== 'string') return this.#placeOf(key).slices.get(key, this.#state !== 'open')
    const value = this.#document.get(plainKey(key))
    return value === undefined ? fallback : value
  }

  /**
   * Stores a value under a key. Of two requests that set one key at once, the later one counts, and a slice with a merge
   * rule joins both; where the change depends on the value that is there, use {@link Session.update}.
   *
   * @throws TypeError for what JSON cannot hold or the slice's schema refuses; SessionTooLargeError over its budget;
   *   SliceNewerError; Error when the session is closed, or needs a cookie after the headers were sent
   */
  set<T>(slice: Slice<T>, value: T): void
  set<T>(key: string, value: Storable<T>): void
  set<T>(key: string | Slice<T>, value: unknown): void {
    this.#mayChange(key)
    if (typeof key === 'string') this.#document.set(plainKey(key), value)
    else this.#placeOf(key).slices.set(key, value as T)
  }

  /**
   * Changes a value by a pure function of the current one. Where another request saved first, the function is applied
   * again to the newer value, so that neither change is lost. It may not use the session, and must not be asynchronous.
   *
   * @throws TypeError, SessionTooLargeError, SliceNewerError as {@link Session.set}, and whatever `change` throws
   */
  update<T>(slice: Slice<T>, change: (current: T) => T): void
  update<T>(key: string, change: (current: Json | undefined) => Storable<T>): void
  update<T>(key: string | Slice<T>, change: ((current: T) => T) | ((current: Json | undefined) => unknown)): void {
    this.#mayChange(key)
    if (typeof key === 'string') {
      const apply = change as (current: Json | undefined) => unknown
      this.#document.apply(plainKey(key), (current) => plainJson(this.#call(key, apply, current), key))
    } else {
      const apply = change as (current: T) => T
      this.#placeOf(key).slices.update(key, (current) => this.#call(key.name, apply, current))
    }
  }

  /**
   * Changes several plain keys by one pure function of all data, which changes them in place; it is applied again to
   * newer data, like that of {@link Session.update}.
   *
   * @throws TypeError for what JSON cannot hold, and whatever `change` throws
   */
  updateAll(change: (data: SessionData) => void): void {
    this.#mayChange()
    this.#document.applyToAll((data) => {
      this.#call('*', change, data)
      Object.assign(data, plainJson(data))
    })
  }

  has(key: Key): boolean {
    this.#read()
    return this.#placeOf(key).document.data[nameOf(key)] !== undefined
  }

  /** Removes a key; returns whether it was there. Removing nothing is no change; see {@link Session.drop}. */
  delete(key: Key): boolean {
    this.#mayChange(key)
    return this.has(key) && this.#placeOf(key).document.delete(nameOf(key), fateOfKey(key))
  }

  /** Removes a key, and also what another request stores under it before this one is saved. */
  drop(key: Key): void {
    this.#mayChange(key)
    this.#placeOf(key).document.delete(nameOf(key), fateOfKey(key))
  }

  /** Removes a key and returns its value; the fallback, and no change, where there is none. */
  pop(key: string, fallback?: Json): Json | undefined {
    const value = this.get(key)
    return this.delete(key) ? value : fallback
  }

  /** The value under a key, stored first if there is none by then. */
  setDefault(key: string, value: Json): Json {
    this.#mayChange()
    this.#document.setDefault(plainKey(key), value)
    return this.get(key, value)
  }

  /** Stores several values at once: Django's `update(dict)`. */
  assign(values: Readonly<Record<string, unknown>>): void {
    for (const [key, value] of Object.entries(values)) this.set(key, value)
  }

  keys(): string[] {
    this.#read()
    return Object.keys(this.#content())
  }

  values(): Json[] {
    return this.entries().map(([, value]) => value)
  }

  /** All keys with their values; those of slices in their stored form, as frozen copies. */
  entries(): [string, Json][] {
    this.#read()
    this.#document.notice()
    this.#kept?.document.notice()
    return Object.entries(this.#content()).map(([key, stored]) => {
      const value = isSliceName(key) ? frozen(plainJson(stored)) : this.#document.get(key)
      return [key, value ?? null]
    })
  }

  /**
   * Forgets all data, also who is signed in, and keeps the session. To end it, use {@link Session.flush}. What an account
   * keeps stays with the account.
   */
  clear(): void {
    this.#mayChange()
    this.#account = undefined
    this.#accountFirst = false
    this.#document.clear()
  }

  /**
   * Ends the session at once, in the store too, whatever keys it has had; later changes begin a new one. For logout. What
   * it has changed of the account is saved first.
   *
   * @throws StoreUnavailableError, SessionContendedError when it cannot be told that it is ended
   */
  async flush(): Promise<void> {
    this.#mayBeChanged(this.#needsCookie)
    if (this.#saving !== undefined) await this.idle()
    if (this.state().accountChanged) await this.commitAccount().catch(ignoreEnded)
    const ending = this.#loaded ?? this.#unproven?.loaded
    if (ending !== undefined) await this.#context.end(ending)
    this.#loaded = this.#unproven = this.#account = undefined
    this.#document.clear()
    this.#document.take()
    this.#forced = this.#cycled = this.#restartClock = this.#accountFirst = false
    this.#flushed = true
  }

  /**
   * Gives the session a new key when it is saved; requests under way with the old one are still answered. For every
   * change of privilege (ASVS 7.2.4).
   *
   * @param options.restartClock whether the absolute age counts from now: at sign-in, not at a mere change of key
   * @throws Error after the headers were sent
   */
  async cycleKey(options: { restartClock?: boolean } = {}): Promise<void> {
    this.#mayChange()
    this.#mayBeChanged(true)
    this.#cycled = true
    this.#restartClock ||= options.restartClock ?? false
  }

  /**
   * Stores what was changed so far, of the account too, without waiting for the answer: before a stream begins, or to
   * have the key. What changes meanwhile is stored by the next save.
   *
   * @throws SessionEndedError, SessionTooLargeError, StoreUnavailableError, SessionContendedError
   */
  async save(): Promise<void> {
    this.#mayChange()
    const before = this.#saving ?? Promise.resolve()
    const turn = before.catch(() => {}).then(() => this.#context.save(this))
    this.#saving = turn
    try {
      await turn
    } finally {
      if (this.#saving === turn) this.#saving = undefined
    }
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
    this.#mayBeChanged()
    const account = this.#kept
    if (account === undefined) throw new Error('Nobody is signed in whose account could be saved')
    return await this.#commitAccount(account, write)
  }

  /** The account of whoever is signed in, as the application gave it when the session was opened or signed in. */
  get account(): Account | undefined {
    return this.#kept?.given
  }

  /** The signed-in user's id, or null. */
  get userId(): string | null {
    this.#read()
    return userIdOf(this.#document.data)
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
    return expiryAge(this.#context.expiry, this.#document.data[EXPIRY_KEY], this.#context.now())
  }

  getExpiryDate(): Date {
    return expiryDate(this.#context.expiry, this.#document.data[EXPIRY_KEY], this.#context.now())
  }

  expiresAtBrowserClose(): boolean {
    return closesWithBrowser(this.#context.expiry, this.#document.data[EXPIRY_KEY])
  }

  /** Stores a marker, to learn on the next request whether the browser keeps cookies. */
  setTestCookie(): void {
    this.set(TEST_KEY, TEST_VALUE)
  }

  testCookieWorked(): boolean {
    return this.get(TEST_KEY) === TEST_VALUE
  }

  deleteTestCookie(): void {
    this.delete(TEST_KEY)
  }

  /** The secret session key; null until the session is first saved. Never log it or show it. */
  get key(): string | null {
    return this.#loaded?.key ?? null
  }

  /** The public id, which names the session and opens nothing; null until it is first saved, or where it has none. */
  get id(): string | null {
    return this.#loaded?.id ?? null
  }

  /** Whether this is a late request with the key from before a change of key: it sees the data as they were then. */
  get forwarded(): boolean {
    return this.#loaded?.forwarded === true
  }

  /** True with neither a key nor data. */
  get isEmpty(): boolean {
    return this.#loaded === undefined && Object.keys(this.#document.data).length === 0
  }

  /** Whether data were read. */
  get accessed(): boolean {
    return this.#accessed
  }

  /** Whether the answer will save: something changed, nested values included, or it was set to true. */
  get modified(): boolean {
    const { changed, accountChanged } = this.state()
    return changed || accountChanged
  }

  set modified(value: true) {
    this.#mayChange()
    this.#forced = value
  }

  /** What was stored or read last, and what happened since: for whoever opened the session. */
  state() {
    const kept = this.#kept?.document
    if (this.#state === 'open') {
      this.#document.notice()
      kept?.notice()
    }
    return {
      changed: this.#forced || !this.#document.operations.empty,
      accountChanged: kept !== undefined && !kept.operations.empty,
      loaded: this.#loaded,
      data: this.#document.data,
      operations: this.#document.operations,
      content: this.#content(),
      changedKeys: [
        ...this.#document.operations.keys,
        // Taking over what the session had is no change of everything.
        ...(kept?.operations.keys.filter((key) => key !== '*') ?? []),
      ],
      empty: Object.keys(this.#document.data).length === 0,
      flushed: this.#flushed,
      cycled: this.#cycled,
      restartClock: this.#restartClock,
    }
  }

  /** Whether the account is taking over what the session still has: it is stored before the session then. */
  get accountFirst(): boolean {
    return this.#accountFirst && this.#kept?.document.operations.empty === false
  }

  /** Waits for a save under way, however it ends. */
  async idle(): Promise<void> {
    await this.#saving?.catch(() => {})
  }

  /** Hands over the changes so far, for whoever stores them; what comes from now on is the next batch. */
  take(): Batch {
    const operations = this.#document.take()
    const batch = {
      operations,
      data: plainJson(this.#document.data) as SessionData,
      loaded: this.#loaded,
      cycled: this.#cycled,
      restartClock: this.#restartClock,
    }
    this.#forced = this.#cycled = this.#restartClock = false
    return batch
  }

  /** Goes on from what was stored. `isNewer`: another request's changes are among it. */
  stored(loaded: Loaded, isNewer: boolean): void {
    this.#loaded = loaded
    this.#document.rebase(loaded.data, isNewer)
    // Another request may have changed what the account has just taken over.
    this.#bring()
  }

  /** Goes on from what the account keeps by now. */
  renewAccount(account: Account): void {
    this.#kept?.renew(account)
  }

  /** Does to the account what this request did while it knew nobody, and another request signed somebody in. */
  async adoptInto(account: Account, userId: string, operations: Operations): Promise<void> {
    const { accounts: store, now, observe } = this.#context
    if (store === undefined) return
    const opened = new OpenedAccount(userId, account, { store, now, observe })
    opened.replay(operations.forAccount())
    await this.#commitAccount(opened, async (change) => (await store.save(change)) || undefined)
  }

  /** Stores what was changed of the account, if anything was. */
  async commitAccount(): Promise<void> {
    const { accounts } = this.#context
    const account = this.#kept
    if (account === undefined || accounts === undefined || !this.state().accountChanged) return
    await this.#commitAccount(account, async (change) => (await accounts.save(change)) || undefined)
  }

  /** Reads the account of a user who is about to be signed in. @throws SessionEndedError where there is none */
  async accountOf(userId: string): Promise<Account | undefined> {
    // What does not prove its user any more is left behind, and the sign-in begins another session.
    this.#unproven = undefined
    if (this.#kept !== undefined) return undefined
    const account = await this.#context.accounts?.load(userId)
    if (typeof account === 'string') throw new SessionEndedError()
    return account
  }

  /** From now on the account keeps its slices, and takes over those that the session has kept so far. */
  attach(account: Account): void {
    const { accounts: store, now, observe } = this.#context
    const { userId } = this
    if (store === undefined || userId === null) return
    const hidden = this.forwarded
    this.#account = new OpenedAccount(userId, account, { store, now, observe }, hidden)
    if (!hidden) this.#bring()
  }

  /** The slices that stay after a sign-out, in their stored form. */
  keptAtSignOut(): [Slice<unknown>, Json][] {
    this.#document.notice()
    return [...declaredSlices()].flatMap((slice): [Slice<unknown>, Json][] => {
      const stored = this.#document.data[slice.name]
      return slice.logout === 'keep' && stored !== undefined ? [[slice, stored]] : []
    })
  }

  /** Stores a slice in its stored form, of whatever version. */
  restoreSlice(slice: Slice<unknown>, stored: Json): void {
    this.#slices.restore(slice, plainJson(stored))
  }

  /** Takes back a batch of which nothing was stored. */
  restore({ operations, cycled, restartClock }: Batch): void {
    this.#document.restore(operations)
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

  /** What `work` changes belongs to a sign-in: it is left out where another request signed the same user in first. */
  signingIn(work: () => void): void {
    // What a handler has changed in place so far is no part of it.
    this.#document.notice()
    this.#document.operations.signingIn(work)
  }

  /** The account while its user is signed in. */
  get #kept(): OpenedAccount | undefined {
    return this.#account?.userId === userIdOf(this.#document.data) ? this.#account : undefined
  }

  get #needsCookie(): boolean {
    return this.#context.cookieHoldsData || this.#loaded === undefined
  }

  #placeOf(key: Key): { document: Document; slices: SliceValues } {
    const kept = typeof key !== 'string' && key.account === true ? this.#kept : undefined
    return kept ?? { document: this.#document, slices: this.#slices }
  }

  /** The session's own data, and the slices that its account keeps. */
  #content(): SessionData {
    const kept = this.#kept?.document.data
    if (kept === undefined) return this.#document.data
    const { [MERGED_KEY]: _merged, ...slices } = kept
    return { ...this.#document.data, ...slices }
  }

  /** Hands over to the account what it keeps, where the session has any of it. */
  #bring(): void {
    const { id, key, createdAt } = this.#loaded ?? {}
    if (this.#kept?.takeOver(this.#document, id ?? key ?? String(createdAt ?? ''))) this.#accountFirst = true
  }

  async #commitAccount<T>(account: OpenedAccount, write: WriteAccount<T>): Promise<T> {
    try {
      const written = await account.save(() => this.#document.data, write)
      this.#accountFirst = false
      return written
    } catch (error) {
      if (!isRefusal(error)) this.fail()
      throw error
    }
  }

  #call<A extends readonly unknown[], R>(key: string, change: (...args: A) => R, ...args: A): R {
    this.#inFunction = true
    try {
      const result = change(...args)
      if (isThenable(result)) throw new TypeError(`The function that updates "${key}" must not be asynchronous`)
      return result
    } finally {
      this.#inFunction = false
    }
  }

  #read(): void {
    if (this.#inFunction) throw new TypeError('A function that updates the session must not use the session')
    this.#accessed = true
  }

  #mayChange(key?: Key): void {
    const ofAccount = key !== undefined && this.#placeOf(key).document !== this.#document
    this.#mayBeChanged(!ofAccount && this.#needsCookie)
    // A new session here would take the place of the one that is just being renewed.
    if (this.#unproven?.changing === true) throw new SessionEndedError()
  }

  #mayBeChanged(needsCookie = false): void {
    this.#read()
    if (this.#state === 'failed') throw new Error('The last save failed, so nothing more can be stored')
    if (this.#state === 'closed')
      throw new Error('The session was saved with the answer; a change after that would be lost')
    if (needsCookie && !this.#context.canSendCookie()) {
      throw new Error('The headers were sent already: await session.save() before them, so that a cookie can be sent')
    }
  }
}

function nameOf(key: Key): string {
  return typeof key === 'string' ? plainKey(key) : key.name
}

function plainKey(key: string): string {
  if (isSliceName(key)) throw new TypeError(`"${key}" is a slice: pass the slice instead of its name`)
  return key
}

function fateOfKey(key: Key) {
  if (typeof key === 'string' || key.login === undefined) return {}
  return fateOf({ login: key.login, account: key.account === true })
}

/** An account that is gone keeps nothing, and must not keep anybody signed in. */
function ignoreEnded(error: unknown): void {
  if (!(error instanceof SessionEndedError)) throw error
}

/** Whether nothing was stored for certain: anything else may have been, and must not be stored a second time. */
function isRefusal(error: unknown): boolean {
  if (error instanceof SessionContendedError) return true
  return error instanceof Error && 'status' in error && typeof error.status === 'number' && error.status < 500
}

function isThenable(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'
}

function frozen(value: Json): Json {
  if (typeof value !== 'object' || value === null) return value
  for (const item of Object.values(value)) frozen(item)
  Object.freeze(value)
  return value
}
