import type { ExecutionContext } from 'ava'
import type { SessionRecord, SessionStore } from '../../../src/session/stores/store.ts'

/** A store for one test, with a clock that the test moves. */
export interface Bench {
  readonly store: SessionStore
  /** Another connection to the same records, as another process would have. */
  another(): Promise<SessionStore>
  /** Makes the storage unreachable for `store`. */
  breakIt(): Promise<void>
  close(): Promise<void>
}

export interface Traits {
  /** Whether user, address, birth and last activity are kept; where not, that is asserted. */
  readonly keepsMetadata: boolean
  readonly canTellOrphans: boolean
  /** Optional abilities; what is false is asserted to be absent. */
  readonly clears: boolean
  readonly knowsUsers: boolean
  readonly counts: boolean
}

/** A store that can do everything but find orphaned sessions. */
export const EVERYTHING: Traits = {
  keepsMetadata: true,
  canTellOrphans: false,
  clears: true,
  knowsUsers: true,
  counts: true,
}

export const START = Date.parse('2026-03-01T12:00:00.000Z')
export const HOUR = 3_600_000
export const DAY = 24 * HOUR

/** Registers one test of the contract for the store at hand. */
export type Register = (
  title: string,
  body: (t: ExecutionContext, bench: Bench, clock: { now: number }) => Promise<void>,
) => void

/** A live record of user 7, but for the changes. */
export function record(changes: Partial<SessionRecord>): SessionRecord {
  return {
    data: 'data',
    expires: START + HOUR,
    createdAt: START,
    lastActivity: START,
    userId: '7',
    sessionId: null,
    ipAddress: '192.0.2.1',
    userAgent: 'Browser',
    ...changes,
  }
}
