import { CANDIDATES, REFERENCE } from './candidates.ts'
import { KINDS, type Kind } from './pages.ts'
import type { Measurement } from './rounds.ts'

/** One page of one candidate: the medians of all rounds. */
export interface Result {
  readonly candidate: string
  readonly kind: Kind
  readonly requestsPerSecond: number
  /** Milliseconds. */
  readonly p50: number
  readonly p99: number
  /** Microseconds of CPU time of the server per response. */
  readonly cpu: number
  readonly ratio: number | null
  readonly cpuRatio: number | null
  /** Microseconds of CPU time per request without HTTP. */
  readonly inProcess: number
  readonly floorRatio: number | null
  readonly besideRatio: number | null
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
    const { candidate, kind } = first
    return {
      candidate,
      kind,
      requestsPerSecond: median(group.map(({ requests, seconds }) => requests / seconds)) ?? 0,
      p50: median(group.map(({ p50 }) => p50)) ?? 0,
      p99: median(group.map(({ p99 }) => p99)) ?? 0,
      cpu: median(group.map(({ cpu }) => cpu)) ?? 0,
      ratio: median(group.map(({ ratio }) => ratio)),
      cpuRatio: median(group.map(({ cpuRatio }) => cpuRatio)),
      inProcess: median(group.map(({ inProcess }) => inProcess)) ?? 0,
      floorRatio: median(group.map(({ floorRatio }) => floorRatio)),
      besideRatio: median(group.map(({ besideRatio }) => besideRatio)),
      wrong: added(group.map(({ wrong }) => wrong)),
    }
  })
}

/** A table for each page. */
export function tables(results: readonly Result[]): string {
  const header = ['', 'req/s', 'p50 ms', 'p99 ms', 'of Koa', 'CPU µs', 'by CPU', 'in process µs', 'of floor', '']
  return KINDS.map((kind) => {
    const rows = results.filter((result) => result.kind === kind).map(row)
    return `${TITLES[kind]}\n${aligned([header, ...rows])}`
  }).join('\n\n')
}

/** Warnings about the figures. */
export function remarks(results: readonly Result[]): string[] {
  const idle = results.some(
    ({ candidate, requestsPerSecond, cpu }) =>
      candidate === REFERENCE && requestsPerSecond * cpu < MIN_BUSY_SHARE * 1_000_000,
  )
  const wrong = results.filter(isWrong).map(({ candidate, kind }) => `${candidate} (${kind})`)
  return [
    ...(idle ? ['Bare Koa waited for the load: the ratios to it flatter all others; those by CPU do not.'] : []),
    ...(wrong.length > 0 ? [`WRONG ANSWERS, and so no figures that count: ${wrong.join(', ')}.`] : []),
  ]
}

/** Returns whether the figures are invalid, because the candidate gave wrong answers. */
export function isWrong({ wrong }: Result): boolean {
  return Object.keys(wrong).length > 0
}

function row(result: Result): string[] {
  const { candidate, requestsPerSecond, p50, p99, cpu, ratio, cpuRatio, inProcess, floorRatio, besideRatio } = result
  if (isWrong(result)) {
    const wrong = Object.entries(result.wrong).map(([what, count]) => `${count} × ${what}`)
    return [candidate, '', '', '', '', '', '', '', '', `wrong: ${wrong.join(', ')}`]
  }
  const beside = besideRatio === null ? '' : `${besideRatio.toFixed(2)} of ${CANDIDATES[candidate]?.beside}`
  const [share, cpuShare] = [ratio, cpuRatio].map((value) => value?.toFixed(2) ?? '')
  return [
    candidate,
    requestsPerSecond.toFixed(0),
    p50.toFixed(2),
    p99.toFixed(2),
    share ?? '',
    cpu.toFixed(0),
    cpuShare ?? '',
    inProcess.toFixed(1),
    floorRatio?.toFixed(2) ?? '',
    beside,
  ]
}

function aligned(rows: readonly (readonly string[])[]): string {
  const width = (column: number) => Math.max(...rows.map((row) => row[column]?.length ?? 0))
  return rows
    .map((row) =>
      row
        // Names and remarks to the left, figures to the right.
        .map((cell, column) =>
          column === 0 || column === row.length - 1 ? cell.padEnd(width(column)) : cell.padStart(width(column)),
        )
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

function added(counts: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const sum: Record<string, number> = {}
  for (const [what, count] of counts.flatMap(Object.entries<number>)) sum[what] = (sum[what] ?? 0) + count
  return sum
}

function median(values: readonly (number | null)[]): number | null {
  const sorted = values.filter((value) => value !== null).sort((a, b) => a - b)
  const middle = (sorted.length - 1) / 2
  const [low, high] = [sorted[Math.floor(middle)], sorted[Math.ceil(middle)]]
  return low === undefined || high === undefined ? null : (low + high) / 2
}
