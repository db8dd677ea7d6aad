import { z } from 'zod'
import { CheckedCache } from '../session/caches/checked.ts'
import { type Compression, lz4Compression, zlibCompression } from '../session/caches/compression.ts'
import { StoreUnavailableError } from '../session/core/errors.ts'
import { CachedStore, type CachedStoreOptions, type CopiesOptions } from '../session/stores/cached/cached-database.ts'
import type { WarmWhich } from '../session/stores/store.ts'
import {
  ConfigError,
  defineSettings,
  flag,
  milliseconds,
  optionalBytes,
  seconds,
  setting,
  type ValuesOf,
} from '../settings.ts'
import { cacheKeys } from './cache-keys.ts'
import type { OpenedCache, OpenedEngine, ResolvedStorage, StorageContext } from './part.ts'
import { databaseReady, messageOf, openRecords, openTable } from './records.ts'

const INVALID_CHECK_INTERVAL = 'must be 1 to 3600 seconds'
const DAY_MS = 86_400_000

/** Settings for every cache, except CACHE_URL, whose values depend on the caches of the project. */
export const cacheSettings = defineSettings({
  CACHE_KEY_PREFIX: setting(
    z
      .string()
      .regex(/^[\w.-]{1,32}$/, 'must be 1 to 32 letters, digits, dots, dashes and underscores')
      .default('session'),
    'Prefix of every key, so that several applications can share a server',
  ),
  CACHE_VERSION: setting(
    z.coerce.number().int().min(1).default(1),
    'Increase it to invalidate everything in the cache',
  ),
  CACHE_CONNECT_TIMEOUT: setting(milliseconds.default(1000), 'Max milliseconds to connect to a server'),
  CACHE_COMMAND_TIMEOUT: setting(
    milliseconds.default(500),
    'Max milliseconds to wait for an answer of a server; below SESSION_STORE_TIMEOUT',
  ),
  CACHE_COMPRESSION: setting(
    z.enum(['none', 'zlib', 'lz4']).default('none'),
    'none, zlib (for large sessions) or lz4 (needs the package lz4-napi)',
  ),
  CACHE_MAX_FAILURES: setting(
    z.coerce.number().int().min(1).default(3),
    'Failures in a row after which a cache server counts as down; it is then retried every 0.25 to 5 seconds',
  ),
  CACHE_CHECK_INTERVAL: setting(
    seconds.min(1, INVALID_CHECK_INTERVAL).max(3600, INVALID_CHECK_INTERVAL).default(60),
    'Seconds between checks of a cache that is up, 1 to 3600, so that an idle application notices an outage',
  ),
})

/** Settings for a cache in front of the database. */
export const copySettings = defineSettings({
  SESSION_CACHE_TIMEOUT: setting(
    seconds.min(1).default(3600),
    'Max seconds that a copy in the cache is used without asking the database',
  ),
  SESSION_CACHE_WARMING: setting(
    z.enum(['lazy', 'proactive', 'selective']).default('lazy'),
    'Which sessions are copied into the cache at the start: lazy (none), proactive (active in the last 24 hours) or selective (by the following rules)',
  ),
  SESSION_CACHE_WARMING_AGE: setting(
    seconds.min(1).default(3600),
    'selective: only sessions that were active within so many seconds',
  ),
  SESSION_CACHE_WARMING_USERS: setting(flag.default(true), 'selective: only sessions of signed-in users'),
  SESSION_CACHE_WARMING_MAX_BYTES: setting(
    optionalBytes,
    'selective: only sessions whose stored text has at most so many bytes; empty: of every size',
  ),
})

/** The cache of an engine, with health checks. */
export interface EngineCache extends OpenedCache {
  readonly cache: CheckedCache
  /** Options for every store on it. */
  readonly options: CopiesOptions
  readonly cacheKeys: NonNullable<OpenedEngine['cacheKeys']>
}

/** Opens the cache of CACHE_URL. */
export async function openEngineCache({ config, observe, openCache }: StorageContext): Promise<EngineCache> {
  const values = cacheSettings.of(config)
  const opened = await openCache()
  const { CACHE_MAX_FAILURES: maxFailures, CACHE_CHECK_INTERVAL: checkInterval } = values
  const cache = new CheckedCache(opened.cache, { maxFailures, checkInterval, observe })
  const compression = await openCompression(values.CACHE_COMPRESSION)
  const { CACHE_KEY_PREFIX: prefix, CACHE_VERSION: generation } = values
  const options = { cache, prefix, generation, observe, ...(compression === undefined ? {} : { compression }) }
  return { ...opened, cache, options, cacheKeys: (which) => cacheKeys(cache, { prefix, version: generation }, which) }
}

/** An engine with records in the database, and copies of them in the cache. */
export function openCopies(
  storage: ResolvedStorage,
  context: StorageContext,
  { cache, part, connect, options, cacheKeys }: EngineCache,
  strategy: NonNullable<CachedStoreOptions['strategy']>,
): OpenedEngine {
  const { config, warn } = context
  const settings = copySettings.of(config)
  const { SESSION_CACHE_TIMEOUT: timeout, SESSION_CACHE_WARMING: warming } = settings
  const database = openTable(storage, context)
  const store = new CachedStore({ ...options, database, timeout, strategy })
  return {
    engine: openRecords(storage, store, context),
    facts: storage.facts,
    keepsMetadata: storage.format.keepsMetadata,
    store,
    cache,
    cacheInProcess: part.inProcess,
    cacheKeys,
    async ready() {
      await databaseReady(database)
      await databaseReady(database.epochs)
      if (part.inProcess && config.production) {
        warn(
          `CACHE_URL is ${part.name}: of several processes at most one uses its cache. Run one process, or use Redis.`,
        )
      }
      const problem = await connect().then(
        () => refusal(cache),
        (error: unknown) => `${messageOf(error)} The database serves until it is back.`,
      )
      if (problem !== undefined) warn(problem)
    },
    warm: (which, limit) => store.warm(which, limit),
    ...(warming === 'lazy' ? {} : { warmAtStart: () => store.warm(warmAtStart(warming, settings)) }),
    close: async () => await store.close?.(),
  }
}

function warmAtStart(
  warming: 'proactive' | 'selective',
  {
    SESSION_CACHE_WARMING_AGE: age,
    SESSION_CACHE_WARMING_USERS: authenticated,
    SESSION_CACHE_WARMING_MAX_BYTES: maxBytes,
  }: ValuesOf<typeof copySettings>,
): WarmWhich {
  if (warming === 'proactive') return { activeSince: Date.now() - DAY_MS }
  return { activeSince: Date.now() - age * 1000, authenticated, maxBytes }
}

/** Why the cache cannot be told from others, so that no copies can be used. */
async function refusal(cache: CheckedCache): Promise<string | undefined> {
  try {
    await cache.identity()
    return undefined
  } catch (error) {
    if (!(error instanceof StoreUnavailableError)) throw error
    return `The cache does not say which server it is (${messageOf(error.cause)}), so no copies are used.`
  }
}

async function openCompression(name: 'none' | 'zlib' | 'lz4'): Promise<Compression | undefined> {
  if (name === 'none') return undefined
  if (name === 'zlib') return zlibCompression
  return await lz4Compression().catch(() => {
    throw new ConfigError('CACHE_COMPRESSION=lz4 needs the package lz4-napi: run "npm install lz4-napi", or use zlib.')
  })
}
