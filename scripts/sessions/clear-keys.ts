import { setTimeout as sleep } from 'node:timers/promises'
import type { Services } from '../../src/services.ts'
import { requireCache, UsageError } from './run.ts'

/** Which keys are deleted, and how. */
export interface ClearKeysOptions {
  /** CACHE_KEY_PREFIX of the keys; the configured one by default. */
  readonly prefix?: string
  /** CACHE_VERSION of the keys. */
  readonly version: number
  readonly force?: true
  readonly dryRun?: true
  /** Milliseconds between batches. */
  readonly pause: number
  readonly json?: true
}

const PROGRESS_INTERVAL_MS = 10_000

/**
 * Deletes everything in the cache under an older prefix or version.
 *
 * @throws UsageError if the cache cannot list its keys, or the application uses these
 */
export async function clearKeys(services: Services, options: ClearKeysOptions): Promise<void> {
  const { cache } = services
  const { prefix, version, force, dryRun, pause, json } = options
  if (cache === undefined || services.cacheKeys === undefined) {
    throw new UsageError(`The ${services.engine.name} engine has no cache.`)
  }
  if (prefix !== undefined && !/^[\w.-]{1,32}$/.test(prefix)) {
    throw new UsageError('A prefix is 1 to 32 letters, digits, dots, dashes and underscores.')
  }
  const { beginning, inUse, listing, unwritten } = services.cacheKeys({ prefix, version })
  if (listing === undefined) {
    throw new UsageError(`The keys in ${cache.name} cannot be listed: it deletes them when they expire.`)
  }
  await requireCache(services, 'Nothing was deleted.')
  if (!force && !dryRun) {
    if (inUse) {
      throw new UsageError('The application uses this prefix and version: --force deletes its sessions in the cache.')
    }
    if (await unwritten()) {
      throw new UsageError(
        'There are changes that are not in the database yet (write_behind): start the application with this prefix and version once, or lose them with --force.',
      )
    }
  }
  const stopped = new AbortController()
  const stop = () => stopped.abort()
  process.once('SIGINT', stop).once('SIGTERM', stop)
  // A scan may name a key twice.
  const found = new Set<string>()
  let deleted = 0
  let next = performance.now() + PROGRESS_INTERVAL_MS
  try {
    for await (const keys of listing.keys(beginning)) {
      if (dryRun) for (const key of keys) found.add(key)
      else deleted += await listing.remove(keys)
      if (!json && performance.now() > next) {
        next = performance.now() + PROGRESS_INTERVAL_MS
        console.error(`${dryRun ? found.size : deleted} ${dryRun ? 'found' : 'deleted'} so far`)
      }
      if (!stopped.signal.aborted && keys.length > 0) {
        await sleep(pause, undefined, { signal: stopped.signal }).catch(() => {})
      }
      if (stopped.signal.aborted) break
    }
  } finally {
    process.off('SIGINT', stop).off('SIGTERM', stop)
  }
  report(beginning, dryRun ? found.size : deleted, stopped.signal.aborted, options)
}

function report(beginning: string, count: number, stopped: boolean, { dryRun, json }: ClearKeysOptions): void {
  if (stopped) process.exitCode = 1
  if (json) {
    const counts = dryRun ? { wouldDelete: count } : { deleted: count }
    console.log(JSON.stringify({ kind: 'keys', beginning, ...counts, ...(stopped && { stopped }) }))
    return
  }
  const verb = dryRun ? 'would be deleted' : 'deleted'
  const ended = stopped ? ' before it was stopped' : ''
  console.log(
    `${count} ${count === 1 ? 'key' : 'keys'} that ${count === 1 ? 'begins' : 'begin'} with ${beginning} ${verb}${ended}`,
  )
}
