/** A value at a time in milliseconds since 1970; undefined if nothing was measured. */
export interface Point {
  readonly at: number
  readonly value: number | undefined
}

/** The SVG paths of a chart of 240 by 60. */
export interface Chart {
  /** One path for each sequence of points without a gap. */
  readonly paths: readonly string[]
  readonly target: number
  readonly alert: number
  readonly lowest: number
  readonly highest: number
}

const WIDTH = 240
const HEIGHT = 60
// So that the stroke is not cut off at the edge.
const PADDING = 3

/** Options for {@link drawChart}. */
export interface ChartFrame {
  readonly from: number
  readonly to: number
  /** Max milliseconds between two points that are connected. */
  readonly maxGap: number
  readonly target: number
  readonly alert: number
  /** The min value of the upper edge. */
  readonly top: number
}

/** Lays out a line chart; undefined without any value. */
export function drawChart(points: readonly Point[], frame: ChartFrame): Chart | undefined {
  const values = points.flatMap(({ value }) => (value === undefined ? [] : [value]))
  if (values.length === 0) return undefined
  const [lowest, highest] = [Math.min(...values), Math.max(...values)]
  const top = Math.max(frame.top, highest)
  const x = (at: number) => round(PADDING + ((at - frame.from) / (frame.to - frame.from)) * (WIDTH - 2 * PADDING))
  const y = (value: number) => round(HEIGHT - PADDING - (value / top) * (HEIGHT - 2 * PADDING))
  const paths: string[] = []
  let last: number | undefined
  for (const { at, value } of points) {
    if (value === undefined) last = undefined
    else if (last !== undefined && at - last <= frame.maxGap) {
      paths.push(`${paths.pop() ?? ''}L${x(at)} ${y(value)}`)
      last = at
    } else {
      // A line of length 0, so that a value between two gaps is a dot.
      paths.push(`M${x(at)} ${y(value)}h0`)
      last = at
    }
  }
  return { paths, target: y(frame.target), alert: y(frame.alert), lowest, highest }
}

function round(value: number): number {
  return Math.round(value * 10) / 10
}
