import type { Benchmark, RunningCandidate } from './benchmark.ts'
import { REFERENCE } from './candidates.ts'
import type { LoadAnswer } from './load.ts'
import { KINDS, type Kind } from './pages.ts'

/** Options for the measurements. */
export interface LoadOptions {
  readonly rounds: number
  /** Of each measurement. */
  readonly seconds: number
  readonly sessions: number
  readonly connections: number
}

/** One page of one candidate in one round. */
export interface Measurement extends LoadAnswer {
  readonly candidate: string
  readonly kind: Kind
  /** From 1; the warm-up round is not included. */
  readonly round: number
  /** Answers in a second, as a share of bare Koa's in the same round. */
  readonly ratio: number | null
  /** The same ratio of CPU time, which does not depend on the speed of the load or the backend. */
  readonly cpuRatio: number | null
  /** Microseconds of CPU time per request without HTTP, in the same process. */
  readonly inProcess: number
  /** The same as a multiple of that of the hand-written middleware which {@link Candidate.floor} names. */
  readonly floorRatio: number | null
  /** {@link ratio} as a share of another candidate's, where {@link Candidate.beside} names one. */
  readonly besideRatio: number | null
}

const WARM_UP_SECONDS = 1

/**
 * Measures every page of every candidate once in each round, one after the other, after a short round for warming up.
 *
 * @param onMeasurement receives each measurement as it is made
 */
export async function runRounds(
  benchmark: Benchmark,
  options: LoadOptions,
  onMeasurement: (measurement: Measurement) => void,
): Promise<Measurement[]> {
  const kept: Measurement[] = []
  for (let round = 0; round <= options.rounds; round++) {
    const seconds = round === 0 ? Math.min(WARM_UP_SECONDS, options.seconds) : options.seconds
    for (const kind of KINDS) {
      // Rotated, so that no candidate is always first or last.
      const order = rotated(benchmark.candidates, round)
      const answers = new Map<string, Measured>()
      for (const running of order) answers.set(running.name, await measure(benchmark, running, kind, options, seconds))
      if (round === 0) continue
      for (const { name, candidate } of benchmark.candidates) {
        const answer = answers.get(name)
        if (answer === undefined) continue
        const koa = answers.get(REFERENCE)
        const ratio = share(rate(answer), rate(koa))
        const cpuRatio = share(koa?.cpu ?? 0, answer.cpu)
        const besideRatio = share(rate(answer), rate(answers.get(candidate.beside ?? '')))
        const floorRatio = share(answer.inProcess, answers.get(candidate.floor ?? '')?.inProcess ?? 0)
        const ratios = { ratio, cpuRatio, floorRatio, besideRatio }
        const measurement = { candidate: name, kind, round, ...answer, ...ratios }
        kept.push(measurement)
        onMeasurement(measurement)
      }
    }
  }
  return kept
}

type Measured = LoadAnswer & Pick<Measurement, 'inProcess'>

// Without a load generator a fraction of the time gives as many requests.
const IN_PROCESS_SHARE = 0.2

async function measure(
  { load }: Benchmark,
  { origin, candidate, server }: RunningCandidate,
  kind: Kind,
  { sessions, connections }: LoadOptions,
  seconds: number,
): Promise<Measured> {
  const { revokes, application } = candidate
  const hasSessions = application !== 'koa'
  try {
    const answer = await load.ask({ origin, kind, sessions, connections, seconds, revokes, hasSessions })
    const alone = await server.ask({ kind, sessions, connections, seconds: seconds * IN_PROCESS_SHARE })
    return { ...answer, inProcess: alone.cpu ?? 0 }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    return { requests: 0, seconds, p50: 0, p99: 0, cpu: 0, inProcess: 0, wrong: { [reason]: 1 } }
  }
}

function rate(answer: LoadAnswer | undefined): number {
  return answer === undefined ? 0 : answer.requests / answer.seconds
}

function share(part: number, whole: number): number | null {
  return whole === 0 ? null : part / whole
}

function rotated<T>(items: readonly T[], by: number): T[] {
  const start = by % Math.max(1, items.length)
  return [...items.slice(start), ...items.slice(0, start)]
}
