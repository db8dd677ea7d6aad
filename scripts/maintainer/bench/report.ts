import { CANDIDATES, MAX_FLOOR_RATIO, REFERENCE } from './candidates.ts'
import type { Measurement } from './rounds.ts'
import { KINDS, type Kind } from './session-pages.ts'
import { aligned, median, rangeOf } from './statistics.ts'

const FIGURES = [
  'requestsPerSecond',
  'p50',
  'p99',
  'cpu',
  'ratio',
  'cpuRatio',
  'inProcess',
  'floorRatio',
  'besideRatio',
] as const

type Figure = (typeof FIGURES)[number]

/** One page of one candidate: the medians of the rounds, with the units of {@link Measurement}. */
export interface Result extends Readonly<Record<Figure, number | null>> {
  readonly candidate: string
  readonly kind: Kind
  /** The least and the greatest of the rounds. */
  readonly spread: Readonly<Record<Figure, readonly [number, number] | null>>
  /** Whether the machine did nothing else in most of the rounds; the figures are then from these alone. */
  readonly clean: boolean
  /** The greatest share of one core that other work took in a round. */
  readonly other: number
  /** How many answers were wrong in all rounds, by what was wrong with them. */
  readonly wrong: Readonly<Record<string, number>>
}

const TITLES: Readonly<Record<Kind, string>> = {
  none: 'A page that does not ask for the session',
  read: 'A read',
  change: 'A change',
  login: 'A login',
}

// Below this share of its core the server waits for the load.
const MIN_BUSY_SHARE = 0.9

/** The medians, in the order of the measurements. */
export function summarize(measurements: readonly Measurement[]): Result[] {
  const groups = new Map<string, Measurement[]>()
  for (const measurement of measurements) {
    const name = `${measurement.kind} ${measurement.candidate}`
    groups.set(name, [...(groups.get(name) ?? []), measurement])
  }
  return [...groups.values()].flatMap((group) => {
    const [first] = group
    if (first === undefined) return []
    const quiet = group.filter((measurement) => measurement.clean)
    const clean = quiet.length * 2 > group.length
    const used = clean ? quiet : group
    const figures = <T>(of: (values: readonly (number | null)[]) => T) =>
      Object.fromEntries(FIGURES.map((figure) => [figure, of(used.map((one) => one[figure]))])) as Record<Figure, T>
    return {
      candidate: first.candidate,
      kind: first.kind,
      ...figures(median),
      spread: figures(rangeOf),
      clean,
      other: Math.max(...group.map(({ other }) => other)),
      wrong: added(group.map(({ wrong }) => wrong)),
    }
  })
}

/** A table for each page. */
export function tables(results: readonly Result[]): string {
  const header = [
    '',
    'req/s',
    'p50 ms',
    'p99 ms',
    'of Koa',
    'target',
    'CPU µs',
    'in process µs',
    'of floor',
    'target',
    '',
  ]
  return KINDS.map((kind) => {
    const rows = results.filter((result) => result.kind === kind).map(row)
    return `${TITLES[kind]}\n${aligned([header, ...rows])}`
  }).join('\n\n')
}

/** Warnings about the figures. */
export function remarks(results: readonly Result[]): string[] {
  const idle = results.some(
    ({ candidate, clean, requestsPerSecond, cpu }) =>
      candidate === REFERENCE && clean && (requestsPerSecond ?? 0) * (cpu ?? 0) < MIN_BUSY_SHARE * 1_000_000,
  )
  const wrong = results.filter(isWrong).map(({ candidate, kind }) => `${candidate} (${kind})`)
  const unclean = results.filter(({ clean }) => !clean).length
  return [
    ...(idle ? ['Bare Koa waited for the load: the ratios to it flatter all others; those by CPU do not.'] : []),
    ...(unclean > 0
      ? [
          `${unclean} of ${results.length} figures are not clean, as the machine had other work: repeat the run when it is quiet.`,
        ]
      : []),
    ...(wrong.length > 0 ? [`WRONG ANSWERS, and so no figures that count: ${wrong.join(', ')}.`] : []),
  ]
}

/** Returns whether the figures are invalid, because the candidate gave wrong answers. */
export function isWrong({ wrong }: Pick<Result, 'wrong'>): boolean {
  return Object.keys(wrong).length > 0
}

function row(result: Result): string[] {
  const { candidate, kind, clean, other, ratio, p99, floorRatio, besideRatio } = result
  const none = Array<string>(9).fill('')
  if (isWrong(result)) {
    const wrong = Object.entries(result.wrong).map(([what, count]) => `${count} × ${what}`)
    return [candidate, ...none, `wrong: ${wrong.join(', ')}`]
  }
  if (!clean) return [candidate, ...none, `not clean: other work took up to ${(other * 100).toFixed(0)} % of a core`]
  const { targets = {}, beside } = CANDIDATES[candidate] ?? {}
  const besideTarget = kind === 'change' ? targets.besideChange : undefined
  const maxP99 = { none: undefined, read: targets.p99Read, change: targets.p99Change, login: undefined }[kind]
  const notes = [
    besideRatio === null ? '' : `${besideRatio.toFixed(2)} of ${beside} ${judged(besideRatio, besideTarget)}`,
    maxP99 === undefined || p99 === null ? '' : `p99 ≤ ${maxP99} ${p99 <= maxP99 ? 'met' : 'missed'}`,
  ]
  return [
    candidate,
    withSpread(result, 'requestsPerSecond', 0),
    withSpread(result, 'p50', 2),
    withSpread(result, 'p99', 1),
    withSpread(result, 'ratio', 2),
    judged(ratio, kind === 'login' ? undefined : targets[kind]),
    withSpread(result, 'cpu', 0),
    withSpread(result, 'inProcess', 1),
    withSpread(result, 'floorRatio', 2),
    floorRatio === null || kind === 'login' ? '' : judged(-floorRatio, -MAX_FLOOR_RATIO),
    notes.filter((note) => note !== '').join(', '),
  ]
}

function withSpread(result: Result, figure: Figure, digits: number): string {
  const [value, spread] = [result[figure], result.spread[figure]]
  if (value === null || spread === null) return ''
  const [least, greatest] = spread.map((one) => one.toFixed(digits))
  return least === greatest ? value.toFixed(digits) : `${value.toFixed(digits)} (${least}–${greatest})`
}

/** The target, and whether it was reached: a value must be at least as great. */
function judged(value: number | null, target: number | undefined): string {
  if (value === null || target === undefined) return ''
  return `${Math.abs(target)} ${value >= target ? 'met' : 'missed'}`
}

function added(counts: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const sum: Record<string, number> = {}
  for (const [what, count] of counts.flatMap(Object.entries<number>)) sum[what] = (sum[what] ?? 0) + count
  return sum
}
