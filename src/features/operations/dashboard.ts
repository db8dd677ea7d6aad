import type { Services } from '../../services.ts'
import type { Display } from '../../web/display.ts'
import type { Translate } from '../../web/i18n.ts'
import { type ServerFigures, serverFigures } from './cache-servers.ts'
import { type Chart, drawChart } from './chart.ts'
import { evaluate, FIGURES, type Figure, MIN_EVENTS, quantile, type State } from './figures.ts'
import { type Format, formats } from './formats.ts'
import { type Counts, type Metrics, OPERATION_BOUNDS, RESPONSE_BOUNDS } from './metrics.ts'
import { poolUse } from './pool.ts'
import type { ProcessUse } from './process-figures.ts'
import type { Samples } from './samples.ts'
import type { SessionCounter } from './session-counter.ts'
import { sessionsPart } from './sessions-part.ts'

/** A figure with its target and alert level, in the visitor's language. */
export interface Card {
  readonly id: string
  readonly label: string
  readonly state: State
  readonly stateLabel: string
  readonly value: string
  readonly levels: string
  readonly description: string
  readonly remedy: string
  readonly chart?: Chart
  readonly chartLabel?: string
}

const STATE_LABELS: Readonly<Record<State, string>> = {
  good: 'Good',
  missed: 'Target missed',
  alert: 'Alert',
  few: 'Too few events',
  none: 'No data',
}

const REJECTION_LABELS: Readonly<Record<string, string>> = {
  'unknown-key': 'Unknown or expired',
  undecodable: 'Unreadable',
  'malformed-cookie': 'Malformed',
  'duplicate-cookie': 'Sent twice',
  revoked: 'Revoked',
}

// Writes that wait for the database. The queue is bounded: a save waits when it is full.
const WAITING_LEVELS = { target: 100, alert: 500 }

/** The data of the dashboard. */
export class Dashboard {
  readonly #services: Services
  readonly #metrics: Metrics
  readonly #samples: Samples
  readonly #sessionCounter: SessionCounter
  readonly #figures: readonly Figure[]

  constructor(services: Services, metrics: Metrics, samples: Samples, sessionCounter: SessionCounter) {
    this.#services = services
    this.#metrics = metrics
    this.#samples = samples
    this.#sessionCounter = sessionCounter
    const has = { all: true, store: services.store !== undefined, copies: this.#hasCopies() }
    this.#figures = FIGURES.filter((figure) => has[figure.engines])
  }

  /** All figures as numbers, for programs. */
  async figures() {
    const { since, counts } = await this.#samples.recent()
    return {
      engine: this.#services.engine.name,
      since,
      figures: this.#figures.map((figure) => {
        const { target, alert } = figure
        const reading = figure.read(counts)
        return { id: figure.id, ...reading, target, alert, state: evaluate(figure, reading) }
      }),
      cache: this.#services.cache?.state ?? null,
      waiting: this.#metrics.waiting,
      sessions: await this.#sessionCounter.get(),
      connections: poolUse(this.#services.knex),
      process: this.#metrics.process.read(),
    }
  }

  /** All figures as text, for the view. */
  async view(display: Display, t: Translate) {
    const format = formats(display)
    const [{ since, counts }, counted, servers] = await Promise.all([
      this.#samples.recent(),
      this.#sessionCounter.get(),
      this.#servers(),
    ])
    const cards = [...this.#figures.map((figure) => this.#card(figure, counts, format, t)), ...this.#states(format, t)]
    const requests = counts.responses.at(-1) ?? 0
    const alerts = cards.filter(({ state }) => state === 'alert').map(({ label }) => label)
    return {
      engine: this.#services.engine.name,
      since,
      idle: requests === 0,
      hasCopies: this.#hasCopies(),
      overall: overall(cards, alerts, t),
      cards,
      times: times(counts, format, this.#services.store !== undefined),
      table: this.#table(format),
      columns: this.#figures.map(({ label }) => label),
      sessions: sessionsPart(counted, format, this.#services.keepsMetadata),
      refused: Object.entries(counts.security).map(([kind, count]) => ({
        label: REJECTION_LABELS[kind] ?? kind,
        count: format.count(count),
      })),
      connections: poolUse(this.#services.knex),
      process: processPart(this.#metrics.process.read(), format),
      servers: servers?.map(({ up, figures, slowCommands }) => ({
        up,
        slowCommands: slowCommands.map(({ command, microseconds, at }) => ({
          command,
          duration: format.milliseconds(microseconds / 1000),
          at,
        })),
        figures: Object.entries(figures).map(([name, value]) => ({ name, value: format.count(value) })),
      })),
    }
  }

  #hasCopies(): boolean {
    return this.#services.facts.cached === 'copies'
  }

  async #servers(): Promise<ServerFigures[] | undefined> {
    const ask = this.#services.cache?.serverStats
    return ask === undefined ? undefined : await serverFigures(ask)
  }

  #card(figure: Figure, counts: Counts, format: Format, t: Translate): Card {
    const reading = figure.read(counts)
    const state = evaluate(figure, reading)
    const { chart, chartLabel } = this.#chart(figure, format, t)
    const show = format[figure.unit]
    const levels = { target: show(figure.target), alert: show(figure.alert) }
    return {
      id: figure.id,
      label: t(figure.label),
      state,
      stateLabel: t(STATE_LABELS[state]),
      value: state === 'none' ? '–' : show(reading.value),
      levels: t(
        figure.bad === 'above'
          ? 'Target: at most {target}. Alert: above {alert}.'
          : 'Target: at least {target}. Alert: below {alert}.',
        levels,
      ),
      description: t(figure.description),
      remedy: t(figure.remedy),
      ...(chart === undefined ? {} : { chart, chartLabel: chartLabel ?? '' }),
    }
  }

  #chart(figure: Figure, format: Format, t: Translate): { chart?: Chart; chartLabel?: string } {
    const { every, keep } = this.#samples
    const intervals = this.#samples.intervals()
    const to = intervals.at(-1)?.at ?? 0
    const points = intervals.map(({ at, counts }) => ({ at, value: counts && valueIn(figure, counts) }))
    const { target, alert, unit } = figure
    const top = unit === 'share' && figure.bad === 'below' ? 1 : alert * 1.25
    const chart = drawChart(points, { from: to - every * (keep - 1), to, maxGap: every * 1.5, target, alert, top })
    if (chart === undefined) return {}
    const show = format[unit]
    const range = { lowest: show(chart.lowest), highest: show(chart.highest) }
    return { chart, chartLabel: t('The last ten minutes: between {lowest} and {highest}.', range) }
  }

  #states(format: Format, t: Translate): Card[] {
    const { cache, facts } = this.#services
    const cards: Card[] = []
    if (cache !== undefined) {
      const { state } = cache
      const cardState = ({ up: 'good', down: 'alert' } as const)[state]
      cards.push({
        id: 'cache',
        label: t('State of the cache'),
        state: cardState,
        stateLabel: t(STATE_LABELS[cardState]),
        value: t(state),
        levels: t('Target: up. Alert: down.'),
        description: t('Down: it failed to answer {count} times in a row, and no request uses it until it recovers.', {
          count: cache.maxFailures,
        }),
        remedy: t('Find out why the cache does not answer. It is used again within five seconds of its return.'),
      })
    }
    if (facts.writesBehind) {
      const waiting = this.#metrics.waiting
      const cardState = waiting > WAITING_LEVELS.alert ? 'alert' : waiting > WAITING_LEVELS.target ? 'missed' : 'good'
      cards.push({
        id: 'waiting',
        label: t('Waiting for the database'),
        state: cardState,
        stateLabel: t(STATE_LABELS[cardState]),
        value: format.count(waiting),
        levels: t('Target: at most {target}. Alert: above {alert}.', WAITING_LEVELS),
        description: t('Sessions whose latest state is in the cache, and in the database a moment later.'),
        remedy: t('Check that the database answers; when the queue is full, saves wait for it.'),
      })
    }
    return cards
  }

  #table(format: Format) {
    return this.#samples
      .intervals()
      .reverse()
      .map(({ at, counts }) => ({
        clock: format.clock(at),
        requests: counts === undefined ? '–' : format.count(counts.responses.at(-1) ?? 0),
        values: this.#figures.map((figure) => {
          const value = counts && valueIn(figure, counts)
          return value === undefined ? '–' : format[figure.unit](value)
        }),
      }))
  }
}

function valueIn(figure: Figure, counts: Counts): number | undefined {
  const { value, events } = figure.read(counts)
  return events === 0 ? undefined : value
}

function overall(cards: readonly Card[], alerts: readonly string[], t: Translate): { state: State; text: string } {
  if (alerts.length > 0) return { state: 'alert', text: t('Act now: {names}.', { names: alerts.join(', ') }) }
  const missed = cards.filter(({ state }) => state === 'missed').map(({ label }) => label)
  if (missed.length > 0) return { state: 'missed', text: t('Keep an eye on: {names}.', { names: missed.join(', ') }) }
  if (cards.some(({ id, state }) => state === 'good' && id !== 'cache' && id !== 'waiting')) {
    return { state: 'good', text: t('All is well.') }
  }
  return {
    state: 'none',
    text: t('There is too little traffic to judge by: fewer than {count} events of each kind.', { count: MIN_EVENTS }),
  }
}

function processPart({ resident, heapUsed, delay }: ProcessUse, { bytes, milliseconds }: Format) {
  return [
    { label: 'Memory', value: bytes(resident) },
    { label: 'of which JavaScript objects', value: bytes(heapUsed) },
    { label: 'Delay of the event loop, P99', value: delay === undefined ? '–' : milliseconds(delay.p99) },
    { label: 'Longest delay', value: delay === undefined ? '–' : milliseconds(delay.max) },
  ]
}

function times({ responses, loading, saving }: Counts, { milliseconds }: Format, hasStore: boolean) {
  const row = (label: string, counts: readonly number[], bounds: readonly number[]) => ({
    label,
    values: [0.5, 0.95, 0.99].map((part) =>
      counts.at(-1) === 0 ? '–' : milliseconds(quantile(part, counts, bounds) * 1000),
    ),
  })
  const whole = row('Whole response', responses, RESPONSE_BOUNDS)
  if (!hasStore) return [whole]
  const load = row('of which loading a session', loading, OPERATION_BOUNDS)
  return [whole, load, row('of which saving a session', saving, OPERATION_BOUNDS)]
}
