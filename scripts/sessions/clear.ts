import { SingleBar } from 'cli-progress'
import { Command, InvalidArgumentError } from 'commander'
import { clearSessions } from '../../src/session/stores/clear.ts'
import { type ClearableStore, type ClearWhich, canClear } from '../../src/session/stores/store.ts'
import { duration } from './duration.ts'
import { type Run, recordsOf, WrongUse } from './run.ts'

interface Options {
  olderThan?: number
  inactive?: number
  user?: string
  orphaned?: true
  dryRun?: true
  batch: number
  json?: true
}

/** `sessions clear`: deletes the expired, or the sessions that the options name. */
export function clearCommand(run: Run): Command {
  return new Command('clear')
    .description('Delete expired sessions, or those that an option names; in batches, while the application runs.')
    .option('--older-than <age>', 'sessions begun longer ago than this (30d, 12h, 15m)', duration)
    .option('--inactive <age>', 'sessions without activity for longer than this', duration)
    .option('--user <id>', 'all sessions of one user')
    .option('--orphaned', 'sessions whose user is gone')
    .option('--dry-run', 'only count what would be deleted')
    .option('--batch <n>', 'records per batch', positive, 1000)
    .option('--json', 'print the outcome as JSON')
    .action(async (options: Options) => {
      const which = chosen(options)
      await run(async (opened) => {
        const store = recordsOf(opened)
        if (!canClear(store)) throw new WrongUse(`The ${store.name} engine keeps no records that could be cleared.`)
        const count = options.dryRun ? await store.countClearable(which) : await deleteAll(store, which, options)
        report(count, which, options)
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

async function deleteAll(store: ClearableStore, which: ClearWhich, { batch, json }: Options): Promise<number> {
  if (json || !process.stderr.isTTY) return await clearSessions(store, which, { batch })
  const bar = new SingleBar({ format: 'clearing {bar} {value}/{total}', clearOnComplete: true, stream: process.stderr })
  bar.start(await store.countClearable(which), 0)
  try {
    return await clearSessions(store, which, { batch, onProgress: (deleted) => bar.update(deleted) })
  } finally {
    bar.stop()
  }
}

function report(count: number, which: ClearWhich, { json, dryRun }: Options): void {
  const verb = dryRun ? 'would be deleted' : 'deleted'
  if (json) console.log(JSON.stringify({ kind: which.kind, [dryRun ? 'wouldDelete' : 'deleted']: count }))
  else console.log(`${count} ${count === 1 ? 'session' : 'sessions'} ${verb} (${which.kind})`)
}

function positive(text: string): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1 || value > 100_000)
    throw new InvalidArgumentError('Write a number from 1 to 100000.')
  return value
}
