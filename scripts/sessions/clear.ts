import { SingleBar } from 'cli-progress'
import { Command } from 'commander'
import { clearableStores, clearExpired, clearingLease, clearStores } from '../../src/cleanup.ts'
import type { Services } from '../../src/services.ts'
import type { ClearOptions } from '../../src/session/stores/clear.ts'
import type { ClearWhich } from '../../src/session/stores/store.ts'
import { revocationsOf } from '../../src/storage/part.ts'
import { clearKeys } from './clear-keys.ts'
import { duration, wholeNumber } from './numbers.ts'
import { type Run, UsageError } from './run.ts'

interface Options {
  olderThan?: number
  inactive?: number
  user?: string
  orphaned?: true
  prefix?: string
  version?: number
  force?: true
  dryRun?: true
  batch: number
  pause: number
  json?: true
}

interface Cleared {
  readonly sessions: number
  readonly revocations?: number
  /** Set if sessions of anonymous visitors were left: the cache does not list them. */
  readonly usersOnly?: true
  /** Set if sessions in cookies were ended, too, which cannot be counted. */
  readonly cookies?: true
  /** Why it was not finished. */
  readonly halted?: 'busy' | 'stopped'
}

// How often progress is printed without a terminal.
const PROGRESS_INTERVAL_MS = 10_000

/** `sessions clear`: deletes expired sessions, or those that an option selects. */
export function clearCommand(run: Run): Command {
  return new Command('clear')
    .description('Delete expired sessions, or those that an option selects; in batches, while the application runs.')
    .option('--older-than <age>', 'sessions created longer ago than this (30d, 12h, 15m)', duration)
    .option('--inactive <age>', 'sessions without activity for longer than this', duration)
    .option('--user <id>', 'all sessions of one user')
    .option('--orphaned', 'sessions of deleted users')
    .option(
      '--version <n>',
      'everything in the cache of an older CACHE_VERSION',
      wholeNumber(1, Number.MAX_SAFE_INTEGER),
    )
    .option('--prefix <text>', 'with --version: of an older CACHE_KEY_PREFIX')
    .option('--force', 'with --version: also the one that the application uses')
    .option('--dry-run', 'only count what would be deleted')
    .option('--batch <n>', 'records per batch', wholeNumber(1, 100_000), 1000)
    .option('--pause <ms>', 'milliseconds between batches', wholeNumber(0, 10_000), 20)
    .option('--json', 'print the result as JSON')
    .action(async (options: Options) => {
      const { version } = options
      if (version !== undefined) {
        if (filtersIn(options).length > 0) throw new UsageError('--version has no other filter than --prefix.')
        return await run((services) => clearKeys(services, { ...options, version }))
      }
      if (options.prefix !== undefined || options.force) throw new UsageError('--prefix and --force need --version.')
      const which = readFilter(options)
      await run(async (services) => {
        requireClearable(services, which)
        if (options.dryRun) {
          const counts = await Promise.all(clearableStores(services).map((store) => store.countClearable(which)))
          const sessions = counts.reduce((sum, count) => sum + count, 0)
          return report({ sessions, ...leftIn(services, which) }, which, options)
        }
        report({ ...(await clear(services, which, options)), ...leftIn(services, which) }, which, options)
      })
    })
}

function readFilter(options: Options): ClearWhich {
  const [first = { kind: 'expired', before: Date.now() }, second] = filtersIn(options)
  if (second !== undefined) throw new UsageError('Use only one of --older-than, --inactive, --user and --orphaned.')
  return first
}

function filtersIn(options: Options): ClearWhich[] {
  const now = Date.now()
  const filters: ClearWhich[] = []
  if (options.olderThan !== undefined) filters.push({ kind: 'created', before: now - options.olderThan })
  if (options.inactive !== undefined) filters.push({ kind: 'inactive', before: now - options.inactive })
  if (options.user !== undefined) filters.push({ kind: 'user', userId: options.user })
  if (options.orphaned) filters.push({ kind: 'orphaned' })
  return filters
}

function requireClearable(services: Services, which: ClearWhich): void {
  const onlyUsers = which.kind === 'expired' || which.kind === 'orphaned'
  if (clearableStores(services).some(({ clearsUsersOnly }) => !(clearsUsersOnly && onlyUsers))) return
  const { engine, store, cache } = services
  if (store === undefined) {
    if (services.revocations !== undefined && (which.kind === 'expired' || which.kind === 'user')) return
    throw new UsageError(`The ${engine.name} engine keeps no records to clear: a cookie expires by itself.`)
  }
  throw new UsageError(
    `There is nothing to clear in a cache: ${cache?.name ?? 'it'} deletes expired sessions by itself.`,
  )
}

function leftIn(services: Services, { kind }: ClearWhich): Pick<Cleared, 'usersOnly'> {
  const leaves = kind !== 'user' && clearableStores(services).some(({ clearsUsersOnly }) => clearsUsersOnly)
  return leaves ? { usersOnly: true } : {}
}

async function clear(services: Services, which: ClearWhich, options: Options): Promise<Cleared> {
  const lease = leaseFor(services, which, options)
  if (lease !== undefined && !(await lease.take())) return { sessions: 0, halted: 'busy' }
  const stopped = new AbortController()
  const stop = () => stopped.abort()
  process.once('SIGINT', stop).once('SIGTERM', stop)
  const { batch, pause } = options
  const shouldContinue = async () => (await lease?.renew()) ?? true
  try {
    const cleared = await withProgress(services, which, options, async (onProgress) => {
      const how = { batch, pause, onProgress, shouldContinue, signal: stopped.signal }
      if (which.kind === 'expired') return await clearExpired(services, how, which.before)
      return await clearFiltered(services, which, how)
    })
    if (stopped.signal.aborted) return { ...cleared, halted: 'stopped' }
    await lease?.finish()
    return cleared
  } finally {
    process.off('SIGINT', stop).off('SIGTERM', stop)
    await lease?.release().catch(() => {})
  }
}

/** One lease for each filter: clearing another age is not the same work. */
function leaseFor(services: Services, which: ClearWhich, { olderThan, inactive }: Options) {
  // The reason may be a stolen account, so it is never left to another process.
  if (which.kind === 'user') return undefined
  return clearingLease(services, [which.kind, olderThan ?? inactive].filter((part) => part !== undefined).join(' '))
}

async function clearFiltered(services: Services, which: ClearWhich, options: ClearOptions): Promise<Cleared> {
  const sessions = await clearStores(services, which, options)
  if (which.kind !== 'user' || revocationsOf(services) === undefined) return { sessions }
  // Sessions in cookies have no record, and must end as well if the account was stolen.
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
    let next = performance.now() + PROGRESS_INTERVAL_MS
    return await work((deleted) => {
      if (performance.now() < next) return
      next = performance.now() + PROGRESS_INTERVAL_MS
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
  { sessions, revocations, cookies, usersOnly, halted }: Cleared,
  { kind }: ClearWhich,
  { json, dryRun }: Options,
): void {
  if (halted === 'stopped') process.exitCode = 1
  if (json) {
    const counts = dryRun ? { wouldDelete: sessions } : { deleted: sessions }
    const why = halted === undefined ? {} : { [halted]: true }
    console.log(
      JSON.stringify({
        kind,
        ...counts,
        ...(revocations ? { revocations } : {}),
        ...(cookies && { cookies }),
        ...(usersOnly && { usersOnly }),
        ...why,
      }),
    )
    return
  }
  if (halted === 'busy') {
    console.log(`Another process is clearing these sessions, or was within the last minute: nothing was done (${kind})`)
    return
  }
  const ended = halted === 'stopped' ? ' before it was stopped' : ''
  const verb = dryRun ? 'would be deleted' : 'deleted'
  console.log(`${counted(sessions, 'session')} ${verb}${ended} (${kind})`)
  if (usersOnly) console.log('Sessions of anonymous visitors were left: the cache does not list them')
  if (cookies) console.log('Sessions of this user in cookies have ended, too')
  if (revocations) console.log(`${counted(revocations, 'revocation')} deleted`)
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}
