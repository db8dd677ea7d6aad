import type { Translate } from '../../web/i18n.ts'
import { drawChart } from './chart.ts'
import { evaluate, type Figure, type State } from './figures.ts'
import type { Format } from './formats.ts'
import type { Counts } from './metrics.ts'
import type { Samples } from './samples.ts'

/** A chart with its labels. */
export type CardChart = ReturnType<typeof chartOf>

/** A figure with its target and alert level, in the visitor's language. */
export interface Card {
  readonly id: string
  readonly label: string
  readonly state: State
  readonly stateLabel: string
  readonly value: string
  /** One line; the description is longer. */
  readonly help: string
  readonly levels: string
  readonly description: string
  readonly remedy: string
  readonly chart: CardChart
}

const STATE_LABELS: Readonly<Record<State, string>> = {
  good: 'Good',
  missed: 'Target missed',
  alert: 'Alert',
  few: 'Too few events',
  none: 'No data',
}

/** The state in the visitor's language. */
export function stateLabel(state: State, t: Translate): string {
  return t(STATE_LABELS[state])
}

/** A monitored figure as a card. */
export function figureCard(figure: Figure, counts: Counts, samples: Samples, format: Format, t: Translate): Card {
  const reading = figure.read(counts)
  const state = evaluate(figure, reading)
  const show = format[figure.unit]
  const levels = { target: show(figure.target), alert: show(figure.alert) }
  return {
    id: figure.id,
    label: t(figure.label),
    state,
    stateLabel: stateLabel(state, t),
    value: state === 'none' ? '–' : show(reading.value),
    help: t(figure.help),
    levels: t(
      figure.bad === 'above'
        ? 'Target: at most {target}. Alert: above {alert}.'
        : 'Target: at least {target}. Alert: below {alert}.',
      levels,
    ),
    description: t(figure.description),
    remedy: t(figure.remedy),
    chart: chartOf(figure, samples, format, t),
  }
}

/** The value in an interval; undefined without events. */
export function valueIn(figure: Figure, counts: Counts): number | undefined {
  const { value, events } = figure.read(counts)
  return events === 0 ? undefined : value
}

function chartOf(figure: Figure, samples: Samples, format: Format, t: Translate) {
  const { every, keep } = samples
  const intervals = samples.intervals()
  const to = intervals.at(-1)?.at ?? samples.now()
  const from = to - every * (keep - 1)
  const points = intervals.map(({ at, counts }) => ({ at, value: counts && valueIn(figure, counts) }))
  const { target, alert, unit } = figure
  const top = unit === 'share' && figure.bad === 'below' ? 1 : alert * 1.5
  const chart = drawChart(points, { from, to, every, target, alert, top })
  const show = format[unit]
  const [lowest, highest] = (chart.range ?? []).map(show)
  return {
    ...chart,
    marks: chart.marks.map(({ x, y, at, value }) => ({ x, y, text: `${format.clock(at)}: ${show(value)}` })),
    top: show(chart.top),
    bottom: show(0),
    from: format.minute(from),
    to: format.minute(to),
    label:
      lowest === undefined || highest === undefined
        ? t(STATE_LABELS.none)
        : t('The last ten minutes: between {lowest} and {highest}.', { lowest, highest }),
  }
}
