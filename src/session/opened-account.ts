import {
  type Account,
  type AccountChange,
  type AccountStore,
  type Brought,
  joined,
  sameStored,
  takeOver,
} from './account.ts'
import { type Json, plainJson, type SessionData } from './core/data.ts'
import { Document } from './core/document.ts'
import { AccountUnreadableError, SessionEndedError } from './core/errors.ts'
import type { Observer } from './core/events.ts'
import type { Operations } from './core/operations.ts'
import { retry } from './core/retry.ts'
import { declaredSlices } from './slice.ts'
import { fateOf, SliceValues } from './slice-values.ts'

/** Writes a change of an account; undefined, with nothing written, where the account has another version by now. */
export type WriteAccount<T> = (change: AccountChange) => Promise<T | undefined>

/** What an account needs to know of the session that changes it. */
export interface AccountContext {
  readonly store: AccountStore
  /** Milliseconds since 1970. */
  readonly now: () => number
  readonly observe: Observer
}

/** What an account keeps, while one session of its user works with it. */
export class OpenedAccount {
  readonly userId: string
  /** As the application gave it. */
  readonly given: Account
  readonly document: Document
  readonly slices: SliceValues
  /** Whether nothing of it may be read. */
  readonly hidden: boolean
  readonly #context: AccountContext
  #stored: Account
  readonly #takenOver = new Map<string, Json>()

  /**
   * @param hidden whether nothing of it may be read: under a key from before a sign-in, nothing is shown of what came
   *   after; what such a late request changes is replayed on what is kept
   */
  constructor(userId: string, account: Account, context: AccountContext, hidden = false) {
    this.userId = userId
    this.given = account
    this.hidden = hidden
    this.document = new Document(hidden ? undefined : account.data)
    this.slices = new SliceValues(this.document, context.now, context.observe)
    this.#context = context
    this.#stored = account
    if (account.unreadable) context.observe({ type: 'account-unreadable', userId })
  }

  /**
   * Checks whether it can be changed.
   *
   * @throws AccountUnreadableError
   */
  mayChange(): void {
    if (this.#stored.unreadable) throw new AccountUnreadableError()
  }

  /**
   * Takes over the slices that accounts keep, where a session has any: it was anonymous, or an older version of the
   * application has stored them there. What another request changes of them meanwhile stays there, to be taken over next.
   *
   * @param name names the session, so that nothing is taken over twice
   * @returns whether there was anything to take over
   */
  takeOver(session: Document, name: string): boolean {
    const brought = [...declaredSlices()].flatMap((slice): Brought[] => {
      const stored = session.data[slice.name]
      if (!slice.account || stored === undefined) return []
      const before = session.first(slice.name)
      const original = before === undefined ? before : plainJson(before)
      const one = { slice, stored: plainJson(stored), original, base: this.#takenOver.get(slice.name) }
      return this.#canJoin(one) ? [one] : []
    })
    if (brought.length === 0) return false
    for (const { slice, stored, original } of brought) {
      const isTaken = (it: Json | undefined) => sameStored(it, original) || sameStored(it, stored)
      session.apply(slice.name, (it) => (isTaken(it) ? undefined : it), { replaces: true, ...fateOf(slice) })
      this.#takenOver.set(slice.name, stored)
    }
    const now = this.#context.now()
    this.document.applyToAll((data) => takeOver(data, brought, name, now))
    return true
  }

  /** Does what a request did before it was known whose session it is. */
  replay(operations: Operations): void {
    this.document.restore(operations)
    this.#rebase(this.#stored, true)
  }

  /** Goes on from what is kept by now. */
  renew(account: Account): void {
    this.#rebase(account, true)
    this.#stored = account
  }

  /**
   * Commits the changes so far; where another session was first, they are applied to what that one has left.
   *
   * @param session the data of the session, which must prove the user still
   * @param write does it, and maybe more with it, in one transaction
   * @throws SessionEndedError where the account is gone or not this session's any more; AccountUnreadableError;
   *   SessionContendedError; whatever a replayed change, the store or `write` throws
   */
  async save<T>(session: () => SessionData, write: WriteAccount<T>): Promise<T> {
    this.mayChange()
    const operations = this.document.take()
    const { written, account, replayed } = await this.#write(operations, session, write).catch((error: unknown) => {
      this.document.restore(operations)
      throw error
    })
    this.#saved(account, replayed)
    return written
  }

  async #write<T>(operations: Operations, session: () => SessionData, write: WriteAccount<T>) {
    const { version: known, data: kept } = this.#stored
    let version = known
    let data = this.hidden ? operations.replayOn(kept) : (plainJson(this.document.data) as SessionData)
    return await retry(async (attempt) => {
      if (attempt > 1) {
        const newer = await this.#newer(session, attempt - 1)
        version = newer.version
        data = operations.replayOn(newer.data)
      }
      const written = await write({ userId: this.userId, version, data })
      if (written === undefined) return undefined
      return { written, account: { version: version + 1, data }, replayed: attempt > 1 }
    })
  }

  /** Whether it can be taken over: what is too large together with the account's own, or newer, stays in the session. */
  #canJoin(one: Brought): boolean {
    const { now, observe } = this.#context
    try {
      this.mayChange()
      joined(one, this.document.data[one.slice.name], now())
      return true
    } catch (error) {
      const detail = error instanceof Error ? error.name : 'Error'
      observe({ type: 'slice', slice: one.slice.name, problem: 'not-merged', detail })
      return false
    }
  }

  #saved(account: Account, replayed: boolean): void {
    // It throws where what was changed meanwhile cannot be done to newer data, which must not be taken for known then.
    this.#rebase(account, replayed)
    this.#stored = account
    if (replayed) this.#context.observe({ type: 'replayed' })
  }

  #rebase({ data }: Account, isNewer: boolean): void {
    if (!this.hidden) this.document.rebase(plainJson(data) as SessionData, isNewer)
  }

  async #newer(session: () => SessionData, attempt: number): Promise<Account> {
    const { store, observe } = this.#context
    observe({ type: 'conflict', attempt })
    const account = await store.load(this.userId, session())
    if (typeof account !== 'string') {
      if (account.unreadable) throw new AccountUnreadableError()
      return account
    }
    observe({ type: 'ended' })
    throw new SessionEndedError()
  }
}
