import type { Outcome } from '../../core/outcome.ts'
import type { SignIn } from '../../stores/revocations.ts'
import type { Commit, Committed, Ended, Engine, Loaded } from '../engine.ts'

/** A session between two engines, with the key and the sign-in by which either may know it. */
export type Migrant = Loaded & { readonly signIn?: SignIn | undefined }

/** How {@link Migratable.leave} goes about it. */
export interface Leaving {
  /** When the session ends for requests under way, in milliseconds since 1970; at once by default. */
  readonly until?: number
  /** Whether it was taken over as a sign-in, which the end of all the user's sessions does not reach. */
  readonly signsIn?: boolean
}

/**
 * An engine as migration sees it, with what no other part of the application asks of an engine.
 *
 * Every method throws StoreUnavailableError when the storage cannot answer.
 */
export interface Migratable {
  readonly engine: Engine
  /** A session goes on under the key that it had, so that overlapping requests meet in its record. */
  readonly keepsKeys: boolean
  /** What it adopts is found before it is given out, so that a mark has to say that it does not count yet. */
  readonly needsMark: boolean
  /**
   * Takes over a session of another engine with this request's changes, under the key or the sign-in that `loaded` bears,
   * unless the request changes them; `ended` when that sign-in is.
   *
   * @throws KeyTakenError when it has been taken over already; SessionTooLargeError
   */
  adopt(commit: Commit & { loaded: Migrant }): Promise<Committed>
  /** Forgets a session that another engine has taken over, unless somebody has saved or ended it since it was read. */
  leave(loaded: Migrant, leaving?: Leaving): Promise<Outcome>
  /**
   * The step that decides a migration into a record: puts a mark in the session's place, which leads nobody anywhere,
   * unless somebody has saved or ended it since it was read. A session in a cookie has no place: it only has to be live.
   */
  claim(loaded: Migrant, mark: string): Promise<Outcome>
  /** The text in place of the session with this key, to be compared with a mark; undefined where there is none. */
  claimed(key: string): Promise<string | undefined>
  /**
   * Ends a session that this engine has, or has had.
   *
   * @param loaded as this engine or the other one has read it
   * @param trace what it was known by here, where it has migrated since
   * @throws SessionContendedError
   */
  end(loaded: Migrant, trace?: string): Promise<Ended>
}
