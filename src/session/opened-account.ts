import {
  type Account,
  type AccountChange,
  type AccountStore,
  mergeIntoAccount,
  mergeStored,
  type SessionSlice,
  sameStored,
} from './account.ts'
import { type Json, plainJson, type SessionData } from './core/data.ts'
import { Document } from './core/document.ts'
import { AccountUnreadableError, SessionEndedError } from './core/errors.ts'
import type { Observer } from './core/events.ts'
import type { Operations } from './core/operations.ts'
import { retry } from './core/retry.ts'
import { declaredSlices } from './slice.ts'
import { rulesOf, SliceValues } from './slice-values.ts'

/**
 * Saves a change of an account; returns undefined, with nothing saved, if the account has another version by now.
 *
 * @example
 * const write: WriteAccount<true> = async (change) => ((await accounts.save(change)) ? true : undefined)
 */
export type WriteAccount<T> = (change: AccountChange) => Promise<T | undefined>

/** Context of {@link OpenedAccount}. */
export interface AccountContext {
  readonly store: AccountStore
  /** Returns milliseconds since 1970. */
  readonly now: () => number
  readonly observe: Observer
}

/** The account of a session's user, while the session is open. */
export class OpenedAccount {
  readonly userId: string
  /** As the application returned it. */
  readonly given: Account
  readonly document: Document
  readonly slices: SliceValues
  /** Whether its data must not be read. */
  readonly hidden: boolean
  readonly #context: AccountContext
  #stored: Account
  readonly #merged = new Map<string, Json>()

  /**
   * @param hidden whether its data must not be read: a request with a key from before a sign-in sees nothing of the account,
   *   but its changes are replayed on it; false by default
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
   * Checks that the account can be changed.
   *
   * @throws AccountUnreadableError if its data cannot be read
   */
  assertChangeable(): void {
    if (this.#stored.unreadable) throw new AccountUnreadableError()
  }

  /**
   * Merges account slices of the session into the account: the session was anonymous, or an older version stored them
   * there. What another request changes meanwhile stays in the session and is merged next.
   *
   * @param name identifies the session, so that nothing is merged twice
   * @returns whether there was anything to merge
   */
  mergeFromSession(session: Document, name: string): boolean {
    const slices = [...declaredSlices()].flatMap((slice): SessionSlice[] => {
      const stored = session.data[slice.name]
      if (!slice.account || stored === undefined) return []
      const before = session.initial(slice.name)
      const original = before === undefined ? before : plainJson(before)
      const one = { slice, stored: plainJson(stored), original, base: this.#merged.get(slice.name) }
      return this.#canMerge(one) ? [one] : []
    })
    if (slices.length === 0) return false
    for (const { slice, stored, original } of slices) {
      const isTaken = (it: Json | undefined) => sameStored(it, original) || sameStored(it, stored)
      session.apply(slice.name, (it) => (isTaken(it) ? undefined : it), { replaces: true, ...rulesOf(slice) })
      this.#merged.set(slice.name, stored)
    }
    const now = this.#context.now()
    this.document.applyToAll((data) => mergeIntoAccount(data, slices, name, now))
    return true
  }

  /** Replays changes of a request that was anonymous. */
  replay(operations: Operations): void {
    this.document.restore(operations)
    this.#rebase(this.#stored, true)
  }

  /** Continues from newer data of the account. */
  refresh(account: Account): void {
    this.#rebase(account, true)
    this.#stored = account
  }

  /**
   * Saves the changes so far; if another session was first, they are replayed on its data.
   *
   * @param session returns the data of the session, which must still prove the user
   * @param write saves the change, possibly with more in the same transaction
   * @throws SessionEndedError if the account is gone or no longer this session's; AccountUnreadableError;
   *   SessionContendedError; any error of a replayed change, the store or `write`
   */
  async save<T>(session: () => SessionData, write: WriteAccount<T>): Promise<T> {
    this.assertChangeable()
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

  /** Whether a slice can be merged: if the result is too large or one is of a newer version, it stays in the session. */
  #canMerge(one: SessionSlice): boolean {
    const { now, observe } = this.#context
    try {
      this.assertChangeable()
      mergeStored(one, this.document.data[one.slice.name], now())
      return true
    } catch (error) {
      const detail = error instanceof Error ? error.name : 'Error'
      observe({ type: 'slice', slice: one.slice.name, problem: 'not-merged', detail })
      return false
    }
  }

  #saved(account: Account, replayed: boolean): void {
    // First: it throws if later changes cannot be replayed on newer data.
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
