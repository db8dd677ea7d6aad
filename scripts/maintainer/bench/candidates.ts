import { caches, engines, formats } from '../../../src/storage/index.ts'
import type { Floor } from './floors.ts'

/** The servers that a candidate may need beside its own process. */
export type BackendName = 'redis' | 'memcached' | 'postgres' | 'mariadb'

/** What a candidate is meant to reach: shares of bare Koa's requests per second. */
export interface Targets {
  readonly none?: number
  readonly read?: number
  readonly change?: number
  /** Of a change, as a share of the candidate that {@link Candidate.beside} names. */
  readonly besideChange?: number
  /** Milliseconds. */
  readonly p99Read?: number
  readonly p99Change?: number
}

/** One line of the benchmark: an application with the same pages as all others. */
export interface Candidate {
  readonly about: string
  /**
   * `koa` has no sessions, `koa-session` is the peer, `engine` is this project's middleware with the engine that the
   * settings name, `memory` the same on the store that no setting names, `floor` a hand-written middleware on the medium
   * that FLOOR names, `peer` other middleware in its own folder, `bare-peer` its framework without sessions.
   */
  readonly application: 'koa' | 'koa-session' | 'memory' | 'engine' | 'floor' | 'peer' | 'bare-peer'
  /** Variables as in `.env`; what is not named here has its default. */
  readonly settings?: Readonly<Record<string, string>>
  /** Their addresses become CACHE_URL or DATABASE_URL. */
  readonly needs?: readonly BackendName[]
  /** Whether the key before a login must be worth nothing after it; a session in a cookie cannot be taken back. */
  readonly revokes: boolean
  /** Another candidate whose changes this one's are compared with, beside bare Koa's. */
  readonly beside?: string
  /** The hand-written middleware with the same input and output, without which there is no more to gain. */
  readonly floor?: string
  readonly targets?: Targets
  /** Flags of node for its server. */
  readonly nodeFlags?: readonly string[]
}

/** What every ratio is relative to. */
export const REFERENCE = 'koa'

/** CPU time per request without HTTP, as a multiple of the floor's; of bare Koa's for a page without a session. */
export const MAX_FLOOR_RATIO = 1.3

const memory = { CACHE_URL: 'memory:' }
const cookie = { application: 'engine', revokes: false } as const
const stored = { application: 'engine', revokes: true } as const
const redis = { ...stored, needs: ['redis'], floor: 'floor-redis' } as const
const cachedDatabase = {
  ...stored,
  needs: ['redis'],
  beside: 'db',
  targets: targets(0.5, { besideChange: 0.9 }),
} as const
const sealed = { ...cookie, floor: 'floor-sealed' } as const
const django = { ...cookie, floor: 'floor-django' } as const

const ALL: Readonly<Record<string, Candidate>> = {
  [REFERENCE]: { about: 'Koa without sessions', application: 'koa', revokes: false },
  'koa-session': { about: 'koa-session, in its cookie', application: 'koa-session', revokes: false },
  'floor-sealed': floor('sealed', 'in a sealed cookie'),
  'signed_cookies-sealed': {
    ...sealed,
    about: 'in a sealed cookie',
    settings: engine('signed_cookies', 'sealed'),
    targets: targets(0.68, { change: 0.47 }),
  },
  hybrid: {
    ...sealed,
    about: 'in the cookie while they fit',
    settings: engine('hybrid'),
    targets: targets(0.65, { change: 0.45 }),
  },
  'floor-django': floor('django', 'in a signed cookie'),
  'signed_cookies-django': {
    ...django,
    about: 'in a cookie of Django',
    settings: engine('signed_cookies', 'django'),
    targets: targets(0.65, { change: 0.45 }),
  },
  'floor-memory': floor('memory', "in this process's memory"),
  memory: {
    about: "in this process's memory",
    application: 'memory',
    revokes: true,
    floor: 'floor-memory',
    targets: targets(0.65, { change: 0.5 }),
  },
  'cache-memory': {
    ...stored,
    about: 'in a cache in this process',
    settings: { ...engine('cache'), ...memory },
    floor: 'floor-memory',
    targets: targets(0.65, { change: 0.5 }),
  },
  'floor-redis': { ...floor('redis', 'in Redis'), needs: ['redis'] },
  'cache-redis': {
    ...redis,
    about: 'in Redis',
    settings: engine('cache'),
    targets: targets(0.5, { change: 0.32, p99Read: 5, p99Change: 8 }),
  },
  'cache-redis-local': {
    ...redis,
    about: 'the same, with copies in this process',
    settings: { ...engine('cache'), CACHE_LOCAL_ENTRIES: '1000' },
    targets: targets(0.62, { change: 0.32 }),
  },
  'cache-memcached': { ...stored, about: 'in Memcached', settings: engine('cache'), needs: ['memcached'] },
  'floor-cached': { ...floor('cached', 'in SQLite, copies in Redis'), needs: ['redis'] },
  cached_db: {
    ...cachedDatabase,
    about: 'in SQLite, copies in Redis',
    settings: cachedDb('write_through'),
    floor: 'floor-cached',
  },
  'cached_db-aside': { ...cachedDatabase, about: 'the same, copied when read', settings: cachedDb('cache_aside') },
  'cached_db-behind': { ...cachedDatabase, about: 'in Redis, then in SQLite', settings: cachedDb('write_behind') },
  'cached_db-postgresql': {
    ...stored,
    about: 'in PostgreSQL, copies in Redis',
    settings: cachedDb('write_through'),
    needs: ['redis', 'postgres'],
    beside: 'db-postgresql',
  },
  'floor-sqlite': floor('sqlite', 'in SQLite'),
  db: {
    ...stored,
    about: 'in SQLite',
    settings: engine('db'),
    floor: 'floor-sqlite',
    targets: targets(0.45, { change: 0.25 }),
  },
  'db-postgresql': { ...stored, about: 'in PostgreSQL', settings: engine('db'), needs: ['postgres'] },
  'db-mariadb': { ...stored, about: 'in MariaDB', settings: engine('db'), needs: ['mariadb'] },
  'floor-file': floor('file', 'in files'),
  file: {
    ...stored,
    about: 'in files',
    settings: engine('file'),
    floor: 'floor-file',
    targets: targets(0.25, { change: 0.06 }),
  },
}

/** All candidates of this project by the name that `--only` takes. */
export const CANDIDATES: Readonly<Record<string, Candidate>> = Object.fromEntries(
  Object.entries(ALL).filter(([, { settings = {}, needs = [] }]) => {
    const { SESSION_ENGINE: engine, SESSION_FORMAT: format, CACHE_URL: url } = settings
    const known = caches.map(({ name }) => name)
    return (
      (engine === undefined || engines.some(({ name }) => name === engine)) &&
      (format === undefined || formats.some(({ name }) => name === format)) &&
      (url === undefined || caches.some(({ address }) => address.test(url))) &&
      needs.every((name) => isDatabase(name) || known.includes(name))
    )
  }),
)

/** Returns whether it has sessions at all. */
export function hasSessions({ application }: Pick<Candidate, 'application'>): boolean {
  return application !== 'koa' && application !== 'bare-peer'
}

/** Returns whether its address is a DATABASE_URL, not a CACHE_URL. */
export function isDatabase(name: BackendName): name is 'postgres' | 'mariadb' {
  return name === 'postgres' || name === 'mariadb'
}

function engine(name: string, format = 'sealed'): Record<string, string> {
  return { SESSION_ENGINE: name, SESSION_FORMAT: format }
}

function cachedDb(strategy: string): Record<string, string> {
  return { ...engine('cached_db'), SESSION_CACHE_STRATEGY: strategy }
}

function targets(read: number, more: Targets): Targets {
  return { none: 0.95, read, ...more }
}

/** The least that the work on a medium costs: no guarantee is kept, so changes of overlapping requests get lost. */
function floor(medium: Floor, about: string): Candidate {
  return { about: `written by hand, ${about}`, application: 'floor', settings: { FLOOR: medium }, revokes: false }
}
