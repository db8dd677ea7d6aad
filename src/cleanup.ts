import { hash } from 'node:crypto'
import { hostname } from 'node:os'
import type { Services } from './services.ts'
import { within } from './session/core/timeout.ts'
import { type ClearOptions, clearSessions } from './session/stores/clear.ts'
import { DatabaseLease } from './session/stores/database/lease.ts'
import { type ClearableStore, canClear, type SessionStore } from './session/stores/store.ts'
import type { OpenedEngine } from './storage/part.ts'

/** What one round did; `elsewhere`: another process is at it, or was lately. */
export type Round =
  | { outcome: 'done' | 'stopped'; sessions: number; revocations: number }
  | { outcome: 'elsewhere' }
  | { outcome: 'failed'; error: unknown }

/** How a round goes about it. */
export interface RoundOptions extends Pick<ClearOptions, 'batch' | 'pause' | 'onProgress' | 'signal'> {
  /** Milliseconds since 1970. */
  readonly now?: () => number
}

// A timer of Node counts 31 bits of milliseconds, and fires at once beyond.
const LONGEST = 2 ** 31 - 1
// So that an application that restarts often is cleaned up, too.
const FIRST_WITHIN = 300_000
// What stands still is not waited for: the lease ends by itself.
const STOP_WITHIN = 2000

/** Clears what has expired every SESSION_CLEANUP_INTERVAL, until it is stopped. */
export function startCleanup(services: Services, options: RoundOptions = {}): { stop(): Promise<void> } {
  const interval = services.config.session.cleanupInterval * 1000
  if (interval === 0 || !needsClearing(services)) return { stop: async () => {} }
  const stopped = new AbortController()
  const lease = clearingLease(services, 'expired', options.now)
  let timer: NodeJS.Timeout | undefined
  let running: Promise<unknown> = Promise.resolve()
  const after = (milliseconds: number) => {
    if (stopped.signal.aborted) return
    timer = setTimeout(
      () => {
        const round = cleanUp(services, lease, { ...options, signal: stopped.signal }).then((done) =>
          report(services, done),
        )
        // Each process at its own pace, so that they do not ask for the lease all at once.
        running = round.finally(() => after(interval * (0.95 + Math.random() / 10)))
      },
      Math.min(milliseconds, LONGEST),
    )
    timer.unref()
  }
  after(Math.random() * Math.min(interval, FIRST_WITHIN))
  return {
    async stop() {
      stopped.abort()
      clearTimeout(timer)
      await within(running, STOP_WITHIN).catch(() => {})
    },
  }
}

/** One round: at most one process does it in each interval. Never throws. */
export async function cleanUp(services: Services, lease: DatabaseLease, options: RoundOptions = {}): Promise<Round> {
  const { now = Date.now, signal } = options
  // A little less than the interval, or the one that did it last would come just too early.
  const finishedBy = now() - services.config.session.cleanupInterval * 900
  try {
    if (!(await lease.take(finishedBy))) return { outcome: 'elsewhere' }
    try {
      const cleared = await clearExpired(services, { ...options, mayGoOn: () => lease.renew() }, now())
      if (signal?.aborted) return { outcome: 'stopped', ...cleared }
      await lease.finish()
      return { outcome: 'done', ...cleared }
    } finally {
      // Also where it was finished: then nobody owns it any more. Without an answer it ends by itself.
      await lease.release().catch(() => {})
    }
  } catch (error) {
    return { outcome: 'failed', error }
  }
}

/** Deletes the sessions and revocations that have expired by `now` (ms), and answers how many. */
export async function clearExpired(
  opened: OpenedEngine,
  options: ClearOptions,
  now: number,
): Promise<{ sessions: number; revocations: number }> {
  const { onProgress, signal } = options
  let sessions = 0
  for (const store of clearableStores(opened)) {
    const before = sessions
    const progress = { onProgress: (deleted: number) => onProgress?.(before + deleted) }
    sessions += await clearSessions(store, { kind: 'expired', before: now }, { ...options, ...progress })
  }
  const revocations = signal?.aborted ? undefined : (opened.revocations ?? opened.migratingFrom?.revocations)
  return { sessions, revocations: (await revocations?.clear(now, signal)) ?? 0 }
}

/** Every store of the engine, and of the one that sessions migrate from, that keeps expired records until they are cleared. */
export function clearableStores({ store, migratingFrom }: OpenedEngine): (SessionStore & ClearableStore)[] {
  return [store, migratingFrom?.store].filter((one) => one !== undefined).filter(canClear)
}

/**
 * The lease of a kind of clearing. Files are cleared by one process of each machine, as each may have a folder of its
 * own; what is in a database by one process of all.
 */
export function clearingLease(
  { sessionKnex: knex, facts, migratingFrom }: Pick<Services, 'sessionKnex' | 'facts' | 'migratingFrom'>,
  kind: string,
  now: () => number = Date.now,
): DatabaseLease {
  const folder = facts.folder ?? migratingFrom?.facts.folder
  const place = folder === undefined ? '' : ` ${hash('sha256', `${hostname()}\0${folder}`, 'hex').slice(0, 16)}`
  return new DatabaseLease({ knex, name: `clear ${kind}${place}`, now })
}

function needsClearing(opened: OpenedEngine): boolean {
  const revocations = opened.revocations ?? opened.migratingFrom?.revocations
  return revocations !== undefined || clearableStores(opened).length > 0
}

function report({ log }: Services, round: Round): void {
  if (round.outcome === 'failed') {
    log.warn({ err: round.error }, 'expired sessions could not be cleared; the next round tries again')
  } else if (round.outcome === 'elsewhere') log.debug('expired sessions are cleared by another process')
  else log.info(round, 'expired sessions cleared')
}
