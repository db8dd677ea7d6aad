import { REFERENCE } from './candidates.ts'
import type { Contestant, Field } from './field.ts'
import type { LoadAnswer } from './load.ts'
import { KINDS, type Kind } from './pages.ts'

/** How long and how hard. */
export interface Effort {
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
  /** From 1; what is measured to warm up is not kept. */
  readonly round: number
  /** Answers in a second, as a share of bare Koa's in the same round. */
  readonly ratio: number | null
  /** The same by the processor's time alone, which neither a slow load nor a slow backend can flatter. */
  readonly cpuRatio: number | null
  /** {@link ratio} as a share of another candidate's, where {@link Candidate.beside} names one. */
  readonly besideRatio: number | null
}

const WARM_UP = 1

/**
 * Measures every page of every candidate once in each round, one after the other, after a short round for warming up.
 *
 * @param tell is given each measurement as it is made
 */
export async function runRounds(
  field: Field,
  effort: Effort,
  tell: (measurement: Measurement) => void,
): Promise<Measurement[]> {
  const kept: Measurement[] = []
  for (let round = 0; round <= effort.rounds; round++) {
    const seconds = round === 0 ? Math.min(WARM_UP, effort.seconds) : effort.seconds
    for (const kind of KINDS) {
      // Whoever is first or last should not always be so.
      const order = rotated(field.contestants, round)
      const answers = new Map<string, LoadAnswer>()
      for (const contestant of order)
        answers.set(contestant.name, await measure(field, contestant, kind, effort, seconds))
      if (round === 0) continue
      for (const { name, candidate } of field.contestants) {
        const answer = answers.get(name)
        if (answer === undefined) continue
        const koa = answers.get(REFERENCE)
        const ratio = share(rate(answer), rate(koa))
        const cpuRatio = share(koa?.cpu ?? 0, answer.cpu)
        const besideRatio = share(rate(answer), rate(answers.get(candidate.beside ?? '')))
        const measurement = { candidate: name, kind, round, ...answer, ratio, cpuRatio, besideRatio }
        kept.push(measurement)
        tell(measurement)
      }
    }
  }
  return kept
}

async function measure(
  { load }: Field,
  { origin, candidate }: Contestant,
  kind: Kind,
  { sessions, connections }: Effort,
  seconds: number,
): Promise<LoadAnswer> {
  const { revokes, application } = candidate
  const hasSessions = application !== 'koa'
  try {
    return await load.ask({ origin, kind, sessions, connections, seconds, revokes, hasSessions })
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    return { requests: 0, seconds, p50: 0, p99: 0, cpu: 0, wrong: { [reason]: 1 } }
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
