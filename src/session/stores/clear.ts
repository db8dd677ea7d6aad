import { setTimeout as sleep } from 'node:timers/promises'
import type { ClearableStore, ClearWhich } from './store.ts'

/** Options for {@link clearSessions}. */
export interface ClearOptions {
  /** Maximum number of records per batch; 1000 by default. */
  readonly batch?: number
  /** Milliseconds between batches, so that requests are not slowed down; 20 by default. */
  readonly pause?: number
  /** Called after each batch with the number deleted so far. */
  readonly onProgress?: (deleted: number) => void
  /** Called between batches to decide whether to continue, for example to renew a lease. */
  readonly shouldContinue?: () => Promise<boolean>
  /** Stops after the current batch. */
  readonly signal?: AbortSignal
}

/**
 * Deletes records in batches; returns how many. Safe while applications or another clear are running, because each delete
 * checks its condition again.
 *
 * @throws StoreUnavailableError when the storage does not answer; earlier batches stay deleted
 */
export async function clearSessions(
  store: ClearableStore,
  which: ClearWhich,
  { batch = 1000, pause = 20, onProgress, shouldContinue, signal }: ClearOptions = {},
): Promise<number> {
  let deleted = 0
  while (!signal?.aborted) {
    const count = await store.clearBatch(which, batch)
    deleted += count
    if (count > 0) onProgress?.(deleted)
    if (count < batch) break
    await sleep(pause, undefined, signal === undefined ? {} : { signal }).catch(() => {})
    if (signal?.aborted || !((await shouldContinue?.()) ?? true)) break
  }
  return deleted
}
