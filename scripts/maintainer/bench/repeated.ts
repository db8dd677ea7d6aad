import { watch } from './noise.ts'
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

/**
 * Measures subjects in turn, in so many rounds after one for warming up, so that drift affects all of them.
 *
 * @param measure returns the figure, and how many answers were wrong
 */
export async function repeated<T>(
  subjects: readonly T[],
  rounds: number,
  measure: (subject: T, isWarmUp: boolean) => Promise<{ value: number; wrong: number }>,
): Promise<Repeated[]> {
  const samples = subjects.map(() => ({ values: [] as number[], wrong: 0 }))
  for (let round = 0; round <= rounds; round++) {
    for (const [index, subject] of subjects.entries()) {
      const { result, clean } = await watch(() => measure(subject, round === 0))
      const sample = samples[index]
      if (sample === undefined) continue
      sample.wrong += result.wrong
      if (round > 0 && clean) sample.values.push(result.value)
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
