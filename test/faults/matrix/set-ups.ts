import { caches, engines } from '../../../src/storage/index.ts'
import { serviceUrl } from '../../support/services.ts'

/** One way to run the application under test. */
export interface SetUp {
  readonly name: string
  readonly env: Readonly<Record<string, string>>
  /** Of the accounts, and of sessions that are in a table. */
  readonly database: 'SQLite' | 'PostgreSQL'
  readonly cache?: 'redis' | 'memcached' | 'memory'
  /** Where the decisive copy of a session is. */
  readonly records: 'table' | 'cache' | 'files' | 'cookies'
  /** The server that the faults concern; undefined if there is none. */
  readonly server?: 'database' | 'cache'
  /** How many application processes; 2 by default. */
  readonly processes?: 1
  /** All faults, or those that every engine must survive. */
  readonly faults: 'all' | 'some'
  /** Clients per visitor; 2 by default. Of overlapping changes in cookies only one lasts. */
  readonly tabs?: 1
  /** See the checker; of copies of a database's records in a cache, which the database may be ahead of. */
  readonly unsettledMs?: number
}

const REDIS = { cache: 'redis', server: 'cache' } as const
const CACHED = { ...REDIS, database: 'SQLite', records: 'table', faults: 'all' } as const
// Chosen, not measured: well above what a save waits for Redis, the database and the other processes, together about 1.6
// seconds. After a kill the guide allows SESSION_CACHE_TIMEOUT, or until the next change of the session: with this load
// that comes sooner.
const COPIED = { ...CACHED, unsettledMs: 3000 } as const
const cachedDb = (strategy: string) => ({ SESSION_ENGINE: 'cached_db', SESSION_CACHE_STRATEGY: strategy })

const all: readonly SetUp[] = [
  { name: 'db on SQLite', env: { SESSION_ENGINE: 'db' }, database: 'SQLite', records: 'table', faults: 'all' },
  {
    name: 'db on PostgreSQL',
    env: { SESSION_ENGINE: 'db' },
    database: 'PostgreSQL',
    records: 'table',
    server: 'database',
    faults: 'all',
  },
  {
    name: 'cache on Redis',
    env: { SESSION_ENGINE: 'cache' },
    database: 'SQLite',
    records: 'cache',
    faults: 'all',
    ...REDIS,
  },
  { name: 'cache on Redis, fallback', env: { SESSION_ENGINE: 'cache', CACHE_FALLBACK: 'db' }, ...COPIED },
  { name: 'cached_db, write_through', env: cachedDb('write_through'), ...COPIED },
  { name: 'cached_db, cache_aside', env: cachedDb('cache_aside'), ...COPIED },
  { name: 'cached_db, write_behind', env: cachedDb('write_behind'), ...CACHED },
  { name: 'file', env: { SESSION_ENGINE: 'file' }, database: 'SQLite', records: 'files', faults: 'some' },
  {
    name: 'signed_cookies',
    env: { SESSION_ENGINE: 'signed_cookies' },
    database: 'PostgreSQL',
    records: 'cookies',
    server: 'database',
    faults: 'some',
    tabs: 1,
  },
  {
    name: 'hybrid',
    env: { SESSION_ENGINE: 'hybrid', SESSION_HYBRID_LIMIT: '512' },
    database: 'PostgreSQL',
    records: 'cookies',
    server: 'database',
    faults: 'some',
    tabs: 1,
  },
  {
    name: 'cache on Memcached',
    env: { SESSION_ENGINE: 'cache' },
    database: 'SQLite',
    cache: 'memcached',
    records: 'cache',
    server: 'cache',
    faults: 'some',
  },
  {
    name: 'cache in memory',
    env: { SESSION_ENGINE: 'cache', CACHE_URL: 'memory:' },
    database: 'SQLite',
    cache: 'memory',
    records: 'cache',
    processes: 1,
    faults: 'some',
  },
]

/** Those whose engine and cache this project has. */
export const SET_UPS: readonly SetUp[] = all.filter(
  ({ env, cache }) =>
    engines.some(({ name }) => name === env['SESSION_ENGINE']) &&
    (cache === undefined || caches.some(({ name }) => name === cache)),
)

/** Why this run cannot have it; undefined if it can. */
export function missingFor({ database, cache }: SetUp): string | undefined {
  if (database === 'PostgreSQL' && serviceUrl('postgres') === undefined) return 'there is no PostgreSQL'
  if (cache === 'redis' && serviceUrl('redisServer') === undefined) return 'there is no redis-server'
  if (cache === 'memcached' && serviceUrl('memcached') === undefined) return 'there is no Memcached'
  return undefined
}
