import type { Outcome } from '../../core/outcome.ts'
import type { SignIn } from '../../stores/revocations.ts'
import type { Commit, Committed, Ended, Engine, Loaded } from '../engine.ts'

/** A session that migrates between two engines, with its key and sign-in. */
export type MigratingSession = Loaded & { readonly signIn?: SignIn | undefined }

/** Options for {@link Migratable.leave}. */
export interface LeaveOptions {
  /** When the session ends for requests under way, in milliseconds since 1970; immediately by default. */
  readonly until?: number
  /** Whether it was adopted by a sign-in, which ending all of the user's sessions does not affect; false by default. */
  readonly signsIn?: boolean
}

/**
 * An engine with the methods that only migration needs.
 *
 * Every method throws StoreUnavailableError when the storage does not answer.
 */
export interface Migratable {
  readonly engine: Engine
  /** Whether a session keeps its key, so that overlapping requests meet in its record. */
  readonly keepsKeys: boolean
  /** Whether an adopted session can be found before its cookie is sent, so that a mark must say it is not valid yet. */
  readonly needsMark: boolean
  /**
   * Adopts a session of another engine with this request's changes, with the key or the sign-in of `loaded`, unless the
   * request changes them; `ended` if that sign-in was ended.
   *
   * @throws KeyTakenError if it was adopted already; SessionTooLargeError
   */
  adopt(commit: Commit & { loaded: MigratingSession }): Promise<Committed>
  /** Removes a session that another engine has adopted, unless it was saved or ended since it was read. */
  leave(loaded: MigratingSession, leaving?: LeaveOptions): Promise<Outcome>
  /**
   * Decides a migration into a record: replaces the session by a mark, unless it was saved or ended since it was read. A
   * session in a cookie only has to be live.
   */
  claim(loaded: MigratingSession, mark: string): Promise<Outcome>
  /** The mark that replaced the session with this key; undefined if there is no record. */
  claimed(key: string): Promise<string | undefined>
  /**
   * Ends a session that this engine has or had.
   *
   * @param loaded as this or the other engine read it
   * @param trace its key or sign-in id in this engine, if it has migrated since
   * @throws SessionContendedError
   */
  end(loaded: MigratingSession, trace?: string): Promise<Ended>
}
