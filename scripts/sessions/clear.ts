import { SingleBar } from 'cli-progress'
import { Command } from 'commander'
import { clearableStores, clearExpired, clearingLease } from '../../src/cleanup.ts'
import type { Services } from '../../src/services.ts'
import { type ClearOptions, clearSessions } from '../../src/session/stores/clear.ts'
import type { ClearWhich } from '../../src/session/stores/store.ts'
import { duration, wholeNumber } from './numbers.ts'
import { type Run, requireCache, WrongUse } from './run.ts'

interface Options {
  olderThan?: number
  inactive?: number
  user?: string
  orphaned?: true
  dryRun?: true
  batch: number
  pause: number
  json?: true
}

interface Cleared {
  readonly sessions: number
  readonly revocations?: number
  /** Ended as well: what the user's cookies hold, which nobody can count. */
  readonly cookies?: true
  /** Why not all of it was done. */
  readonly halted?: 'busy' | 'stopped'
}

// How often a run that nobody watches says how far it is.
const NEWS_EVERY = 10_000
const OWN_COPIES = 'CACHE_URL is memory: the application may go on with copies of its own. Restart it to end them now.'

/** `sessions clear`: deletes the expired, or the sessions that the options name. */
export function clearCommand(run: Run): Command {
  return new Command('clear')
    .description('Delete expired sessions, or those that an option names; in batches, while the application runs.')
    .option('--older-than <age>', 'sessions begun longer ago than this (30d, 12h, 15m)', duration)
    .option('--inactive <age>', 'sessions without activity for longer than this', duration)
    .option('--user <id>', 'all sessions of one user')
    .option('--orphaned', 'sessions whose user is gone')
    .option('--dry-run', 'only count what would be deleted')
    .option('--batch <n>', 'records per batch', wholeNumber(1, 100_000), 1000)
    .option('--pause <ms>', 'milliseconds between batches', wholeNumber(0, 10_000), 20)
    .option('--json', 'print the outcome as JSON')
    .action(async (options: Options) => {
      const which = chosen(options)
      await run(async (services) => {
        requireClearable(services, which)
        if (options.dryRun) {
          const counts = await Promise.all(clearableStores(services).map((store) => store.countClearable(which)))
          return report({ sessions: counts.reduce((sum, count) => sum + count, 0) }, which, options)
        }
        // Copies of what is not expired must go too.
        if (which.kind !== 'expired') await requireCache(services, 'It may hold copies of them: nothing was deleted.')
        report(await clear(services, which, options), which, options)
        if (which.kind !== 'expired' && services.cacheIsOwn) console.error(OWN_COPIES)
      })
    })
}

function chosen(options: Options): ClearWhich {
  const now = Date.now()
  const asked: ClearWhich[] = []
  if (options.olderThan !== undefined) asked.push({ kind: 'created', before: now - options.olderThan })
  if (options.inactive !== undefined) asked.push({ kind: 'inactive', before: now - options.inactive })
  if (options.user !== undefined) asked.push({ kind: 'user', userId: options.user })
  if (options.orphaned) asked.push({ kind: 'orphaned' })
  const [first = { kind: 'expired', before: now }, second] = asked
  if (second !== undefined) throw new WrongUse('Name one of --older-than, --inactive, --user and --orphaned at a time.')
  return first
}

function requireClearable(services: Services, which: ClearWhich): void {
  if (clearableStores(services).length > 0) return
  const { engine, store, cache } = services
  if (store === undefined) {
    if (services.revocations !== undefined && (which.kind === 'expired' || which.kind === 'user')) return
    throw new WrongUse(`The ${engine.name} engine keeps no records that could be cleared: a cookie expires by itself.`)
  }
  throw new WrongUse(`There is nothing to clear in a cache: ${cache?.name ?? 'it'} forgets expired sessions by itself.`)
}

async function clear(services: Services, which: ClearWhich, options: Options): Promise<Cleared> {
  const lease = leaseFor(services, which, options)
  if (lease !== undefined && !(await lease.take())) return { sessions: 0, halted: 'busy' }
  const stopped = new AbortController()
  const stop = () => stopped.abort()
  process.once('SIGINT', stop).once('SIGTERM', stop)
  const { batch, pause } = options
  const mayGoOn = async () => (await lease?.renew()) ?? true
  try {
    const cleared = await withProgress(services, which, options, async (onProgress) => {
      const how = { batch, pause, onProgress, mayGoOn, signal: stopped.signal }
      if (which.kind === 'expired') return await clearExpired(services, how, which.before)
      return await clearEach(services, which, how)
    })
    if (stopped.signal.aborted) return { ...cleared, halted: 'stopped' }
    await lease?.finish()
    return cleared
  } finally {
    process.off('SIGINT', stop).off('SIGTERM', stop)
    await lease?.release().catch(() => {})
  }
}

/** One lease for each work: whoever asks for another age must not be told that it is being done. */
function leaseFor(services: Services, which: ClearWhich, { olderThan, inactive }: Options) {
  // Ended for a reason, such as a stolen account: never left to anybody else.
  if (which.kind === 'user') return undefined
  return clearingLease(services, [which.kind, olderThan ?? inactive].filter((part) => part !== undefined).join(' '))
}

async function clearEach(services: Services, which: ClearWhich, options: ClearOptions): Promise<Cleared> {
  let sessions = 0
  for (const store of clearableStores(services)) {
    const before = sessions
    const onProgress = (deleted: number) => options.onProgress?.(before + deleted)
    sessions += await clearSessions(store, which, { ...options, onProgress })
  }
  if (which.kind !== 'user' || (services.revocations ?? services.migratingFrom?.revocations) === undefined) {
    return { sessions }
  }
  // What cookies hold is no record, and a user whose account was stolen must be out of all of it.
  await services.engine.endUser(which.userId)
  return { sessions, cookies: true }
}

async function withProgress<T>(
  services: Services,
  which: ClearWhich,
  { json }: Options,
  work: (onProgress: (deleted: number) => void) => Promise<T>,
): Promise<T> {
  if (json) return await work(() => {})
  if (!process.stderr.isTTY) {
    let next = performance.now() + NEWS_EVERY
    return await work((deleted) => {
      if (performance.now() < next) return
      next = performance.now() + NEWS_EVERY
      console.error(`${deleted} deleted so far`)
    })
  }
  const bar = new SingleBar({ format: 'clearing {bar} {value}/{total}', clearOnComplete: true, stream: process.stderr })
  const counts = await Promise.all(clearableStores(services).map((store) => store.countClearable(which)))
  bar.start(
    counts.reduce((sum, count) => sum + count, 0),
    0,
  )
  try {
    return await work((deleted) => bar.update(deleted))
  } finally {
    bar.stop()
  }
}

function report(
  { sessions, revocations, cookies, halted }: Cleared,
  { kind }: ClearWhich,
  { json, dryRun }: Options,
): void {
  if (halted === 'stopped') process.exitCode = 1
  if (json) {
    const counts = dryRun ? { wouldDelete: sessions } : { deleted: sessions }
    const why = halted === undefined ? {} : { [halted]: true }
    console.log(
      JSON.stringify({ kind, ...counts, ...(revocations ? { revocations } : {}), ...(cookies && { cookies }), ...why }),
    )
    return
  }
  if (halted === 'busy') {
    console.log(`Another process was clearing these sessions within the last minute: left to it (${kind})`)
    return
  }
  const ended = halted === 'stopped' ? ' before it was stopped' : ''
  const verb = dryRun ? 'would be deleted' : 'deleted'
  console.log(`${counted(sessions, 'session')} ${verb}${ended} (${kind})`)
  if (cookies) console.log('What the cookies of this user hold has ended, too')
  if (revocations)
    console.log(`${counted(revocations, 'entry of ended sign-ins', 'entries of ended sign-ins')} deleted`)
}

function counted(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`
}
