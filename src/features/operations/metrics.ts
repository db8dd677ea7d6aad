import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { Services } from '../../services.ts'
import type { SecurityKind, SessionEvent } from '../../session/core/events.ts'
import { collectServerFigures } from './cache-servers.ts'
import { poolUse } from './pool.ts'
import { ProcessFigures } from './process-figures.ts'

/** The counts since the process started. Buckets are cumulative: one for each bound, and one for the total. */
export interface Counts {
  readonly reads: number
  readonly saves: number
  readonly conflicts: number
  readonly ended: number
  readonly hits: number
  readonly misses: number
  readonly written: number
  readonly writeFailed: number
  readonly fallbacks: number
  readonly responses: readonly number[]
  readonly loading: readonly number[]
  readonly saving: readonly number[]
  readonly security: Readonly<Record<string, number>>
}

type CacheOutcome = (SessionEvent & { type: 'cache' })['outcome']

/** Upper bounds of the response histogram in seconds. Both thresholds are bounds, so comparing with them is exact. */
export const RESPONSE_BOUNDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1, 2.5, 10]
/** Upper bounds of the histogram of operations on the store, in seconds. */
export const OPERATION_BOUNDS = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1]
const SIZE_BOUNDS = [256, 512, 1024, 2048, 4096, 8192, 16_384, 32_768, 65_536]

// As objects, so that the compiler reports a new kind without a series.
const CACHE_OUTCOMES: Record<CacheOutcome, true> = {
  hit: true,
  miss: true,
  filled: true,
  stale: true,
  failed: true,
  written: true,
  'write-failed': true,
}
const SECURITY_KINDS: Record<SecurityKind, true> = {
  'duplicate-cookie': true,
  'malformed-cookie': true,
  'unknown-key': true,
  undecodable: true,
  revoked: true,
}
const OUTCOMES = {
  load: ['done', 'missing', 'failed'],
  create: ['done', 'failed'],
  save: ['saved', 'conflict', 'missing', 'failed'],
  touch: ['done', 'conflict', 'missing', 'failed'],
  delete: ['done', 'conflict', 'missing', 'failed'],
  cycle: ['done', 'conflict', 'missing', 'failed'],
} as const

/**
 * The metrics of one application, for Prometheus. Labels contain nothing of visitors: all their values are in the lists
 * above, so the number of series does not grow with traffic.
 */
export class Metrics {
  readonly #registry = new Registry()
  readonly #engine: string
  #waiting = 0

  readonly #operations = this.#histogram(
    'session_operation_seconds',
    'Duration of the operations of the session store.',
    OPERATION_BOUNDS,
    ['engine', 'operation', 'outcome'],
  )
  readonly #sizes = this.#histogram('session_bytes', 'Encoded size of saved sessions.', SIZE_BOUNDS, ['engine'])
  readonly #conflicts = this.#counter('session_conflicts_total', 'Saves that found a newer version and were retried.')
  readonly #replays = this.#counter(
    'session_replays_total',
    'Saves whose changes were applied to a newer version than the one that was read.',
  )
  readonly #forwards = this.#counter('session_forwards_total', 'Late requests with the key before a change of key.')
  readonly #ended = this.#counter('session_ended_elsewhere_total', 'Changes refused because the session had ended.')
  readonly #security = this.#counter('session_security_events_total', 'Cookies without a session.', 'kind')
  readonly #cache = this.#counter('session_cache_total', 'Results of the cache in front of the database.', 'outcome')
  readonly #fallbacks = this.#counter('session_fallbacks_total', 'Reads from the database because the cache was down.')
  readonly #overflows = this.#counter(
    'session_overflows_total',
    'Sessions that were too large for their cookie and lost keys, as the settings allow.',
  )
  readonly #limits = this.#counter(
    'session_limits_total',
    'Limits of new sessions per address (once a minute) and of sessions per user that were nearly reached or exceeded.',
    'of',
    'state',
  )
  readonly #responses = this.#histogram(
    'http_response_seconds',
    'Time until the response was ready, by status class.',
    RESPONSE_BOUNDS,
    ['status'],
  )

  /** The process that is measured. */
  readonly process = new ProcessFigures()

  constructor(services: Pick<Services, 'engine' | 'cache' | 'knex'>) {
    this.#engine = services.engine.name
    this.process.register(this.#registry)
    this.#startAtZero()
    this.#addGauges(services)
  }

  /** Called in every request, so it only counts. */
  observe(event: SessionEvent): void {
    if (event.type === 'operation') {
      const { operation, outcome, milliseconds } = event
      this.#operations.observe(
        { engine: this.#engine, operation, outcome: knownOutcome(operation, outcome) },
        milliseconds / 1000,
      )
    } else if (event.type === 'cache') this.#cache.inc({ outcome: event.outcome })
    else if (event.type === 'size') this.#sizes.observe({ engine: this.#engine }, event.bytes)
    else if (event.type === 'security') this.#security.inc({ kind: event.kind })
    else if (event.type === 'conflict') this.#conflicts.inc()
    else if (event.type === 'replayed') this.#replays.inc()
    else if (event.type === 'forward') this.#forwards.inc()
    else if (event.type === 'ended') this.#ended.inc()
    else if (event.type === 'fallback') this.#fallbacks.inc()
    else if (event.type === 'overflow') this.#overflows.inc()
    else if (event.type === 'session-limit') this.#limits.inc({ of: event.of, state: event.state })
    else if (event.type === 'write-behind') this.#waiting = event.waiting
  }

  /** Counts a response. */
  responded(status: number, milliseconds: number): void {
    this.#responses.observe({ status: `${Math.trunc(status / 100)}xx` }, milliseconds / 1000)
  }

  /** Everything in the text format of Prometheus. */
  async text(): Promise<{ type: string; body: string }> {
    return { type: this.#registry.contentType, body: await this.#registry.metrics() }
  }

  /** Sessions whose latest version is not in the database yet. */
  get waiting(): number {
    return this.#waiting
  }

  async counts(): Promise<Counts> {
    const [operations, responses, cache, security, conflicts, ended, fallbacks] = await Promise.all([
      this.#operations.get(),
      this.#responses.get(),
      this.#cache.get(),
      this.#security.get(),
      this.#conflicts.get(),
      this.#ended.get(),
      this.#fallbacks.get(),
    ])
    const of = (operation: string) => operations.values.filter(({ labels }) => labels['operation'] === operation)
    const outcome = (name: string) => sum(cache.values.filter(({ labels }) => labels['outcome'] === name))
    const loading = cumulative(of('load'), OPERATION_BOUNDS)
    const saving = cumulative(of('save'), OPERATION_BOUNDS)
    return {
      reads: loading.at(-1) ?? 0,
      saves: saving.at(-1) ?? 0,
      conflicts: sum(conflicts.values),
      ended: sum(ended.values),
      hits: outcome('hit'),
      misses: outcome('miss'),
      written: outcome('written') + outcome('filled'),
      writeFailed: outcome('write-failed'),
      fallbacks: sum(fallbacks.values),
      responses: cumulative(responses.values, RESPONSE_BOUNDS),
      loading,
      saving,
      security: Object.fromEntries(security.values.map(({ labels, value }) => [String(labels['kind']), value])),
    }
  }

  // A rate needs a first value, and an alert on a missing series never fires.
  #startAtZero(): void {
    for (const [operation, outcomes] of Object.entries(OUTCOMES)) {
      for (const outcome of outcomes) this.#operations.zero({ engine: this.#engine, operation, outcome })
    }
    for (const outcome of Object.keys(CACHE_OUTCOMES)) this.#cache.inc({ outcome }, 0)
    for (const kind of Object.keys(SECURITY_KINDS)) this.#security.inc({ kind }, 0)
    for (const of of ['address', 'user']) for (const state of ['nearly', 'exceeded']) this.#limits.inc({ of, state }, 0)
    for (const status of ['2xx', '3xx', '4xx', '5xx']) this.#responses.zero({ status })
  }

  #addGauges({ cache, knex }: Pick<Services, 'cache' | 'knex'>): void {
    const registers = [this.#registry]
    const waiting = () => this.#waiting
    new Gauge({
      name: 'holdfast_session_write_behind_waiting',
      help: 'Sessions whose latest version is not in the database yet.',
      registers,
      collect() {
        this.set(waiting())
      },
    })
    new Gauge({
      name: 'holdfast_database_connections',
      help: 'Connections of the pool: used, free; pending: requests that wait for one.',
      labelNames: ['state'],
      registers,
      collect() {
        for (const [state, count] of Object.entries(poolUse(knex))) this.set({ state }, count)
      },
    })
    // Also without a cache, so that the series exists for the alert.
    new Gauge({
      name: 'holdfast_cache_up',
      help: '0 while the cache is down, otherwise 1.',
      registers,
      collect() {
        this.set(cache?.state === 'down' ? 0 : 1)
      },
    })
    const ask = cache?.serverStats
    if (ask !== undefined) collectServerFigures(this.#registry, ask)
  }

  #counter<Label extends string>(name: string, help: string, ...labelNames: Label[]): Counter<Label> {
    return new Counter({ name: `holdfast_${name}`, help, labelNames, registers: [this.#registry] })
  }

  #histogram<Label extends string>(name: string, help: string, buckets: number[], labelNames: Label[]) {
    return new Histogram({ name: `holdfast_${name}`, help, buckets, labelNames, registers: [this.#registry] })
  }
}

/** The outcome if it is in the list: custom stores must not add labels. */
function knownOutcome(operation: keyof typeof OUTCOMES, outcome: string): string {
  const outcomes: readonly string[] = OUTCOMES[operation]
  return outcomes.includes(outcome) ? outcome : 'done'
}

interface Value {
  readonly value: number
  readonly labels: Readonly<Record<string, string | number | undefined>>
  readonly metricName?: string | undefined
}

function sum(values: readonly Value[]): number {
  return values.reduce((total, { value }) => total + value, 0)
}

function cumulative(values: readonly Value[], bounds: readonly number[]): number[] {
  return [...bounds, '+Inf'].map((bound) => sum(values.filter(({ labels }) => labels['le'] === bound)))
}
