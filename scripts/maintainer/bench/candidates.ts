import { caches, engines, formats } from '../../../src/storage/index.ts'

/** The servers that a candidate may need beside its own process. */
export type BackendName = 'redis' | 'memcached'

/** One line of the benchmark: an application with the same pages as all others. */
export interface Candidate {
  readonly about: string
  /**
   * `koa` has no sessions, `koa-session` is the peer, `engine` is this project's middleware with the engine that the
   * settings name, `memory` the same on the store that no setting names.
   */
  readonly application: 'koa' | 'koa-session' | 'memory' | 'engine'
  /** Variables as in `.env`; what is not named here has its default. */
  readonly settings?: Readonly<Record<string, string>>
  /** Its address becomes CACHE_URL. */
  readonly needs?: BackendName
  /** Whether the key before a login must be worth nothing after it; a session in a cookie cannot be taken back. */
  readonly revokes: boolean
  /** Another candidate whose changes this one's are compared with, beside bare Koa's. */
  readonly beside?: string
}

/** What every ratio is relative to. */
export const REFERENCE = 'koa'

const memory = { CACHE_URL: 'memory:' }
const cookie = { application: 'engine', revokes: false } as const
const stored = { application: 'engine', revokes: true } as const
const cachedDatabase = { ...stored, needs: 'redis', beside: 'db' } as const

const ALL: Readonly<Record<string, Candidate>> = {
  [REFERENCE]: { about: 'Koa without sessions', application: 'koa', revokes: false },
  'koa-session': { about: 'koa-session, in its cookie', application: 'koa-session', revokes: false },
  'signed_cookies-sealed': { ...cookie, about: 'in a sealed cookie', settings: engine('signed_cookies', 'sealed') },
  'signed_cookies-django': { ...cookie, about: 'in a cookie of Django', settings: engine('signed_cookies', 'django') },
  hybrid: { ...cookie, about: 'in the cookie while they fit', settings: engine('hybrid') },
  memory: { about: "in this process's memory", application: 'memory', revokes: true },
  'cache-memory': { ...stored, about: 'in a cache in this process', settings: { ...engine('cache'), ...memory } },
  'cache-redis': { ...stored, about: 'in Redis', settings: engine('cache'), needs: 'redis' },
  'cache-memcached': { ...stored, about: 'in Memcached', settings: engine('cache'), needs: 'memcached' },
  cached_db: { ...cachedDatabase, about: 'in SQLite, copies in Redis', settings: cachedDb('write_through') },
  'cached_db-aside': { ...cachedDatabase, about: 'the same, copied when read', settings: cachedDb('cache_aside') },
  'cached_db-behind': { ...cachedDatabase, about: 'in Redis, then in SQLite', settings: cachedDb('write_behind') },
  db: { ...stored, about: 'in SQLite', settings: engine('db') },
  file: { ...stored, about: 'in files', settings: engine('file') },
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
