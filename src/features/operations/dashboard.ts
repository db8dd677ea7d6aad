import type { Services } from '../../services.ts'
import type { Display } from '../../web/display.ts'
import type { Translate } from '../../web/i18n.ts'
import type { SecurityEvent } from '../../web/security-log.ts'
import { type ServerFigures, serverFigures } from './cache-servers.ts'
import { type Card, figureCard, stateLabel, valueIn } from './figure-card.ts'
import { evaluate, FIGURES, type Figure, MIN_EVENTS, quantile, type State } from './figures.ts'
import { type Format, formats } from './formats.ts'
import { type Counts, type Metrics, OPERATION_BOUNDS, RESPONSE_BOUNDS } from './metrics.ts'
import { poolUse } from './pool.ts'
import type { RecentSecurityEvents } from './recent-security.ts'
import type { Samples } from './samples.ts'
import { serverPart } from './server-part.ts'
import type { SessionCount, SessionCounter } from './session-counter.ts'
import { sessionsPart } from './sessions-part.ts'
import { currentTiles, type Tile } from './tiles.ts'

const REJECTION_LABELS: Readonly<Record<string, string>> = {
  'unknown-key': 'Unknown or expired',
  undecodable: 'Unreadable',
  'malformed-cookie': 'Malformed',
  'duplicate-cookie': 'Sent twice',
  revoked: 'Revoked',
}

const SECURITY_LABELS: Readonly<Record<SecurityEvent, string>> = {
  'signed in': 'Signed in',
  'sign-in refused': 'Sign-in refused',
  'signed out': 'Signed out',
  'password changed': 'Password changed',
  'password reset': 'Password reset',
  'account deleted': 'Account deleted',
  'password refused': 'Password refused',
  'sessions ended': 'Sessions ended',
  'cross-origin request refused': 'Request of another site refused',
  'plain http refused': 'Unencrypted request refused',
  'too many attempts': 'Too many attempts',
  'access refused': 'Access refused',
}

/** What the dashboard shows. */
export interface DashboardSources {
  readonly services: Services
  readonly metrics: Metrics
  readonly samples: Samples
  readonly sessionCounter: SessionCounter
  readonly security: RecentSecurityEvents
}

/** The data of the dashboard. */
export class Dashboard {
  readonly #sources: DashboardSources
  readonly #figures: readonly Figure[]

  constructor(sources: DashboardSources) {
    this.#sources = sources
    const has = { all: true, store: sources.services.store !== undefined, copies: this.#hasCopies() }
    this.#figures = FIGURES.filter((figure) => has[figure.engines])
  }

  /** All figures as numbers, for programs. */
  async figures() {
    const { services, metrics, samples, sessionCounter, security } = this.#sources
    const { since, counts } = await samples.recent()
    return {
      engine: services.engine.name,
      since,
      figures: this.#figures.map((figure) => {
        const { target, alert } = figure
        const reading = figure.read(counts)
        return { id: figure.id, ...reading, target, alert, state: evaluate(figure, reading) }
      }),
      cache: services.cache?.state ?? null,
      waiting: metrics.waiting,
      sessions: await sessionCounter.get(),
      connections: poolUse(services.knex),
      process: metrics.process.read(),
      security: security.latest,
    }
  }

  /** All figures as text, for the view. */
  async view(display: Display, t: Translate) {
    const { services, metrics, samples, sessionCounter } = this.#sources
    const format = formats(display)
    const [{ since, counts }, counted, servers] = await Promise.all([
      samples.recent(),
      sessionCounter.get(),
      this.#servers(),
    ])
    const names = await this.#names(counted)
    const cards = this.#figures.map((figure) => figureCard(figure, counts, samples, format, t))
    const process = metrics.process.read()
    const { waiting } = metrics
    const tiles = currentTiles({ services, sessions: counted, process, waiting }, format, t)
    return {
      engine: services.engine.name,
      since,
      idle: counts.responses.at(-1) === 0,
      hasCopies: this.#hasCopies(),
      overall: overall(cards, tiles, t),
      cards,
      tiles: tiles.map((tile) => ({ ...tile, stateLabel: tile.state && stateLabel(tile.state, t) })),
      times: times(counts, format, services.store !== undefined),
      table: this.#table(format),
      columns: this.#figures.map(({ label }) => label),
      sessions: sessionsPart(counted, format, services.keepsMetadata, nameIn(names, t)),
      refused: Object.entries(counts.security)
        .filter(([, count]) => count > 0)
        .map(([kind, count]) => ({ label: REJECTION_LABELS[kind] ?? kind, count: format.count(count) })),
      security: this.#security(format, t, nameIn(names, t)),
      servers: servers?.map((server) => serverPart(server, format, t)) ?? [],
    }
  }

  #hasCopies(): boolean {
    return this.#sources.services.facts.cached === 'copies'
  }

  async #servers(): Promise<ServerFigures[] | undefined> {
    const ask = this.#sources.services.cache?.serverStats
    return ask === undefined ? undefined : await serverFigures(ask)
  }

  async #names(counted: SessionCount): Promise<ReadonlyMap<string, string>> {
    const { services, security } = this.#sources
    const largest = counted.state === 'known' ? counted.statistics.largest : []
    const ids = [...largest, ...security.latest].flatMap(({ userId }) => userId ?? [])
    return await services.users.namesOf([...ids, ...security.latest.flatMap(({ by }) => by ?? [])])
  }

  #security(format: Format, t: Translate, nameOf: (id: string) => string) {
    return this.#sources.security.latest.map(({ event, at, usual, userId, address, by, count }) => ({
      label: t(SECURITY_LABELS[event]),
      usual,
      user: userId === null ? null : nameOf(userId),
      by: by === null ? null : nameOf(by),
      address,
      at,
      iso: new Date(at).toISOString(),
      ago: format.ago(at),
      count: count === 1 ? null : format.count(count),
    }))
  }

  #table(format: Format) {
    return this.#sources.samples
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

/** The name of a user; accounts that are gone, or of other applications, have only their id. */
function nameIn(names: ReadonlyMap<string, string>, t: Translate): (id: string) => string {
  return (id) => names.get(id) ?? t('account {id}', { id })
}

/** The summary; with what to do about figures that are beyond their alert level. */
function overall(cards: readonly Card[], tiles: readonly Tile[], t: Translate) {
  const rated = [...cards, ...tiles.filter(({ state }) => state !== undefined)]
  const inState = (wanted: State) => rated.filter(({ state }) => state === wanted)
  const names = (found: readonly { readonly label: string }[]) => ({
    names: found.map(({ label }) => label).join(', '),
  })
  const [alerts, missed] = [inState('alert'), inState('missed')]
  const remedies = alerts.map((one) => ({ label: one.label, text: 'remedy' in one ? one.remedy : one.description }))
  const says = (state: State, text: string) => ({ state, text, remedies })
  if (alerts.length > 0) return says('alert', t('Act now: {names}.', names(alerts)))
  if (missed.length > 0) return says('missed', t('Keep an eye on: {names}.', names(missed)))
  if (cards.some(({ state }) => state === 'good')) return says('good', t('All is well.'))
  return says(
    'none',
    t('There is too little traffic to judge by: fewer than {count} events of each kind.', { count: MIN_EVENTS }),
  )
}

function times({ responses, loading, saving }: Counts, { milliseconds }: Format, hasStore: boolean) {
  const row = (label: string, counts: readonly number[], bounds: readonly number[]) => ({
    label,
    values: [0.5, 0.95, 0.99].map((part) =>
      counts.at(-1) === 0 ? '–' : milliseconds(quantile(part, counts, bounds) * 1000),
    ),
  })
  const whole = row('Response', responses, RESPONSE_BOUNDS)
  if (!hasStore) return [whole]
  const load = row('Loading a session', loading, OPERATION_BOUNDS)
  return [whole, load, row('Saving a session', saving, OPERATION_BOUNDS)]
}
