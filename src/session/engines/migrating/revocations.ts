import type { DatabaseRevocations } from '../../stores/database/database-revocations.ts'
import type { RevocationState, Revocations } from '../../stores/revocations.ts'

/** Options for {@link MigratingRevocations}. */
export interface MigratingRevocationsOptions {
  readonly target: DatabaseRevocations
  readonly source: DatabaseRevocations
  /** Whether every process writes to both, so that what is only in the source can be copied. */
  readonly moves: boolean
  /** Returns milliseconds since 1970; Date.now by default. */
  readonly now?: () => number
}

/**
 * Two tables of revocations that count together, while these migrate to another database. Everything is written to both,
 * first to the source; what is older is copied when a process starts.
 */
export class MigratingRevocations implements Revocations {
  readonly #source: DatabaseRevocations
  readonly #target: DatabaseRevocations
  readonly #moves: boolean
  readonly #now: () => number

  constructor({ source, target, moves, now = Date.now }: MigratingRevocationsOptions) {
    this.#source = source
    this.#target = target
    this.#moves = moves
    this.#now = now
  }

  /** Checks both tables, and copies what the target lacks. @throws as {@link DatabaseRevocations.assertReady} */
  async assertReady(): Promise<void> {
    await Promise.all([this.#source.assertReady(), this.#target.assertReady()])
    if (this.#moves) await this.#source.copyTo(this.#target)
  }

  async check(userId: string, signInId: string): Promise<RevocationState> {
    const [one, other] = await Promise.all([this.#source.check(userId, signInId), this.#target.check(userId, signInId)])
    const { epoch, kept } = one.epoch > other.epoch ? one : other
    return { epoch, kept, ended: one.ended || other.ended, successor: one.successor ?? other.successor }
  }

  async endSession(signInId: string, expires: number, from?: number, successorId?: string): Promise<void> {
    await this.#source.endSession(signInId, expires, from, successorId)
    await this.#target.endSession(signInId, expires, from, successorId)
  }

  async endUser(userId: string, expires: number, exceptId?: string): Promise<void> {
    // The same time in both: a sign-in in between has the epoch of the first.
    const at = this.#now()
    await this.#source.endUser(userId, expires, exceptId, at)
    await this.#target.endUser(userId, expires, exceptId, at)
  }

  async clear(before: number, signal?: AbortSignal): Promise<number> {
    return (await this.#source.clear(before, signal)) + (await this.#target.clear(before, signal))
  }
}
