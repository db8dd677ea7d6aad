import { caches, engines, formats } from '../../../src/storage/index.ts'
import type { Floor } from './floors.ts'

/** The servers that a candidate may need beside its own process. */
export type BackendName = 'redis' | 'memcached'

/** One line of the benchmark: an application with the same pages as all others. */
export interface Candidate {
  readonly about: string
  /**
   * `koa` has no sessions, `koa-session` is the peer, `engine` is this project's middleware with the engine that the
   * settings name, `memory` the same on the store that no setting names, `floor` a hand-written middleware on the medium
   * that FLOOR names.
   */
  readonly application: 'koa' | 'koa-session' | 'memory' | 'engine' | 'floor'
  /** Variables as in `.env`; what is not named here has its default. */
  readonly settings?: Readonly<Record<string, string>>
  /** Its address becomes CACHE_URL. */
  readonly needs?: BackendName
  /** Whether the key before a login must be worth nothing after it; a session in a cookie cannot be taken back. */
  readonly revokes: boolean
  /** Another candidate whose changes this one's are compared with, beside bare Koa's. */
  readonly beside?: string
  /** The hand-written middleware on the same medium, without which there is no more to gain. */
  readonly floor?: string
}

/** What every ratio is relative to. */
export const REFERENCE = 'koa'

const memory = { CACHE_URL: 'memory:' }
const cookie = { application: 'engine', revokes: false } as const
const stored = { application: 'engine', revokes: true } as const
const redis = { ...stored, needs: 'redis', floor: 'floor-redis' } as const
const cachedDatabase = { ...redis, beside: 'db' } as const
const sealed = { ...cookie, floor: 'floor-sealed' } as const
const django = { ...cookie, floor: 'floor-django' } as const

const ALL: Readonly<Record<string, Candidate>> = {
  [REFERENCE]: { about: 'Koa without sessions', application: 'koa', revokes: false },
  'koa-session': { about: 'koa-session, in its cookie', application: 'koa-session', revokes: false },
  'floor-sealed': floor('sealed', 'in a sealed cookie'),
  'signed_cookies-sealed': { ...sealed, about: 'in a sealed cookie', settings: engine('signed_cookies', 'sealed') },
  hybrid: { ...sealed, about: 'in the cookie while they fit', settings: engine('hybrid') },
  'floor-django': floor('django', 'in a signed cookie'),
  'signed_cookies-django': { ...django, about: 'in a cookie of Django', settings: engine('signed_cookies', 'django') },
  'floor-memory': floor('memory', "in this process's memory"),
  memory: { about: "in this process's memory", application: 'memory', revokes: true, floor: 'floor-memory' },
  'cache-memory': {
    ...stored,
    about: 'in a cache in this process',
    settings: { ...engine('cache'), ...memory },
    floor: 'floor-memory',
  },
  'floor-redis': { ...floor('redis', 'in Redis'), needs: 'redis' },
  'cache-redis': { ...redis, about: 'in Redis', settings: engine('cache') },
  'cache-redis-local': {
    ...redis,
    about: 'the same, with copies in this process',
    settings: { ...engine('cache'), CACHE_LOCAL_ENTRIES: '1000' },
  },
  'cache-memcached': { ...stored, about: 'in Memcached', settings: engine('cache'), needs: 'memcached' },
  cached_db: { ...cachedDatabase, about: 'in SQLite, copies in Redis', settings: cachedDb('write_through') },
  'cached_db-aside': { ...cachedDatabase, about: 'the same, copied when read', settings: cachedDb('cache_aside') },
  'cached_db-behind': { ...cachedDatabase, about: 'in Redis, then in SQLite', settings: cachedDb('write_behind') },
  'floor-sqlite': floor('sqlite', 'in SQLite'),
  db: { ...stored, about: 'in SQLite', settings: engine('db'), floor: 'floor-sqlite' },
  'floor-file': floor('file', 'in files'),
  file: { ...stored, about: 'in files', settings: engine('file'), floor: 'floor-file' },
}

/** All candidates of this project by the name that `--only` takes. */
export const CANDIDATES: Readonly<Record<string, Candidate>> = Object.fromEntries(
  Object.entries(ALL).filter(([, { settings = {}, needs }]) => {
    const { SESSION_ENGINE: engine, SESSION_FORMAT: format, CACHE_URL: url } = settings
    return (
      (engine === undefined || engines.some(({ name }) => name === engine)) &&
      (format === undefined || formats.some(({ name }) => name === format)) &&
      (url === undefined || caches.some(({ address }) => address.test(url))) &&
      (needs === undefined || caches.some(({ name }) => name === needs))
    )
  }),
)

function engine(name: string, format = 'sealed'): Record<string, string> {
  return { SESSION_ENGINE: name, SESSION_FORMAT: format }
}

function cachedDb(strategy: string): Record<string, string> {
  return { ...engine('cached_db'), SESSION_CACHE_STRATEGY: strategy }
}

/** The least that the work on a medium costs: no guarantee is kept, so changes of overlapping requests get lost. */
function floor(medium: Floor, about: string): Candidate {
  return { about: `written by hand, ${about}`, application: 'floor', settings: { FLOOR: medium }, revokes: false }
}
