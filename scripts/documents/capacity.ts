import { type Growth, isValid, nameOf, type Row, rounded } from './growth-report.ts'
import { table, wrapped } from './text.ts'

/** Microseconds of CPU time of one request. */
interface Cost {
  readonly candidate: string
  readonly application: number
  /** Of the database or cache server; null if there is none, or it was too little to be measured. */
  readonly server: number | null
}

// A small session, and an application that reads it four times as often as it changes it.
const SMALL = 300
const CHANGES = 0.2
// As in all other questions.
const CONNECTIONS = 32
// Above this share of a core requests begin to queue.
const USABLE = 0.5
const CORES = [1, 4, 16, 64]
const MASTERS = [1, 3, 6]
const WITHOUT_SESSIONS = 'koa'
const POSTGRES = 'db-postgresql'
const REDIS = 'cache-redis'
// A database server uses all its cores, Redis one for commands.
const POSTGRES_CORES = [4, 16]

/** What follows from the CPU time of a request for more cores, processes and machines, marked as derived. */
export function capacity({ questions }: Growth): string[] {
  const rows = leastOf([...rowsAt(questions['size'], SMALL), ...rowsAt(questions['connections'], CONNECTIONS)])
  const costs = rows.flatMap(costOf)
  if (costs.length === 0) return []
  return [
    '### Capacity',
    wrapped(EXPLANATION),
    perCore(rows),
    ...severalMachines(costs),
    ...sessionsInMemory(questions),
  ]
}

function rowsAt(question: Growth['questions'][string] | undefined, at: number): Row[] {
  return (question?.rows ?? []).filter((one) => one.candidate !== WITHOUT_SESSIONS && one.at === at && isValid(one))
}

/** One row for each candidate: the faster of its measurements, as the machine is slower at times. */
function leastOf(rows: readonly Row[]): Row[] {
  const least = new Map<string, Row>()
  for (const row of rows) {
    const known = least.get(row.candidate)
    if (known === undefined || readCost(row) < readCost(known)) least.set(row.candidate, row)
  }
  return [...least.values()]
}

function readCost({ figures }: Row): number {
  return figures['read CPU µs'] ?? Number.POSITIVE_INFINITY
}

const EXPLANATION =
  '**Derived, not measured:** one second of a core, divided by the CPU time of one request in the application and in the database or cache server, with small sessions and 32 requests at once; of two measurements the one with the faster reads. Why: with other sessions, requests share nothing but the core that they run on and the server that they ask, so cores and processes add up until the server is busy. Several machines were not measured together, nor were networks, disks and locks. The pages do nothing but use the session; yours cost more, and need more cores of the application for the same load of the server.'

function perCore(rows: readonly Row[]): string {
  const lines = rows.flatMap(({ candidate, figures }) => {
    const [read, change] = [figures['read CPU µs'], figures['change CPU µs']]
    if (!read || !change) return []
    const server = [figures['read, server µs'], figures['change, server µs']]
    return [[nameOf(candidate), pair([read, change]), server.every((cost) => cost) ? pair(server) : '–']]
  })
  const titles = ['Engine', 'application core', 'server core']
  return `Reads / changes per second:\n\n${table(titles, lines, '---:')}`
}

function pair(costs: readonly (number | null | undefined)[]): string {
  return costs.map((cost) => (cost ? rounded(1_000_000 / cost) : '–')).join(' / ')
}

/** The cost of an average request. */
function costOf({ candidate, figures }: Row): Cost[] {
  const mixed = (name: string) => {
    const [read, change] = [figures[`read${name}`], figures[`change${name}`]]
    return read && change ? read * (1 - CHANGES) + change * CHANGES : null
  }
  const application = mixed(' CPU µs')
  return application === null ? [] : [{ candidate, application, server: mixed(', server µs') }]
}

function severalMachines(costs: readonly Cost[]): string[] {
  const servers = [
    ...POSTGRES_CORES.map((cores) => ({ engine: POSTGRES, name: `PostgreSQL, ${cores} cores`, cores })),
    ...MASTERS.map((cores) => ({
      engine: REDIS,
      name: cores === 1 ? 'one Redis' : `Redis Cluster, ${cores} masters`,
      cores,
    })),
  ]
  const lines = servers.flatMap(({ engine, name, cores }) => {
    const cost = costs.find(({ candidate }) => candidate === engine)
    if (cost === undefined || cost.server === null) return []
    const { application, server } = cost
    const most = (cores * USABLE * 1_000_000) / server
    const ofCores = CORES.map((one) => Math.min((one * USABLE * 1_000_000) / application, most))
    return [[name, ...ofCores.map(rounded), rounded(most), coresWritten(Math.ceil((cores * application) / server))]]
  })
  if (lines.length === 0) return []
  return [
    '#### Several machines',
    wrapped(
      `**Derived, not measured:** requests per second of all machines together, four of five of them reads, with every core half busy, as requests queue above that. The shape is a straight line up to the limit of the server, and then flat: from the number of cores in the last column on, more machines of the application give nothing. For so many cores of the application:`,
    ),
    table(['Sessions in', ...CORES.map(coresWritten), 'limit', 'reached with'], lines, '---:'),
    wrapped(
      'Why: PostgreSQL uses all its cores, but each save also waits for the disk, and replicas do not help, as a session is read where it is written. Beyond its limit put a cache in front, give sessions a separate server, or move them to Redis. Redis uses one core for commands, and in a cluster each master has a part of the keys: every script uses a single key, and keys are spread evenly, so masters add up. One session is always on one master: a hot session does not become faster.',
    ),
  ]
}

function coresWritten(cores: number): string {
  return `${cores.toLocaleString('en')} ${cores === 1 ? 'core' : 'cores'}`
}

const MEBIBYTES_IN_GIBIBYTE = 1024

function sessionsInMemory({ memory }: Growth['questions']): string[] {
  const lines = (memory?.rows ?? []).filter(isValid).flatMap(({ candidate, at, figures }) => {
    const used = Object.entries({ 'the application': ownMemory(figures), 'the server': figures['server MiB'] ?? 0 })
    return used.flatMap(([where, mebibytes]) =>
      mebibytes < MIN_MEBIBYTES || !IN_MEMORY[candidate]?.includes(where)
        ? []
        : [[nameOf(candidate), where, rounded((at / mebibytes) * MEBIBYTES_IN_GIBIBYTE)]],
    )
  })
  if (lines.length === 0) return []
  const hasCacheInMemory = lines.some(([name]) => name === nameOf(CACHE_IN_MEMORY))
  return [
    '#### Sessions in memory',
    wrapped(
      `**Derived:** small sessions in one GiB, from the memory that 10,000 of them take below.${hasCacheInMemory ? LIMIT_OF_CACHE : ''}`,
    ),
    table(['Engine', 'In the memory of', 'Sessions in 1 GiB'], lines, '---:'),
  ]
}

const CACHE_IN_MEMORY = 'cache-memory'
const LIMIT_OF_CACHE =
  ' A cache in memory takes 64 MiB, a sixteenth of that, unless `MemoryCache` is given another `maxBytes`.'
// Less is within what two measurements of the same differ by.
const MIN_MEBIBYTES = 2
// Others have only copies there, or pages of a pool.
const IN_MEMORY: Readonly<Record<string, readonly string[]>> = {
  memory: ['the application'],
  [CACHE_IN_MEMORY]: ['the application'],
  [REDIS]: ['the server'],
  'cache-memcached': ['the server'],
}

function ownMemory(figures: Row['figures']): number {
  return (figures['heap MiB'] ?? 0) + (figures['buffers MiB'] ?? 0)
}
