import { type Counts, RESPONSE_BOUNDS } from './metrics.ts'

/** A monitored figure with its thresholds. Shares are 0 to 1, times are milliseconds. */
export interface Figure {
  readonly id: string
  readonly label: string
  readonly unit: 'share' | 'milliseconds'
  /** Which side of target and alert level is bad. */
  readonly bad: 'above' | 'below'
  readonly target: number
  readonly alert: number
  /** A few words below the value. */
  readonly help: string
  /** What it means, and what to do on an alert: one sentence each, for somebody who has never seen it. */
  readonly description: string
  readonly remedy: string
  /** Which engines have it: all, those with a store, those with a cache in front of a database. */
  readonly engines: 'all' | 'store' | 'copies'
  /** The value in an interval, and the number of events that it is based on. */
  read(counts: Counts): { value: number; events: number }
}

/** The thresholds of the dashboard; `ops/prometheus/operations.rules.yml` has the same, and a test compares them. */
export const FIGURES: readonly Figure[] = [
  {
    id: 'response',
    label: 'Response time, P95',
    unit: 'milliseconds',
    bad: 'above',
    target: 100,
    alert: 200,
    help: '95 of 100 were faster.',
    description: '95 of 100 responses were ready within this time.',
    remedy:
      'Check in the table of times whether sessions are the slow part; if not, look for the slowest pages in the log.',
    engines: 'all',
    read: ({ responses }) => ({
      value: quantile(0.95, responses, RESPONSE_BOUNDS) * 1000,
      events: responses.at(-1) ?? 0,
    }),
  },
  {
    id: 'conflicts',
    label: 'Conflicts',
    unit: 'share',
    bad: 'above',
    target: 0.05,
    alert: 0.2,
    help: 'Saves that met a newer state.',
    description:
      'Saves that met a newer state of the session; the change was applied to that one, and nothing was lost.',
    remedy: 'Look for a page that sends several changing requests at once, and for clients that keep repeating them.',
    engines: 'store',
    read: ({ conflicts, saves }) => share(conflicts, saves),
  },
  {
    id: 'ended',
    label: 'Ended elsewhere',
    unit: 'share',
    bad: 'above',
    target: 0.01,
    alert: 0.05,
    help: 'Changes after the end.',
    description: 'Changes that came too late: the session had been ended meanwhile, and they were refused.',
    remedy:
      'After a wave of sign-outs this passes by itself; otherwise a client keeps sending requests with ended sessions.',
    engines: 'store',
    read: ({ ended, saves }) => share(ended, saves),
  },
  {
    id: 'hits',
    label: 'Cache hit ratio',
    unit: 'share',
    bad: 'below',
    target: 0.8,
    alert: 0.7,
    help: 'Reads without the database.',
    description: 'Reads that the cache answered without asking the database.',
    remedy:
      'Give the cache more memory if it evicts, raise SESSION_CACHE_TIMEOUT, or warm it with "npm run sessions -- warm".',
    engines: 'copies',
    read: ({ hits, misses }) => share(hits, hits + misses),
  },
  {
    id: 'writes',
    label: 'Cache write success',
    unit: 'share',
    bad: 'below',
    target: 0.95,
    alert: 0.9,
    help: 'Confirmed in time.',
    description: 'Writes to the cache that it confirmed in time.',
    remedy:
      'Check that the cache can be reached and has memory left; a slow network may need a longer CACHE_COMMAND_TIMEOUT.',
    engines: 'copies',
    read: ({ written, writeFailed }) => share(written, written + writeFailed),
  },
  {
    id: 'fallbacks',
    label: 'Database fallback',
    unit: 'share',
    bad: 'above',
    target: 0.2,
    alert: 0.3,
    help: 'Reads without the cache.',
    description: 'Reads that went to the database because the cache was down or could not be trusted.',
    remedy: 'Repair the cache. Pages stay correct in the meantime, but the database carries the whole load.',
    engines: 'copies',
    read: ({ fallbacks, reads }) => share(fallbacks, reads),
  },
]

/** The state of a figure. `none`: no events yet; `few`: too few events. */
export type State = 'good' | 'missed' | 'alert' | 'few' | 'none'

/** Fewer events say nothing; the alert rules have the same limit. */
export const MIN_EVENTS = 20

/** Compares a value with the target and the alert level of its figure. */
export function evaluate({ bad, target, alert }: Figure, { value, events }: { value: number; events: number }): State {
  if (events === 0) return 'none'
  if (events < MIN_EVENTS) return 'few'
  const beyond = (level: number) => (bad === 'above' ? value > level : value < level)
  if (beyond(alert)) return 'alert'
  return beyond(target) ? 'missed' : 'good'
}

/** The counts between two samples. */
export function difference(earlier: Counts, later: Counts): Counts {
  const subtract = (name: NumberKey) => later[name] - earlier[name]
  const subtractEach = (name: 'responses' | 'loading' | 'saving') =>
    later[name].map((count, index) => count - (earlier[name][index] ?? 0))
  return {
    reads: subtract('reads'),
    saves: subtract('saves'),
    conflicts: subtract('conflicts'),
    ended: subtract('ended'),
    hits: subtract('hits'),
    misses: subtract('misses'),
    written: subtract('written'),
    writeFailed: subtract('writeFailed'),
    fallbacks: subtract('fallbacks'),
    responses: subtractEach('responses'),
    loading: subtractEach('loading'),
    saving: subtractEach('saving'),
    security: Object.fromEntries(
      Object.entries(later.security).map(([kind, count]) => [kind, count - (earlier.security[kind] ?? 0)]),
    ),
  }
}

type NumberKey = { [Name in keyof Counts]: Counts[Name] extends number ? Name : never }[keyof Counts]

/**
 * A quantile, interpolated within its bucket as Prometheus does; 0 without events.
 *
 * @param part the quantile, 0 to 1
 * @param cumulative counts up to each bound, and the total
 */
export function quantile(part: number, cumulative: readonly number[], bounds: readonly number[]): number {
  const rank = part * (cumulative.at(-1) ?? 0)
  if (rank === 0) return 0
  const bucket = cumulative.findIndex((count) => count >= rank)
  const upper = bounds[bucket]
  // Above the last bound nothing more is known.
  if (upper === undefined) return bounds.at(-1) ?? 0
  const lower = bounds[bucket - 1] ?? 0
  const before = cumulative[bucket - 1] ?? 0
  const inside = (cumulative[bucket] ?? 0) - before
  return lower + ((upper - lower) * (rank - before)) / inside
}

function share(part: number, whole: number): { value: number; events: number } {
  return { value: whole === 0 ? 0 : part / whole, events: whole }
}
