import { setTimeout as sleep } from 'node:timers/promises'
import type { ClearableStore, ClearWhich } from './store.ts'

/** How {@link clearSessions} goes about it. */
export interface ClearOptions {
  /** Most records of one batch. */
  readonly batch?: number
  /** Milliseconds between batches, in which requests have the storage to themselves. */
  readonly pause?: number
  /** Called after each batch with the number deleted so far. */
  readonly onProgress?: (deleted: number) => void
  /** Asked between batches whether to go on: the place to renew a lease. */
  readonly mayGoOn?: () => Promise<boolean>
  readonly signal?: AbortSignal
}

/**
 * Deletes records batch by batch, and answers how many. Safe beside running applications and beside another clear:
 * each delete checks its condition again.
 *
 * @throws StoreUnavailableError; what was deleted until then stays deleted
 */
export async function clearSessions(
  store: ClearableStore,
  which: ClearWhich,
  { batch = 1000, pause = 20, onProgress, mayGoOn, signal }: ClearOptions = {},
): Promise<number> {
  let deleted = 0
  while (!signal?.aborted) {
    const count = await store.clearBatch(which, batch)
    deleted += count
    if (count > 0) onProgress?.(deleted)
    if (count < batch) break
    await sleep(pause, undefined, signal === undefined ? {} : { signal }).catch(() => {})
    if (signal?.aborted || !((await mayGoOn?.()) ?? true)) break
  }
  return deleted
}
