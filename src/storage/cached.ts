import { z } from 'zod'
import { CheckedCache } from '../session/caches/checked.ts'
import { type Compression, lz4Compression, zlibCompression } from '../session/caches/compression.ts'
import type { CachedCopiesOptions } from '../session/stores/cached/cached-copies.ts'
import type { CachedStore } from '../session/stores/cached/cached-database.ts'
import type { DatabaseStore } from '../session/stores/database/database.ts'
import { ConfigError, defineSettings, milliseconds, seconds, setting } from '../settings.ts'
import type { OpenedCache, OpenedEngine, Place, StorageContext } from './part.ts'
import { databaseReady, messageOf, openRecords, openTable } from './records.ts'

const CHECK_INTERVAL = 'must be 1 to 3600 seconds'
const HOUR = 3_600_000
const AT_START = {
  proactive: () => ({ activeSince: Date.now() - 24 * HOUR }),
  selective: () => ({ activeSince: Date.now() - HOUR, authenticated: true }),
}

/** How an engine uses a cache. CACHE_URL itself depends on the caches that there are, and is read with them. */
export const cacheSettings = defineSettings({
  CACHE_KEY_PREFIX: setting(
    z
      .string()
      .regex(/^[\w.-]{1,32}$/, 'must be 1 to 32 letters, digits, dots, dashes and underscores')
      .default('session'),
    'Stands before every key, so that one server can serve several applications',
  ),
  CACHE_VERSION: setting(
    z.coerce.number().int().min(1).default(1),
    'Raise it to leave everything in the cache behind at once',
  ),
  CACHE_CONNECT_TIMEOUT: setting(milliseconds.default(1000), 'Milliseconds until a server must be connected'),
  CACHE_COMMAND_TIMEOUT: setting(milliseconds.default(500), 'Milliseconds until a server must have answered'),
  CACHE_COMPRESSION: setting(
    z.enum(['none', 'zlib', 'lz4']).default('none'),
    'none, zlib (for large sessions) or lz4 (needs the package lz4-napi)',
  ),
  CACHE_MAX_FAILURES: setting(
    z.coerce.number().int().min(1).default(3),
    'Failures in a row after which the cache is down; from then on it is tried every 0.25 to 5 seconds until it answers',
  ),
  CACHE_CHECK_INTERVAL: setting(
    seconds.min(1, CHECK_INTERVAL).max(3600, CHECK_INTERVAL).default(60),
    'Seconds between two checks of a cache that is up, 1 to 3600, so that an idle application notices when it goes down',
  ),
})

/** How an engine uses a cache in front of the database. */
export const copySettings = defineSettings({
  SESSION_CACHE_TIMEOUT: setting(
    seconds.min(1).default(3600),
    'Max seconds that a copy in the cache is used without asking the database',
  ),
  SESSION_CACHE_WARMING: setting(
    z.enum(['lazy', 'proactive', 'selective']).default('lazy'),
    'lazy, proactive (sessions of the last 24 hours) or selective (signed in and active in the last hour), at the start',
  ),
})

/** The cache of an engine, with its health checked. */
export interface EngineCache extends OpenedCache {
  readonly cache: CheckedCache
  /** What every store on it is opened with. */
  readonly options: CachedCopiesOptions
}

/** Opens the cache that CACHE_URL names. */
export async function openEngineCache({ config, observe, openCache }: StorageContext): Promise<EngineCache> {
  const values = cacheSettings.of(config)
  const opened = await openCache()
  const { CACHE_MAX_FAILURES: maxFailures, CACHE_CHECK_INTERVAL: checkInterval } = values
  const cache = new CheckedCache(opened.cache, { maxFailures, checkInterval, observe })
  const compression = await openCompression(values.CACHE_COMPRESSION)
  const { CACHE_KEY_PREFIX: prefix, CACHE_VERSION: generation } = values
  const options = { cache, prefix, generation, observe, ...(compression === undefined ? {} : { compression }) }
  return { ...opened, cache, options }
}

/** An engine that keeps its sessions in the database, and copies of them in the cache. */
export function openCopies(
  place: Place,
  context: StorageContext,
  { cache, part, connect }: EngineCache,
  open: (database: DatabaseStore, timeout: number) => CachedStore,
): OpenedEngine {
  const { config, warn } = context
  const { SESSION_CACHE_TIMEOUT: timeout, SESSION_CACHE_WARMING: warming } = copySettings.of(config)
  const database = openTable(place, context)
  const store = open(database, timeout)
  return {
    engine: openRecords(place, store, context),
    facts: place.facts,
    keepsMetadata: place.format.keepsMetadata,
    store,
    cache,
    cacheIsOwn: part.own,
    async ready() {
      await databaseReady(database)
      if (part.own && config.production) {
        warn(
          `CACHE_URL is ${part.name}: copies in one process do not notice what another saves. Run one, or use Redis.`,
        )
      }
      await connect().catch((error: unknown) => warn(`${messageOf(error)} The database serves until it is back.`))
    },
    warm: (which, limit) => store.warm(which, limit),
    ...(warming === 'lazy' ? {} : { warmAtStart: () => store.warm(AT_START[warming]()) }),
    close: async () => await store.close?.(),
  }
}

async function openCompression(name: 'none' | 'zlib' | 'lz4'): Promise<Compression | undefined> {
  if (name === 'none') return undefined
  if (name === 'zlib') return zlibCompression
  return await lz4Compression().catch(() => {
    throw new ConfigError('CACHE_COMPRESSION=lz4 needs the package lz4-napi: run "npm install lz4-napi", or use zlib.')
  })
}
