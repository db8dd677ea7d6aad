import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Benchmark, RunningCandidate } from '../benchmark.ts'
import { type BackendName, hasSessions } from '../candidates.ts'
import type { Gate } from '../gate.ts'
import { cpuOfProcess } from '../noise.ts'
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

/** A candidate under test, with what its measurements need. */
export interface Subject {
  readonly benchmark: Benchmark
  readonly running: RunningCandidate
  readonly gate: Gate
  /** Of each measurement, and of the warm-up before it. */
  readonly seconds: number
}

/** What differs among the measurements of a candidate. */
export interface Load {
  readonly begin?: string
  readonly connections?: number
  readonly sessions?: number
}

type Work = Parameters<RunningCandidate['server']['ask']>[0]['work']

export const CONCURRENT = 100
export const MEMORY_SESSIONS = 10_000
export const SESSIONS = 200
export const MEMORY_SECONDS = 2
export const CONNECTIONS = 32

/** Lets the server of a candidate work on its store. */
export async function work({ server }: RunningCandidate, task: NonNullable<Work>) {
  return await server.ask({ work: task })
}

/** Milliseconds of CPU time of the servers that a candidate needs. */
async function backendTime({ backends }: Benchmark, { candidate }: RunningCandidate): Promise<number> {
  const pids = await Promise.all((candidate.needs ?? []).map((need) => backends.pidOf(need)))
  return pids.filter((pid) => pid !== undefined).reduce((sum, pid) => sum + cpuOfProcess(pid), 0)
}

/** Reads and changes of a candidate, each right after a warm-up of the same length. */
export async function readAndChange(
  { benchmark, running, gate, seconds }: Subject,
  at: number,
  { begin = 'begin', connections = CONNECTIONS, sessions = SESSIONS }: Load = {},
): Promise<Row> {
  const { name, origin, candidate } = running
  const common = { origin, sessions, connections, seconds, begin, revokes: false, hasSessions: hasSessions(candidate) }
  const measure = async (kind: Kind) => {
    const warmUp = await benchmark.load.ask({ ...common, kind })
    const before = await backendTime(benchmark, running)
    const answer = await benchmark.load.ask({ ...common, kind })
    const milliseconds = (await backendTime(benchmark, running)) - before
    // Beginning the sessions and checking them are requests, too.
    const requests = answer.requests + sessions * (kind === 'change' ? 2 : 1)
    const backend = candidate.needs === undefined ? null : (milliseconds * 1000) / requests
    return { ...answer, backend, wrongAnswers: counted(warmUp.wrong) + counted(answer.wrong) }
  }
  const measured = async (kind: Kind) =>
    await gate.watch(
      () => measure(kind),
      ({ wrongAnswers }) => wrongAnswers > 0,
    )
  const [reads, changes] = [await measured('read'), await measured('change')]
  const [read, change] = [reads.result, changes.result]
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
    wrong: read.wrongAnswers + change.wrongAnswers,
    clean: reads.clean && changes.clean,
    other: Math.max(reads.other, changes.other),
  }
}

/** Changes of one session at once, again and again. */
export async function hotSession({ running: { name, origin }, gate, seconds }: Subject): Promise<Row> {
  const measure = async () => {
    await hotChanges(origin, seconds)
    return await hotChanges(origin, seconds)
  }
  const { result, clean, other } = await gate.watch(measure, ({ wrong }) => wrong > 0)
  return { candidate: name, at: CONCURRENT, figures: result.figures, wrong: result.wrong, clean, other }
}

async function hotChanges(origin: string, seconds: number) {
  const [visitor = { cookie: '' }] = await beginSessions(origin, 1)
  const start = performance.now()
  let last = start
  let slowest = 0
  let answered = 0
  let refused = 0
  while (last - start < seconds * 1000) {
    const answers = await Promise.all(Array.from({ length: CONCURRENT }, () => post(origin, 'hit', { ...visitor })))
    const right = answers.filter(({ status }) => status === 200).length
    answered += right
    refused += answers.length - right
    slowest = Math.max(slowest, performance.now() - last)
    last = performance.now()
  }
  const saved = (await stateOf(origin, visitor))?.hits ?? 0
  const figures = { 'changes/s': (answered / (last - start)) * 1000, 'slowest 100 ms': slowest, refused }
  // A refused change with an unknown result may have been saved.
  return { figures, wrong: Math.max(0, answered - saved) }
}

/** The memory that sessions take in the application and its servers; what runs beside them takes time, not this memory. */
export async function memoryOf({ benchmark: { load, backends }, running }: Subject): Promise<Row> {
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
    clean: true,
    other: 0,
  }
}

function quickly(origin: string) {
  return {
    origin,
    kind: 'read',
    connections: CONNECTIONS,
    seconds: MEMORY_SECONDS,
    revokes: false,
    hasSessions: true,
  } as const
}

function bytesUnder(folder: string): number {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce(
      (sum, { parentPath, name }) => sum + (statSync(join(parentPath, name), { throwIfNoEntry: false })?.size ?? 0),
      0,
    )
}

function counted(wrong: Readonly<Record<string, number>>): number {
  return Object.values(wrong).reduce((sum, count) => sum + count, 0)
}
