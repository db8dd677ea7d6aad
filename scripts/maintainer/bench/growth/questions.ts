import { requestPages, SECONDS_PER_LOAD, SECONDS_PER_SESSION, secondsOfWarmUp } from '../rounds.ts'
import type { Kind } from '../session-pages.ts'
import {
  CONCURRENT,
  CONNECTIONS,
  hotSession,
  MEMORY_SECONDS,
  MEMORY_SESSIONS,
  memoryOf,
  type Row,
  readAndChange,
  SESSIONS,
  type Subject,
  work,
} from './measurements.ts'

/** Options for all questions. */
export interface GrowthOptions {
  readonly seconds: number
  /** Of stored sessions. */
  readonly max: number
}

/** How one quantity changes the cost of a request. */
export interface Question {
  readonly about: string
  readonly unit: string
  /** Candidates unless others are chosen. */
  readonly candidates: readonly string[]
  /** What is requested before the first row. */
  readonly firstWarmUp: readonly Kind[]
  /** Yields its rows as they are measured; see {@link rowsOf}. */
  ask(subject: Subject, options: GrowthOptions): AsyncGenerator<Row>
  /** How long it will take for a candidate on a quiet machine, without its first warm-up. */
  expected(candidate: string, options: GrowthOptions): number
}

const STORED = ['db', 'cache-redis', 'file', 'db-postgresql', 'db-mariadb']
const COOKIES = ['signed_cookies-sealed', 'hybrid']
const STORES = ['memory', 'cache-memory', 'cache-memcached', 'cached_db', ...STORED]
const STEPS = {
  stored: [1000, 100_000, 1_000_000],
  bytes: [300, 4000, 60_000],
  slices: [1, 4, 16, 64],
  connections: [1, 8, 32, 128, 1024],
}
// More take hours with one file each, or with a commit that is on the disk for each.
const MAX_SLOW = 100_000
const SLOW = ['file', 'db-postgresql', 'db-mariadb']
const CLEARED = 100_000
// Fewer are created before V8 has compiled the code.
const MIN_CREATED = 10_000

export const QUESTIONS: Readonly<Record<string, Question>> = {
  stored: {
    about: 'Sessions that are stored already, and clearing 100,000 expired ones among them',
    unit: 'sessions',
    candidates: STORED,
    firstWarmUp: ['read', 'change'],
    async *ask(subject, options) {
      const { running, gate } = subject
      let stored = 0
      for (const { at, expired } of storedSteps(running.name, options)) {
        const count = at - stored
        const fill = await work(running, { type: 'fill', count, expired: false })
        const perSecond = count < MIN_CREATED ? null : (count / (fill.milliseconds ?? 1)) * 1000
        stored = at
        const row = await readAndChange(subject, at)
        if (expired > 0) await work(running, { type: 'fill', count: expired, expired: true })
        const { result, clean, other } = await gate.watch(
          () => work(running, { type: 'clear' }),
          // There is nothing left to clear again.
          () => true,
        )
        const cleared = result.cleared ?? 0
        const seconds100k = cleared === 0 ? null : ((result.milliseconds ?? 0) / cleared / 1000) * 100_000
        const figures = { ...row.figures, 'created/s': perSecond, 'clear 100k s': clean ? seconds100k : null }
        yield { ...row, figures, other: Math.max(row.other, clean ? 0 : other) }
      }
    },
    expected(candidate, options) {
      const steps = storedSteps(candidate, options)
      const cleared = steps.reduce((sum, { expired }) => sum + expired, 0)
      const created = cleared + (steps.at(-1)?.at ?? 0)
      return (
        created / (CREATED_PER_SECOND[candidate] ?? 5000) +
        cleared / (CLEARED_PER_SECOND[candidate] ?? CLEARED_ELSEWHERE_PER_SECOND) +
        steps.length * pair(options)
      )
    },
  },
  size: {
    about: 'The size of a session',
    unit: 'bytes',
    candidates: [...STORED, 'memory', 'cached_db', 'hybrid'],
    firstWarmUp: ['read', 'change'],
    async *ask(subject) {
      for (const at of STEPS.bytes) {
        yield await readAndChange(subject, at, { begin: `begin?bytes=${Math.max(0, at - 300)}` })
      }
    },
    expected: (_candidate, options) => STEPS.bytes.length * pair(options),
  },
  slices: {
    about: 'Slices in a session, of 20 bytes each; the pages use none of them',
    unit: 'slices',
    candidates: ['signed_cookies-sealed', 'memory', 'db', 'cache-redis'],
    firstWarmUp: ['read', 'change'],
    async *ask(subject) {
      for (const at of STEPS.slices) yield await readAndChange(subject, at, { begin: `begin?slices=${at}` })
    },
    expected: (_candidate, options) => STEPS.slices.length * pair(options),
  },
  connections: {
    about: 'Requests at once, each of another session',
    unit: 'connections',
    candidates: ['koa', 'signed_cookies-sealed', 'memory', 'db', 'cache-redis', 'cached_db', 'db-postgresql'],
    firstWarmUp: ['read', 'change'],
    async *ask(subject) {
      for (const at of STEPS.connections)
        yield await readAndChange(subject, at, { connections: at, sessions: sessionsFor(at) })
    },
    expected: (_candidate, options) => STEPS.connections.reduce((sum, at) => sum + pair(options, sessionsFor(at)), 0),
  },
  hot: {
    about: `Changes of one session, ${CONCURRENT} at once`,
    unit: 'changes at once',
    candidates: STORES,
    firstWarmUp: ['change'],
    async *ask(subject) {
      yield await hotSession(subject)
    },
    expected: (_candidate, { seconds }) => 2 * seconds,
  },
  memory: {
    about: 'Memory after 10,000 sessions were begun and read',
    unit: 'sessions',
    candidates: [...COOKIES, ...STORES, 'cache-redis-local', 'cached_db-behind'],
    // It leaves free memory, and a large log of SQLite: what the sessions take would be hidden.
    firstWarmUp: [],
    async *ask(subject) {
      yield await memoryOf(subject)
    },
    expected: () => 2 * MEMORY_SECONDS + MEMORY_SESSIONS * SECONDS_PER_SESSION,
  },
}

const LOAD = { sessions: SESSIONS, connections: CONNECTIONS }

/** Yields the rows of a candidate as they are measured, of which the first is not colder than the others. */
export async function* rowsOf({ firstWarmUp, ask }: Question, subject: Subject, options: GrowthOptions) {
  await requestPages(subject.benchmark, { ...LOAD, seconds: subject.seconds }, firstWarmUp)
  yield* ask(subject, options)
}

/** How long {@link rowsOf} takes on a quiet machine. */
export function expectedSeconds(
  { firstWarmUp, expected }: Question,
  candidate: string,
  options: GrowthOptions,
): number {
  return firstWarmUp.length * secondsOfWarmUp({ ...LOAD, seconds: options.seconds }) + expected(candidate, options)
}

// Estimates for a quiet machine of 2 cores.
const CREATED_PER_SECOND: Readonly<Record<string, number>> = {
  db: 9000,
  'cache-redis': 18_000,
  file: 2000,
  'db-postgresql': 7000,
  'db-mariadb': 5000,
}
const CLEARED_PER_SECOND: Readonly<Record<string, number>> = { file: 2000 }
const CLEARED_ELSEWHERE_PER_SECOND = 25_000

/** Reads and changes, each with its warm-up. */
function pair({ seconds }: GrowthOptions, sessions = SESSIONS): number {
  return 4 * (seconds + SECONDS_PER_LOAD + sessions * SECONDS_PER_SESSION)
}

function sessionsFor(connections: number): number {
  return Math.max(SESSIONS, connections)
}

/** How many sessions are stored, and how many expired ones are cleared among them: only where there are as many. */
function storedSteps(candidate: string, { max }: GrowthOptions) {
  const limit = SLOW.includes(candidate) ? Math.min(max, MAX_SLOW) : max
  const toClear = Math.min(CLEARED, limit)
  // Redis deletes them by itself.
  const clears = candidate !== 'cache-redis'
  return STEPS.stored.filter((at) => at <= limit).map((at) => ({ at, expired: clears && at >= toClear ? toClear : 0 }))
}
