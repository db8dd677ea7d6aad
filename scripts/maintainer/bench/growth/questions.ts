import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Benchmark, RunningCandidate } from '../benchmark.ts'
import { type BackendName, hasSessions } from '../candidates.ts'
import { cpuOfProcess, watch } from '../noise.ts'
import type { Kind } from '../session-pages.ts'
import { beginSessions, post, stateOf } from '../visitors.ts'
import { residentOfTree } from './resident.ts'

/** One step of a candidate's growth. */
export interface Row {
  readonly candidate: string
  /** Sessions, bytes, slices or connections. */
  readonly at: number
  /** By what they are, with their units; null where there is none. */
  readonly figures: Readonly<Record<string, number | null>>
  /** How many answers were wrong. */
  readonly wrong: number
  readonly clean: boolean
  readonly other: number
}

/** Options for all questions. */
export interface GrowthOptions {
  readonly seconds: number
  /** Of stored sessions. */
  readonly max: number
}

/** How one quantity changes the cost of a request. */
export interface Question {
  readonly about: string
  readonly unit: string
  /** Candidates unless others are chosen. */
  readonly candidates: readonly string[]
  /** Yields its rows as they are measured. */
  ask(benchmark: Benchmark, running: RunningCandidate, options: GrowthOptions): AsyncGenerator<Row>
}

const STORED = ['db', 'cache-redis', 'file', 'db-postgresql', 'db-mariadb']
const COOKIES = ['signed_cookies-sealed', 'hybrid']
const STORES = ['memory', 'cache-memory', 'cache-memcached', 'cached_db', ...STORED]
const CONNECTIONS = 32
const SESSIONS = 200
// More take hours with one file each, or with a commit that is on the disk for each.
const MAX_SLOW = 100_000
const SLOW = ['file', 'db-postgresql', 'db-mariadb']
const CLEARED = 100_000
const CONCURRENT = 100
const MEMORY_SESSIONS = 10_000

export const QUESTIONS: Readonly<Record<string, Question>> = {
  stored: {
    about: 'Sessions that are stored already, and clearing 100,000 expired ones among them',
    unit: 'sessions',
    candidates: STORED,
    async *ask(benchmark, running, { seconds, max }) {
      let stored = 0
      const limit = SLOW.includes(running.name) ? Math.min(max, MAX_SLOW) : max
      for (const at of [1000, 100_000, 1_000_000].filter((count) => count <= limit)) {
        const fill = await work(running, { type: 'fill', count: at - stored, expired: false })
        const perSecond = ((at - stored) / (fill.milliseconds ?? 1)) * 1000
        stored = at
        const row = await readAndChange(benchmark, running, at, { seconds })
        const toClear = Math.min(CLEARED, limit)
        const expiring = running.candidate.needs?.includes('redis') !== true
        if (expiring) await work(running, { type: 'fill', count: toClear, expired: true })
        const { result, clean, other } = await watch(() => work(running, { type: 'clear' }))
        const cleared = result.cleared ?? 0
        const seconds100k = cleared === 0 ? null : ((result.milliseconds ?? 0) / cleared / 1000) * 100_000
        const figures = { ...row.figures, 'created/s': perSecond, 'clear 100k s': seconds100k }
        yield { ...row, figures, clean: row.clean && clean, other: Math.max(row.other, other) }
      }
    },
  },
  size: {
    about: 'The size of a session',
    unit: 'bytes',
    candidates: [...STORED, 'memory', 'cached_db', 'hybrid'],
    async *ask(benchmark, running, { seconds }) {
      for (const at of [300, 4000, 60_000]) {
        const begin = `begin?bytes=${Math.max(0, at - 300)}`
        yield await readAndChange(benchmark, running, at, { seconds, begin })
      }
    },
  },
  slices: {
    about: 'Slices in a session, of 20 bytes each; the pages use none of them',
    unit: 'slices',
    candidates: ['signed_cookies-sealed', 'memory', 'db', 'cache-redis'],
    async *ask(benchmark, running, { seconds }) {
      for (const at of [1, 4, 16, 64]) {
        yield await readAndChange(benchmark, running, at, { seconds, begin: `begin?slices=${at}` })
      }
    },
  },
  connections: {
    about: 'Requests at once, each of another session',
    unit: 'connections',
    candidates: ['koa', 'signed_cookies-sealed', 'memory', 'db', 'cache-redis', 'cached_db', 'db-postgresql'],
    async *ask(benchmark, running, { seconds }) {
      for (const at of [1, 8, 32, 128, 1024]) {
        yield await readAndChange(benchmark, running, at, {
          seconds,
          connections: at,
          sessions: Math.max(SESSIONS, at),
        })
      }
    },
  },
  hot: {
    about: 'Changes of one session, 100 at once',
    unit: 'changes at once',
    candidates: STORES,
    async *ask(_benchmark, running, { seconds }) {
      yield await hotSession(running, seconds)
    },
  },
  memory: {
    about: 'Memory after 10,000 sessions were begun and read',
    unit: 'sessions',
    candidates: [...COOKIES, ...STORES, 'cache-redis-local', 'cached_db-behind'],
    async *ask(benchmark, running) {
      yield await memoryOf(benchmark, running)
    },
  },
}

type Work = Parameters<RunningCandidate['server']['ask']>[0]['work']

async function work({ server }: RunningCandidate, task: NonNullable<Work>) {
  return await server.ask({ work: task })
}

interface Load {
  readonly seconds: number
  readonly begin?: string
  readonly connections?: number
  readonly sessions?: number
}

/** Milliseconds of CPU time of the servers that a candidate needs. */
async function backendTime({ backends }: Benchmark, { candidate }: RunningCandidate): Promise<number> {
  const pids = await Promise.all((candidate.needs ?? []).map((need) => backends.pidOf(need)))
  return pids.filter((pid) => pid !== undefined).reduce((sum, pid) => sum + cpuOfProcess(pid), 0)
}

async function readAndChange(
  benchmark: Benchmark,
  running: RunningCandidate,
  at: number,
  { seconds, begin = 'begin', connections = CONNECTIONS, sessions = SESSIONS }: Load,
): Promise<Row> {
  const { name, origin, candidate } = running
  const common = { origin, sessions, connections, seconds, begin, revokes: false, hasSessions: hasSessions(candidate) }
  const measure = async (kind: Kind) => {
    const before = await backendTime(benchmark, running)
    const answer = await benchmark.load.ask({ ...common, kind })
    const milliseconds = (await backendTime(benchmark, running)) - before
    // Beginning the sessions and checking them are requests, too.
    const requests = answer.requests + sessions * (kind === 'change' ? 2 : 1)
    return { ...answer, backend: candidate.needs === undefined ? null : (milliseconds * 1000) / requests }
  }
  const { result, clean, other } = await watch(async () => [await measure('read'), await measure('change')] as const)
  const [read, change] = result
  return {
    candidate: name,
    at,
    figures: {
      'read/s': read.requests / read.seconds,
      'read p99 ms': read.p99,
      'read CPU µs': read.cpu,
      'read, server µs': read.backend,
      'change/s': change.requests / change.seconds,
      'change p99 ms': change.p99,
      'change CPU µs': change.cpu,
      'change, server µs': change.backend,
    },
    wrong: [read, change].flatMap(({ wrong }) => Object.values(wrong)).reduce((sum, count) => sum + count, 0),
    clean,
    other,
  }
}

async function hotSession({ name, origin }: RunningCandidate, seconds: number): Promise<Row> {
  const [visitor = { cookie: '' }] = await beginSessions(origin, 1)
  const statuses = new Map<number, number>()
  const { result, clean, other } = await watch(async () => {
    const start = performance.now()
    let last = start
    const rounds: number[] = []
    while (last - start < seconds * 1000) {
      const answers = await Promise.all(Array.from({ length: CONCURRENT }, () => post(origin, 'hit', { ...visitor })))
      for (const { status } of answers) statuses.set(status, (statuses.get(status) ?? 0) + 1)
      rounds.push(performance.now() - last)
      last = performance.now()
    }
    return { elapsed: last - start, slowest: Math.max(...rounds) }
  })
  const saved = (await stateOf(origin, visitor))?.hits ?? 0
  const answered = statuses.get(200) ?? 0
  const refused = [...statuses.values()].reduce((sum, count) => sum + count, 0) - answered
  const figures = {
    'changes/s': (answered / result.elapsed) * 1000,
    'slowest 100 ms': result.slowest,
    refused,
  }
  // A refused change with an unknown result may have been saved.
  return { candidate: name, at: CONCURRENT, figures, wrong: Math.max(0, answered - saved), clean, other }
}

async function memoryOf({ load, backends }: Benchmark, running: RunningCandidate): Promise<Row> {
  const { name, origin, candidate, place } = running
  const backend = async () => {
    let sum = 0
    for (const need of new Set<BackendName>(candidate.needs)) {
      const pid = await backends.pidOf(need)
      sum += pid === undefined ? 0 : residentOfTree(pid)
    }
    return sum
  }
  const inUse = async () => (await work(running, { type: 'memory' })).memory ?? { resident: 0, heap: 0, external: 0 }
  await load.ask({ ...quickly(origin), sessions: CONNECTIONS })
  const [before, beforeBackend, beforeDisk] = [await inUse(), await backend(), bytesUnder(place)]
  await load.ask({ ...quickly(origin), sessions: MEMORY_SESSIONS })
  const after = await inUse()
  const mebibytes = (bytes: number) => bytes / 2 ** 20
  return {
    candidate: name,
    at: MEMORY_SESSIONS,
    figures: {
      'heap MiB': mebibytes(after.heap - before.heap),
      'buffers MiB': mebibytes(after.external - before.external),
      'resident MiB': mebibytes(after.resident - before.resident),
      'resident in all MiB': mebibytes(after.resident),
      'server MiB': mebibytes((await backend()) - beforeBackend),
      'disk MiB': mebibytes(bytesUnder(place) - beforeDisk),
    },
    wrong: 0,
    // Other work takes time, not this memory.
    clean: true,
    other: 0,
  }
}

function quickly(origin: string) {
  return { origin, kind: 'read', connections: CONNECTIONS, seconds: 2, revokes: false, hasSessions: true } as const
}

function bytesUnder(folder: string): number {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce(
      (sum, { parentPath, name }) => sum + (statSync(join(parentPath, name), { throwIfNoEntry: false })?.size ?? 0),
      0,
    )
}
