/** A value at a moment; undefined where there was nothing to measure. */
export interface Point {
  readonly at: number
  readonly value: number | undefined
}

/** Where a chart's lines are, in a box of 240 by 60. */
export interface Chart {
  /** One path for each run of points without a gap. */
  readonly paths: readonly string[]
  readonly target: number
  readonly alert: number
  readonly lowest: number
  readonly highest: number
}

const WIDTH = 240
const HEIGHT = 60
// A line of some width must not be cut off at the edge.
const EDGE = 3

/** How {@link drawChart} lays out its box. */
export interface ChartFrame {
  readonly from: number
  readonly to: number
  /** Milliseconds beyond which two points are not joined. */
  readonly joined: number
  readonly target: number
  readonly alert: number
  /** The value at the upper edge, at least. */
  readonly top: number
}

/** Lays out a line chart; undefined when there is no value at all. */
export function drawChart(points: readonly Point[], frame: ChartFrame): Chart | undefined {
  const values = points.flatMap(({ value }) => (value === undefined ? [] : [value]))
  if (values.length === 0) return undefined
  const [lowest, highest] = [Math.min(...values), Math.max(...values)]
  const top = Math.max(frame.top, highest)
  const x = (at: number) => round(EDGE + ((at - frame.from) / (frame.to - frame.from)) * (WIDTH - 2 * EDGE))
  const y = (value: number) => round(HEIGHT - EDGE - (value / top) * (HEIGHT - 2 * EDGE))
  const runs: string[] = []
  let last: number | undefined
  for (const { at, value } of points) {
    if (value === undefined) last = undefined
    else if (last !== undefined && at - last <= frame.joined) {
      runs.push(`${runs.pop() ?? ''}L${x(at)} ${y(value)}`)
      last = at
    } else {
      // A line of no length, so that a value between two gaps is a dot.
      runs.push(`M${x(at)} ${y(value)}h0`)
      last = at
    }
  }
  return { paths: runs, target: y(frame.target), alert: y(frame.alert), lowest, highest }
}

function round(value: number): number {
  return Math.round(value * 10) / 10
}
