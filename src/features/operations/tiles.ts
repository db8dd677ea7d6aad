import type { Services } from '../../services.ts'
import type { Translate } from '../../web/i18n.ts'
import type { State } from './figures.ts'
import type { Format } from './formats.ts'
import { poolUse } from './pool.ts'
import type { ProcessUse } from './process-figures.ts'
import type { SessionCount } from './session-counter.ts'

/** A current value without a chart, in the visitor's language. */
export interface Tile {
  readonly id: string
  readonly label: string
  readonly value: string
  readonly help: string
  /** What it means and what to do about it. */
  readonly description: string
  /** Absent without a target. */
  readonly state?: State
}

// Writes that wait for the database. The queue is bounded: a save waits when it is full.
const WAITING_LEVELS = { target: 100, alert: 500 }

/** What the tiles are about. */
export interface Current {
  readonly services: Services
  readonly sessions: SessionCount
  readonly process: ProcessUse
  /** Sessions whose latest state is not in the database yet. */
  readonly waiting: number
}

/** The current values beside the figures with charts. */
export function currentTiles(current: Current, format: Format, t: Translate): Tile[] {
  return [
    ...sessionTiles(current, format, t),
    ...cacheTiles(current, format, t),
    ...processTiles(current, format, t),
    connectionTile(current, format, t),
  ]
}

function sessionTiles({ sessions, services }: Current, format: Format, t: Translate): Tile[] {
  if (sessions.state !== 'known') return []
  const { live, authenticated } = sessions.statistics
  return [
    {
      id: 'live',
      label: t('Live sessions'),
      value: format.count(live),
      help: services.keepsMetadata
        ? t('{count} of them are signed in.', { count: format.count(authenticated) })
        : t('In all processes.'),
      description: t('Counted in the store, for all processes. A table without users cannot tell who is signed in.'),
    },
  ]
}

function cacheTiles({ services: { cache, facts }, waiting }: Current, format: Format, t: Translate): Tile[] {
  const tiles: Tile[] = []
  if (cache !== undefined) {
    tiles.push({
      id: 'cache',
      label: t('State of the cache'),
      state: ({ up: 'good', down: 'alert' } as const)[cache.state],
      value: t(cache.state),
      help: cache.state === 'up' ? t('It answers.') : t('It does not answer.'),
      description: t(
        'Down: it failed to answer {count} times in a row, and no request uses it until it recovers. Find out why; it is used again within five seconds of its return.',
        { count: cache.maxFailures },
      ),
    })
  }
  if (facts.writesBehind) {
    tiles.push({
      id: 'waiting',
      label: t('Waiting for the database'),
      state: waiting > WAITING_LEVELS.alert ? 'alert' : waiting > WAITING_LEVELS.target ? 'missed' : 'good',
      value: format.count(waiting),
      help: t('Sessions saved in the cache first.'),
      description: t(
        'Their latest state is in the cache, and in the database a moment later. Target: at most {target}; alert: above {alert}. Check that the database answers; when the queue is full, saves wait for it.',
        WAITING_LEVELS,
      ),
    })
  }
  return tiles
}

function processTiles({ process }: Current, format: Format, t: Translate): Tile[] {
  const { resident, heapUsed, delay, collection } = process
  return [
    {
      id: 'memory',
      label: t('Memory'),
      value: format.bytes(resident),
      help: t('{size} of it JavaScript objects.', { size: format.bytes(heapUsed) }),
      description: t('Of this process. Memory that only grows is a leak.'),
    },
    {
      id: 'delay',
      label: t('Event-loop delay, P99'),
      value: delay === undefined ? '–' : format.milliseconds(delay.p99),
      help:
        delay === undefined ? t('Not measured yet.') : t('Longest: {time}.', { time: format.milliseconds(delay.max) }),
      description: t('How long everything waited in the last minute because something computed at a stretch.'),
    },
    {
      id: 'collection',
      label: t('Garbage collection'),
      value: format.share(collection.share),
      help: t('Longest pause: {time}.', { time: format.milliseconds(collection.longest) }),
      description: t(
        'Its share of the last minute. Above 10 % the process is short of memory or creates too many objects.',
      ),
    },
  ]
}

function connectionTile({ services }: Current, format: Format, t: Translate): Tile {
  const { used, free, pending } = poolUse(services.knex)
  return {
    id: 'connections',
    label: t('Database connections'),
    value: t('{used} of {total}', { used: format.count(used), total: format.count(used + free) }),
    help:
      pending === 0 ? t('No request is waiting.') : t('Requests waiting: {count}.', { count: format.count(pending) }),
    description: t(
      'In use, of those that are open. If requests often wait for one, the database is slow or its pool too small.',
    ),
  }
}
