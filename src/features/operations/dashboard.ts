import type { Services } from '../../services.ts'
import type { Display } from '../../web/display.ts'
import type { Translate } from '../../web/i18n.ts'
import { type ServerFigures, serverFigures } from './cache-servers.ts'
import { type Chart, drawChart } from './chart.ts'
import type { Counting } from './counting.ts'
import { FIGURES, type Figure, judge, MIN_EVENTS, quantile, type State } from './figures.ts'
import { type Format, formats } from './formats.ts'
import { type Metrics, OPERATION_BOUNDS, RESPONSE_BOUNDS, type Tally } from './metrics.ts'
import { poolUse } from './pool.ts'
import type { Samples } from './samples.ts'
import { sessionsPart } from './sessions-part.ts'

/** A figure beside its target and alert level, in the reader's language. */
export interface Card {
  readonly id: string
  readonly label: string
  readonly state: State
  readonly word: string
  readonly value: string
  readonly levels: string
  readonly what: string
  readonly remedy: string
  readonly chart?: Chart
  readonly chartLabel?: string
}

const WORDS: Readonly<Record<State, string>> = {
  good: 'Good',
  missed: 'Target missed',
  alert: 'Alert',
  few: 'Too few events',
  none: 'No data',
}

const KINDS: Readonly<Record<string, string>> = {
  'unknown-key': 'Unknown or expired',
  undecodable: 'Unreadable',
  'malformed-cookie': 'Malformed',
  'duplicate-cookie': 'Sent twice',
  revoked: 'Revoked',
}

// What is written first may wait; the queue itself is bounded, and a save waits when it is full.
const WAITING = { target: 100, alert: 500 }

/** What the page of the operators shows, put together from what was counted. */
export class Dashboard {
  readonly #services: Services
  readonly #metrics: Metrics
  readonly #samples: Samples
  readonly #counting: Counting
  readonly #figures: readonly Figure[]

  constructor(services: Services, metrics: Metrics, samples: Samples, counting: Counting) {
    this.#services = services
    this.#metrics = metrics
    this.#samples = samples
    this.#counting = counting
    const has = { all: true, store: services.store !== undefined, copies: this.#hasCopies() }
    this.#figures = FIGURES.filter((figure) => has[figure.of])
  }

  /** Everything in plain numbers, for programs. */
  async figures() {
    const { since, tally } = await this.#samples.recent()
    return {
      engine: this.#services.engine.name,
      since,
      figures: this.#figures.map((figure) => {
        const { target, alert } = figure
        const reading = figure.read(tally)
        return { id: figure.id, ...reading, target, alert, state: judge(figure, reading) }
      }),
      cache: this.#services.cache?.state ?? null,
      waiting: this.#metrics.waiting,
      sessions: await this.#counting.get(),
      connections: poolUse(this.#services.knex),
    }
  }

  /** What the view needs. */
  async view(display: Display, t: Translate) {
    const format = formats(display)
    const [{ since, tally }, counted, servers] = await Promise.all([
      this.#samples.recent(),
      this.#counting.get(),
      this.#servers(),
    ])
    const cards = [...this.#figures.map((figure) => this.#card(figure, tally, format, t)), ...this.#states(format, t)]
    const requests = tally.responses.at(-1) ?? 0
    const red = cards.filter(({ state }) => state === 'alert').map(({ label }) => label)
    return {
      engine: this.#services.engine.name,
      since,
      idle: requests === 0,
      hasCopies: this.#hasCopies(),
      overall: overall(cards, red, t),
      cards,
      times: times(tally, format, this.#services.store !== undefined),
      table: this.#table(format),
      columns: this.#figures.map(({ label }) => label),
      sessions: sessionsPart(counted, format, this.#services.keepsMetadata),
      refused: Object.entries(tally.security).map(([kind, count]) => ({
        label: KINDS[kind] ?? kind,
        count: format.count(count),
      })),
      connections: poolUse(this.#services.knex),
      servers: servers?.map(({ up, figures }) => ({
        up,
        figures: Object.entries(figures).map(([name, value]) => ({ name, value: format.count(value) })),
      })),
    }
  }

  #hasCopies(): boolean {
    return this.#services.facts.cached === 'copies'
  }

  async #servers(): Promise<ServerFigures[] | undefined> {
    const ask = this.#services.cache?.serverFigures
    return ask === undefined ? undefined : await serverFigures(ask)
  }

  #card(figure: Figure, tally: Tally, format: Format, t: Translate): Card {
    const reading = figure.read(tally)
    const state = judge(figure, reading)
    const { chart, chartLabel } = this.#chart(figure, format, t)
    const show = format[figure.unit]
    const levels = { target: show(figure.target), alert: show(figure.alert) }
    return {
      id: figure.id,
      label: t(figure.label),
      state,
      word: t(WORDS[state]),
      value: state === 'none' ? '–' : show(reading.value),
      levels: t(
        figure.bad === 'above'
          ? 'Target: at most {target}. Alert: above {alert}.'
          : 'Target: at least {target}. Alert: below {alert}.',
        levels,
      ),
      what: t(figure.what),
      remedy: t(figure.remedy),
      ...(chart === undefined ? {} : { chart, chartLabel: chartLabel ?? '' }),
    }
  }

  #chart(figure: Figure, format: Format, t: Translate): { chart?: Chart; chartLabel?: string } {
    const { every, keep } = this.#samples
    const stretches = this.#samples.stretches()
    const to = stretches.at(-1)?.at ?? 0
    const points = stretches.map(({ at, tally }) => ({ at, value: tally && valueIn(figure, tally) }))
    const { target, alert, unit } = figure
    const top = unit === 'share' && figure.bad === 'below' ? 1 : alert * 1.25
    const chart = drawChart(points, { from: to - every * (keep - 1), to, joined: every * 1.5, target, alert, top })
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
      const own = ({ up: 'good', down: 'alert' } as const)[state]
      cards.push({
        id: 'cache',
        label: t('State of the cache'),
        state: own,
        word: t(WORDS[own]),
        value: t(state),
        levels: t('Target: up. Alert: down.'),
        what: t('Down: it failed to answer {count} times in a row, and no request uses it until it recovers.', {
          count: cache.maxFailures,
        }),
        remedy: t('Find out why the cache does not answer. It is used again within five seconds of its return.'),
      })
    }
    if (facts.writesBehind) {
      const waiting = this.#metrics.waiting
      const own = waiting > WAITING.alert ? 'alert' : waiting > WAITING.target ? 'missed' : 'good'
      cards.push({
        id: 'waiting',
        label: t('Waiting for the database'),
        state: own,
        word: t(WORDS[own]),
        value: format.count(waiting),
        levels: t('Target: at most {target}. Alert: above {alert}.', WAITING),
        what: t('Sessions whose latest state is in the cache, and in the database a moment later.'),
        remedy: t('Check that the database answers; when the queue is full, saves wait for it.'),
      })
    }
    return cards
  }

  #table(format: Format) {
    return this.#samples
      .stretches()
      .reverse()
      .map(({ at, tally }) => ({
        clock: format.clock(at),
        requests: tally === undefined ? '–' : format.count(tally.responses.at(-1) ?? 0),
        values: this.#figures.map((figure) => {
          const value = tally && valueIn(figure, tally)
          return value === undefined ? '–' : format[figure.unit](value)
        }),
      }))
  }
}

function valueIn(figure: Figure, tally: Tally): number | undefined {
  const { value, events } = figure.read(tally)
  return events === 0 ? undefined : value
}

function overall(cards: readonly Card[], red: readonly string[], t: Translate): { state: State; text: string } {
  if (red.length > 0) return { state: 'alert', text: t('Act now: {names}.', { names: red.join(', ') }) }
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

function times({ responses, loading, saving }: Tally, { milliseconds }: Format, hasStore: boolean) {
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
