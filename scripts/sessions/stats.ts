import { Command } from 'commander'
import type { Services } from '../../src/services.ts'
import { hasStatistics, type StoreStatistics } from '../../src/session/stores/store.ts'
import { newestPrefix } from '../../src/storage/open.ts'
import type { OpenedEngine } from '../../src/storage/part.ts'
import { messageOf } from '../../src/storage/records.ts'
import { causeOf, type Run, recordsOf, UsageError } from './run.ts'

/** The output of the command. */
interface Figures {
  readonly engine: string
  /** Absent if the engine cannot count its sessions; then only the migration is shown. */
  readonly statistics?: StoreStatistics
  readonly cache?: { readonly name: string; readonly answers: boolean; readonly problem?: string }
  readonly migratingFrom?: Remaining
  readonly migratingTo?: Remaining
  /** Live sessions that still need SECRET_KEY_FALLBACKS; null if they cannot be counted. Absent if it is empty. */
  readonly needOlderSecrets?: number | null
}

interface Remaining {
  readonly engine: string
  /** Live sessions there; null if they cannot be counted. */
  readonly left: number | null
}

const DAY_SECONDS = 86_400

/** `sessions stats`: counts sessions by state, age and size. */
export function statsCommand(run: Run): Command {
  return new Command('stats')
    .description('Count the sessions: live, expired, signed in, by age, and the ten largest.')
    .option('--json', 'print the figures as JSON')
    .action(async ({ json }: { json?: true }) => {
      await run(async (services) => {
        const figures = await figuresOf(services)
        const { statistics, ...rest } = figures
        if (json) console.log(JSON.stringify({ ...rest, ...statistics }))
        else console.log(table(figures, services).join('\n'))
      })
    })
}

async function figuresOf(services: Services): Promise<Figures> {
  const { engine, store, migrating, cache, config } = services
  const common = {
    engine: engine.name,
    ...(cache === undefined ? {} : { cache: await stateOf(cache) }),
    ...(migrating && { [migrating.moves ? 'migratingFrom' : 'migratingTo']: await remainingIn(migrating.other) }),
  }
  const rotates = config.secrets.length > 1
  if (store !== undefined && hasStatistics(store)) {
    const { beginning, ...statistics } = await store.statistics(newestPrefix(config))
    // Some sessions are elsewhere.
    const countsAll = beginning !== undefined && migrating === undefined && services.facts.inCookies === 'none'
    return {
      ...common,
      statistics,
      ...(rotates && { needOlderSecrets: countsAll ? statistics.live - beginning : null }),
    }
  }
  if (migrating !== undefined || rotates) return { ...common, ...(rotates && { needOlderSecrets: null }) }
  recordsOf(services)
  throw new UsageError(`The ${engine.name} engine cannot count its sessions: ${cache?.name ?? 'it'} only knows keys.`)
}

async function stateOf(cache: NonNullable<OpenedEngine['cache']>): Promise<NonNullable<Figures['cache']>> {
  try {
    await cache.ping()
    return { name: cache.name, answers: true }
  } catch (error) {
    return { name: cache.name, answers: false, problem: messageOf(causeOf(error)) }
  }
}

async function remainingIn({ engine, store }: OpenedEngine): Promise<Remaining> {
  const countable = store !== undefined && hasStatistics(store)
  return { engine: engine.name, left: countable ? (await store.statistics()).live : null }
}

function table(figures: Figures, { facts: { inCookies }, config }: Services): string[] {
  const { engine, statistics, cache, migratingFrom, migratingTo, needOlderSecrets } = figures
  const age = `${Math.ceil(config.session.expiry.cookieAge / DAY_SECONDS)} days (SESSION_COOKIE_AGE)`
  return [
    ...(statistics === undefined ? [`Sessions in ${engine} cannot be counted`] : counts(engine, statistics)),
    ...(inCookies === 'small' ? ['Sessions in cookies are not included'] : []),
    ...(cache === undefined ? [] : [cacheLine(cache)]),
    ...(migratingFrom === undefined ? [] : [migrationLine(migratingFrom, age)]),
    ...(migratingTo === undefined ? [] : [nextLine(migratingTo)]),
    ...(needOlderSecrets === undefined ? [] : [secretsLine(needOlderSecrets, age)]),
  ]
}

function counts(engine: string, { total, live, expired, authenticated, ages, largest }: StoreStatistics): string[] {
  // Django's table and files know neither users nor ages; otherwise every live session has an age.
  const known = live === 0 || ages.underDay + ages.underWeek + ages.overWeek > 0
  const figures: [string, number | string][] = [
    ['total', total],
    ['live', live],
    ['expired', expired],
    ['signed in', known ? authenticated : 'unknown'],
    ['under 1 day old', known ? ages.underDay : 'unknown'],
    ['under 1 week old', known ? ages.underWeek : 'unknown'],
    ['over 1 week old', known ? ages.overWeek : 'unknown'],
  ]
  const lines = figures.map(([name, value]) => `  ${name.padEnd(18)}${String(value).padStart(10)}`)
  // Without keys: even hashed ones do not belong on a terminal.
  const large = largest.map(({ bytes, userId, createdAt }) => {
    const owner = userId === null ? (known ? 'anonymous' : 'user unknown') : `user ${userId}`
    return `  ${String(bytes).padStart(8)} bytes  ${owner}, ${createdText(createdAt)}`
  })
  return [`Sessions (${engine})`, ...lines, ...(large.length > 0 ? ['Largest', ...large] : [])]
}

function createdText(createdAt: number): string {
  return createdAt > 0 ? `since ${new Date(createdAt).toISOString().slice(0, 16).replace('T', ' ')} UTC` : 'age unknown'
}

function cacheLine({ name, answers, problem }: NonNullable<Figures['cache']>): string {
  return answers ? `The cache (${name}) answers` : `The cache (${name}) does not answer: ${problem}`
}

function migrationLine({ engine, left }: Remaining, age: string): string {
  if (left === null)
    return `Sessions in ${engine} cannot be counted: remove SESSION_MOVING_FROM when every process has had it for ${age}`
  return left === 0
    ? `Nothing is left in ${engine}: remove SESSION_MOVING_FROM, if every process has it`
    : `${left} left to migrate from ${engine}`
}

function nextLine({ engine, left }: Remaining): string {
  const found = left === null ? '' : `, ${left} there by now`
  return `Sessions are also found in ${engine}${found}: when every process has SESSION_MOVING_TO, let them move`
}

function secretsLine(left: number | null, age: string): string {
  if (left === null)
    return `Remove the old secret from SECRET_KEY_FALLBACKS when every process has had the new SECRET_KEY for ${age}`
  return left === 0
    ? 'No session needs SECRET_KEY_FALLBACKS: remove the old secret, if every process has the new SECRET_KEY'
    : `${left} sessions still need SECRET_KEY_FALLBACKS`
}
