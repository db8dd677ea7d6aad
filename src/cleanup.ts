import { hash } from 'node:crypto'
import { hostname } from 'node:os'
import { FailedAttempts } from './failed-attempts.ts'
import type { Services } from './services.ts'
import { withTimeout } from './session/core/timeout.ts'
import { type ClearOptions, clearSessions } from './session/stores/clear.ts'
import { DatabaseLease } from './session/stores/database/lease.ts'
import { type ClearableStore, type ClearWhich, canClear, type SessionStore } from './session/stores/store.ts'
import { type OpenedEngine, revocationsOf } from './storage/part.ts'

/** The result of one clean-up; `skipped`: another process is doing it, or did it recently. */
export type CleanupResult =
  | { outcome: 'done' | 'stopped'; sessions: number; revocations: number }
  | { outcome: 'skipped' }
  | { outcome: 'failed'; error: unknown }

/** Options for a clean-up. */
export interface CleanupOptions extends Pick<ClearOptions, 'batch' | 'pause' | 'onProgress' | 'signal'> {
  /** Milliseconds since 1970; `Date.now` by default. */
  readonly now?: () => number
}

// Node's timers have 31 bits; longer ones fire at once.
const MAX_TIMER_MS = 2 ** 31 - 1
// Short, so that an application that restarts often is cleaned up, too.
const MAX_FIRST_DELAY_MS = 300_000
// A clean-up that hangs is not waited for: its lease expires.
const STOP_TIMEOUT_MS = 2000

/** Clears expired sessions and counters of failed attempts every SESSION_CLEANUP_INTERVAL until it is stopped. */
export function startCleanup(services: Services, options: CleanupOptions = {}): { stop(): Promise<void> } {
  const interval = services.config.session.cleanupInterval * 1000
  if (interval === 0) return { stop: async () => {} }
  const stopped = new AbortController()
  const lease = clearingLease(services, 'expired', options.now)
  let timer: NodeJS.Timeout | undefined
  let running: Promise<unknown> = Promise.resolve()
  const schedule = (milliseconds: number) => {
    if (stopped.signal.aborted) return
    timer = setTimeout(
      () => {
        const cleaned = cleanUp(services, lease, { ...options, signal: stopped.signal })
        // With jitter, so that processes do not all ask for the lease at the same time.
        running = cleaned
          .then((result) => logResult(services, result))
          .finally(() => schedule(interval * (0.95 + Math.random() / 10)))
      },
      Math.min(milliseconds, MAX_TIMER_MS),
    )
    timer.unref()
  }
  schedule(Math.random() * Math.min(interval, MAX_FIRST_DELAY_MS))
  return {
    async stop() {
      stopped.abort()
      clearTimeout(timer)
      await withTimeout(running, STOP_TIMEOUT_MS).catch(() => {})
    },
  }
}

/** Cleans up once, unless another process has done so in this interval. Never throws. */
export async function cleanUp(
  services: Services,
  lease: DatabaseLease,
  options: CleanupOptions = {},
): Promise<CleanupResult> {
  const { now = Date.now, signal } = options
  // Slightly less than the interval, or the process that did it last would come just too early.
  const finishedBy = now() - services.config.session.cleanupInterval * 900
  try {
    if (!(await lease.take(finishedBy))) return { outcome: 'skipped' }
    try {
      const cleared = await clearExpired(services, { ...options, shouldContinue: () => lease.renew() }, now())
      if (signal?.aborted) return { outcome: 'stopped', ...cleared }
      await lease.finish()
      return { outcome: 'done', ...cleared }
    } finally {
      // After finish() this does nothing. If the database does not answer, the lease expires.
      await lease.release().catch(() => {})
    }
  } catch (error) {
    return { outcome: 'failed', error }
  }
}

/**
 * Deletes the sessions, the revocations and the counters of failed attempts that have expired by `now` (ms since 1970), and
 * returns how many sessions and revocations.
 */
export async function clearExpired(
  services: Services,
  options: ClearOptions,
  now: number,
): Promise<{ sessions: number; revocations: number }> {
  const sessions = await clearStores(services, { kind: 'expired', before: now }, options)
  const { signal } = options
  await new FailedAttempts(services.knex).clear(now, signal)
  const revocations = signal?.aborted ? undefined : revocationsOf(services)
  return { sessions, revocations: (await revocations?.clear(now, signal)) ?? 0 }
}

/** Deletes these sessions from every store that is cleared, and returns how many. */
export async function clearStores(opened: OpenedEngine, which: ClearWhich, options: ClearOptions): Promise<number> {
  let sessions = 0
  for (const store of clearableStores(opened)) {
    const before = sessions
    const onProgress = (deleted: number) => options.onProgress?.(before + deleted)
    sessions += await clearSessions(store, which, { ...options, onProgress })
  }
  return sessions
}

/** The stores that keep expired records until they are cleared: of the engine, and of the other one while sessions migrate. */
export function clearableStores({ store, migrating }: OpenedEngine): (SessionStore & ClearableStore)[] {
  return [store, migrating?.other.store].filter((found) => found !== undefined).filter(canClear)
}

/**
 * The lease for a kind of clearing. Files are cleared by one process per machine, as each may have a separate folder;
 * a database by one process of all.
 */
export function clearingLease(
  { sessionKnex: knex, facts, migrating }: Pick<Services, 'sessionKnex' | 'facts' | 'migrating'>,
  kind: string,
  now: () => number = Date.now,
): DatabaseLease {
  const folder = facts.folder ?? migrating?.other.facts.folder
  const suffix = folder === undefined ? '' : ` ${hash('sha256', `${hostname()}\0${folder}`, 'hex').slice(0, 16)}`
  return new DatabaseLease({ knex, name: `clear ${kind}${suffix}`, now })
}

/** Logs the result of a clean-up. */
export function logResult({ log }: Pick<Services, 'log'>, result: CleanupResult): void {
  if (result.outcome === 'failed') {
    log.warn({ err: result.error }, 'clearing expired sessions failed; it is tried again after the interval')
  } else if (result.outcome === 'skipped') log.debug('expired sessions are cleared by another process')
  else log.info(result, 'expired sessions cleared')
}
