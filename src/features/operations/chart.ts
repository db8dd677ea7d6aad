/** A value at a time in milliseconds since 1970; undefined if nothing was measured. */
export interface Point {
  readonly at: number
  readonly value: number | undefined
}

/** What is drawn of a point; positions are percent of the chart, from its left and its top. */
export interface Mark {
  readonly x: number
  readonly y: number
  readonly at: number
  readonly value: number
}

/** A line chart. The view draws paths in a box of 100 by 100, and stretches it. */
export interface Chart {
  /** One path for each sequence of points without a gap. */
  readonly paths: readonly string[]
  readonly marks: readonly Mark[]
  /** The width of an interval in percent. */
  readonly step: number
  /** In percent from the top. */
  readonly target: number
  readonly alert: number
  /** The value of the upper edge; the lower one is 0. */
  readonly top: number
  /** The lowest and the highest value; undefined without any. */
  readonly range: readonly [number, number] | undefined
}

/** Options for {@link drawChart}. Times are milliseconds since 1970. */
export interface ChartFrame {
  readonly from: number
  readonly to: number
  /** Milliseconds between two points. */
  readonly every: number
  readonly target: number
  readonly alert: number
  /** The min value of the upper edge. */
  readonly top: number
}

// More than this between two points is a gap.
const MAX_GAP = 1.5

/** Lays out a line chart; without any value only its axes. */
export function drawChart(points: readonly Point[], frame: ChartFrame): Chart {
  const { from, to, every } = frame
  const measured = points.flatMap(({ at, value }) => (value === undefined ? [] : [{ at, value }]))
  const values = measured.map(({ value }) => value)
  const [lowest, highest] = [Math.min(...values), Math.max(0, ...values)]
  const top = highest > frame.top ? roundUp(highest) : frame.top
  const y = (value: number) => round(100 - (value / top) * 100)
  const marks = measured.map(({ at, value }) => ({
    x: round(((at - from) / (to - from)) * 100),
    y: y(value),
    at,
    value,
  }))
  const paths: string[] = []
  let last = Number.NEGATIVE_INFINITY
  for (const mark of marks) {
    if (mark.at - last <= every * MAX_GAP) paths.push(`${paths.pop() ?? ''}L${mark.x} ${mark.y}`)
    // A line of length 0, so that a value between two gaps is a dot.
    else paths.push(`M${mark.x} ${mark.y}h0`)
    last = mark.at
  }
  const step = round((every / (to - from)) * 100)
  const range = values.length === 0 ? undefined : ([lowest, highest] as const)
  return { paths, marks, step, target: y(frame.target), alert: y(frame.alert), top, range }
}

/** The next number with one digit, so that an axis has a short label. */
function roundUp(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value))
  return Math.ceil(value / power) * power
}

function round(value: number): number {
  return Math.round(value * 10) / 10
}
