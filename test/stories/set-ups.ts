import { randomBytes } from 'node:crypto'
import { serviceUrl } from '../support/services.ts'

/** An engine as the application opens it. */
export interface StoryEngine {
  readonly name: string
  readonly env: Readonly<Record<string, string>>
  /** Its storage is in the memory of one process. */
  readonly oneProcess?: true
  /** Sessions have to be large to be where the story wants them. */
  readonly large?: true
  /** Where sessions and accounts are; SQLite unless said otherwise. */
  readonly database?: 'PostgreSQL' | 'MariaDB'
}

/** Those that need no service. */
export const LOCAL: readonly StoryEngine[] = [
  { name: 'db', env: { SESSION_ENGINE: 'db' } },
  { name: 'db, django', env: { SESSION_ENGINE: 'db', SESSION_FORMAT: 'django' } },
  { name: 'cache', env: { SESSION_ENGINE: 'cache' }, oneProcess: true },
  { name: 'cached_db', env: { SESSION_ENGINE: 'cached_db' }, oneProcess: true },
  { name: 'file', env: { SESSION_ENGINE: 'file' } },
  { name: 'file, django', env: { SESSION_ENGINE: 'file', SESSION_FORMAT: 'django' } },
  { name: 'signed_cookies', env: { SESSION_ENGINE: 'signed_cookies' } },
  { name: 'signed_cookies, django', env: { SESSION_ENGINE: 'signed_cookies', SESSION_FORMAT: 'django' } },
  { name: 'hybrid', env: { SESSION_ENGINE: 'hybrid' } },
  { name: 'hybrid, in its record', env: { SESSION_ENGINE: 'hybrid', SESSION_HYBRID_LIMIT: '256' }, large: true },
]

/** Those on a cache server, where the run has it; each run under a prefix that no other suite uses. */
export function onCache(service: 'redis' | 'memcached'): readonly StoryEngine[] {
  const url = serviceUrl(service)
  if (url === undefined) return []
  const shared = { CACHE_URL: url, CACHE_KEY_PREFIX: `stories-${randomBytes(4).toString('hex')}` }
  return [
    { name: `cache on ${service}`, env: { SESSION_ENGINE: 'cache', ...shared } },
    { name: `cached_db on ${service}`, env: { SESSION_ENGINE: 'cached_db', ...shared } },
  ]
}

/** The engine db on a database server, where the run has it. */
export function onDatabase(database: 'PostgreSQL' | 'MariaDB'): readonly StoryEngine[] {
  const there = serviceUrl(database === 'PostgreSQL' ? 'postgres' : 'mariadb') !== undefined
  return there ? [{ name: `db on ${database}`, env: { SESSION_ENGINE: 'db' }, database }] : []
}
