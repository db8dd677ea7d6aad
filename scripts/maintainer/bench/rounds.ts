import type { Benchmark, RunningCandidate } from './benchmark.ts'
import { type Candidate, hasSessions, REFERENCE } from './candidates.ts'
import type { Gate } from './gate.ts'
import type { LoadAnswer } from './load.ts'
import { isWrong } from './report.ts'
import { KINDS, type Kind } from './session-pages.ts'
import { share } from './statistics.ts'

/** Options for the measurements. */
export interface LoadOptions {
  /** Of each measurement. */
  readonly seconds: number
  /** Seconds of requests over HTTP right before each measurement, and half as many without before those without. */
  readonly warmUp: number
  readonly sessions: number
  readonly connections: number
}

/** What was seen of one page of one candidate. */
export interface Sample extends LoadAnswer {
  /** Microseconds of CPU time per request without HTTP, in the same process; null where that cannot be asked. */
  readonly inProcess: number | null
  /** The share of one core that other work on the machine took meanwhile. */
  readonly other: number
  readonly clean: boolean
}

/** A candidate's sample between two of bare Koa. */
export interface Bracketed {
  readonly name: string
  readonly candidate: Pick<Candidate, 'beside' | 'floor'>
  readonly sample: Sample
  readonly before: Sample
  readonly after: Sample
}

/** One page of one candidate in one round. It is clean only if the two samples of bare Koa are, too. */
export interface Measurement extends Sample {
  readonly candidate: string
  readonly kind: Kind
  /** From 1. */
  readonly round: number
  readonly requestsPerSecond: number
  /** Answers in a second, as a share of the mean of bare Koa's right before and right after. */
  readonly ratio: number | null
  /** The same ratio of CPU time, which does not depend on the speed of the load or the backend. */
  readonly cpuRatio: number | null
  /**
   * {@link inProcess} as a multiple of that of the hand-written middleware which {@link Candidate.floor} names, or of
   * bare Koa's for a page without a session; both beside the bare Koa around them.
   */
  readonly floorRatio: number | null
  /** {@link ratio} as a share of another candidate's, where {@link Candidate.beside} names one. */
  readonly besideRatio: number | null
}

// V8 compiles a page for good after some ten thousand requests. Until then an engine costs more than it does later, and a
// middleware of thirty lines hardly more.
const FIRST_WARM_UP_SHARE = 1.5
// Bare Koa is measured twice as often as all others, and varies less.
const REFERENCE_SHARE = 0.5
// It is never idle for long: only caches of the processor have other contents, and connections are new.
const REFERENCE_WARM_UP_SHARE = 0.25
// Without a load generator a fraction of the time gives as many requests.
const IN_PROCESS_SHARE = 0.5

// Estimates for a quiet machine of 2 cores: what a load takes beside its duration, to begin and to check a session, and to
// start and to stop a server.
export const SECONDS_PER_LOAD = 0.2
export const SECONDS_PER_SESSION = 0.0005
const SECONDS_PER_SERVER = 1.5

/** How long {@link runRound} takes on a quiet machine, with the start of the servers and of bare Koa. */
export function expectedSeconds(candidates: readonly Pick<Candidate, 'application'>[], options: LoadOptions): number {
  const beside = (visitors: number) => SECONDS_PER_LOAD + visitors * SECONDS_PER_SESSION
  const one = (load: LoadOptions) => (load.warmUp + load.seconds) * (1 + IN_PROCESS_SHARE) + 2 * beside(load.sessions)
  const reference = one(ofReference(options))
  const ofKinds = KINDS.map((kind) => {
    const count = candidates.filter((candidate) => hasPage(candidate, kind)).length
    return count * one(options) + (count + 1) * (secondsOfWarmUp(options) + reference)
  })
  return (candidates.length + 1) * SECONDS_PER_SERVER + ofKinds.reduce((sum, duration) => sum + duration, 0)
}

/** How long {@link requestPages} takes for one page of a candidate. */
export function secondsOfWarmUp({ seconds, sessions }: Pick<LoadOptions, 'seconds' | 'sessions'>): number {
  return 2 * seconds * FIRST_WARM_UP_SHARE + SECONDS_PER_LOAD + sessions * SECONDS_PER_SESSION
}

/**
 * Measures every page of every candidate once, between two measurements of bare Koa.
 *
 * @param benchmark whose first candidate is bare Koa
 * @param round from 1
 * @param onMeasurement receives each measurement as it is made
 */
export async function runRound(
  benchmark: Benchmark,
  round: number,
  options: LoadOptions,
  gate: Gate,
  onMeasurement: (measurement: Measurement) => void,
): Promise<Measurement[]> {
  const [reference, ...candidates] = benchmark.candidates
  if (reference?.name !== REFERENCE) throw new Error('Bare Koa did not start, which everything is compared with.')
  await requestPages(benchmark, options)
  const kept: Measurement[] = []
  const atReference = ofReference(options)
  for (const kind of KINDS) {
    const measured: Bracketed[] = []
    let before = await sampleOf(benchmark, gate, reference, kind, atReference)
    // Rotated, so that no candidate is always first or last.
    for (const running of rotated(candidates, round)) {
      const { name, candidate } = running
      if (!hasPage(candidate, kind)) continue
      const sample = await sampleOf(benchmark, gate, running, kind, options)
      const after = await sampleOf(benchmark, gate, reference, kind, atReference)
      measured.push({ name, candidate, sample, before, after })
      before = after
    }
    for (const measurement of compare(kind, round, measured)) {
      kept.push(measurement)
      onMeasurement(measurement)
    }
  }
  return kept
}

/**
 * Corrects for the drift of the machine: each candidate is compared with the mean of bare Koa around it. Bare Koa itself
 * is compared with its own last sample, which shows how far samples of the same work differ.
 */
export function compare(kind: Kind, round: number, list: readonly Bracketed[]): Measurement[] {
  const ratioOf = ({ sample, before, after }: Bracketed) => share(rate(sample), mean(rate(before), rate(after)))
  const inProcessOf = ({ sample, before, after }: Bracketed) =>
    quotient(sample.inProcess, mean(before.inProcess ?? 0, after.inProcess ?? 0))
  const byName = new Map(list.map((one) => [one.name, one]))
  const candidates = list.map((one) => {
    const { name, candidate, sample, before, after } = one
    const beside = byName.get(candidate.beside ?? '')
    const floor = byName.get(candidate.floor ?? '')
    const [ratio, ofKoa] = [ratioOf(one), inProcessOf(one)]
    return {
      ...sample,
      candidate: name,
      kind,
      round,
      requestsPerSecond: rate(sample),
      other: Math.max(sample.other, before.other, after.other),
      clean: sample.clean && before.clean && after.clean,
      ratio,
      cpuRatio: share(mean(before.cpu, after.cpu), sample.cpu),
      floorRatio: kind === 'none' ? ofKoa : quotient(ofKoa, floor && inProcessOf(floor)),
      besideRatio: quotient(ratio, beside && ratioOf(beside)),
    }
  })
  const references = list.map(({ before, after }) => ({
    ...after,
    candidate: REFERENCE,
    kind,
    round,
    requestsPerSecond: rate(after),
    ratio: share(rate(after), rate(before)),
    cpuRatio: share(before.cpu, after.cpu),
    floorRatio: null,
    besideRatio: null,
  }))
  return [...references, ...candidates]
}

/** Returns whether a candidate has such a page: floors and peers do not change keys. */
export function hasPage({ application }: Pick<Candidate, 'application'>, kind: Kind): boolean {
  return kind !== 'login' || !['floor', 'peer', 'bare-peer'].includes(application)
}

function ofReference({ seconds, connections, ...options }: LoadOptions): LoadOptions {
  const [measured, warmUp] = [seconds * REFERENCE_SHARE, seconds * REFERENCE_WARM_UP_SHARE]
  return { ...options, connections, sessions: connections, seconds: measured, warmUp }
}

/** Requests pages of every candidate, over HTTP and without, before the first measurement. */
export async function requestPages(
  { candidates, load }: Pick<Benchmark, 'candidates' | 'load'>,
  { sessions, connections, seconds }: Omit<LoadOptions, 'warmUp'>,
  kinds: readonly Kind[] = KINDS,
): Promise<void> {
  for (const { origin, candidate, server } of candidates) {
    for (const kind of kinds.filter((kind) => hasPage(candidate, kind))) {
      const request = { kind, sessions, connections, seconds: seconds * FIRST_WARM_UP_SHARE }
      try {
        await load.ask({ ...request, origin, revokes: candidate.revokes, hasSessions: hasSessions(candidate) })
        await server.ask(request)
      } catch {
        // If more than the warm-up fails, its measurements say why.
      }
    }
  }
}

async function sampleOf(
  { load }: Benchmark,
  gate: Gate,
  { origin, candidate, server }: RunningCandidate,
  kind: Kind,
  { sessions, connections, seconds, warmUp }: LoadOptions,
): Promise<Sample> {
  const { revokes } = candidate
  const request = { origin, kind, sessions, connections, seconds, revokes, hasSessions: hasSessions(candidate) }
  const measure = async () => {
    try {
      await load.ask({ ...request, seconds: warmUp })
      const answer = await load.ask(request)
      const inProcess = { kind, sessions, connections, seconds: seconds * IN_PROCESS_SHARE }
      await server.ask({ ...inProcess, seconds: warmUp * IN_PROCESS_SHARE })
      const alone = await server.ask(inProcess)
      return { ...answer, inProcess: alone.cpu ?? null }
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      return { requests: 0, seconds, p50: 0, p99: 0, cpu: 0, inProcess: null, wrong: { [reason]: 1 } }
    }
  }
  const { result, other, clean } = await gate.watch(measure, isWrong)
  return { ...result, other, clean }
}

function rate({ requests, seconds }: Sample): number {
  return requests / seconds
}

function mean(one: number, other: number): number {
  return (one + other) / 2
}

function quotient(part: number | null, whole: number | null | undefined): number | null {
  return part === null || !whole ? null : part / whole
}

function rotated<T>(items: readonly T[], by: number): T[] {
  const start = by % Math.max(1, items.length)
  return [...items.slice(start), ...items.slice(0, start)]
}
