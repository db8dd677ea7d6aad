import type { Gate } from './gate.ts'
import { median, rangeOf } from './statistics.ts'

/** The median of the clean rounds of one subject. */
export interface Repeated {
  readonly value: number | null
  readonly range: readonly [number, number] | null
  /** Whether most rounds were clean, and all answers right. */
  readonly clean: boolean
  /** How many answers were wrong. */
  readonly wrong: number
}

/** One measurement: a figure, and how many answers were wrong. */
export interface Measured {
  readonly value: number
  readonly wrong: number
}

/**
 * Measures subjects in turn, in so many rounds, so that drift affects all of them; each right after a warm-up of the same
 * length, as others had their turn since.
 */
export async function repeated<T>(
  subjects: readonly T[],
  rounds: number,
  gate: Gate,
  measure: (subject: T, isWarmUp: boolean) => Promise<Measured>,
): Promise<Repeated[]> {
  const samples = subjects.map((subject) => ({ subject, values: [] as number[], wrong: 0 }))
  for (let round = 1; round <= rounds; round++) {
    for (const sample of samples) {
      const { result, clean } = await gate.watch(
        async () => {
          const warmUp = await measure(sample.subject, true)
          const { value, wrong } = await measure(sample.subject, false)
          return { value, wrong: warmUp.wrong + wrong }
        },
        ({ wrong }) => wrong > 0,
      )
      sample.wrong += result.wrong
      if (clean) sample.values.push(result.value)
    }
  }
  return samples.map(({ values, wrong }) => ({
    value: median(values),
    range: rangeOf(values),
    clean: values.length * 2 > rounds && wrong === 0,
    wrong,
  }))
}

/** The figure with its range, or why there is none. */
export function shown({ value, range, clean, wrong }: Repeated): string {
  if (wrong > 0) return `${wrong} wrong answers`
  if (!clean || value === null || range === null) return 'not clean'
  return `${Math.round(value)} (${range.map(Math.round).join('–')})`
}
