import { z } from 'zod'
import type { Config } from '../../config.ts'
import { CacheStore } from '../../session/stores/cache.ts'
import { IndexedCacheStore } from '../../session/stores/indexed-cache.ts'
import { ConfigError, defineSettings, setting } from '../../settings.ts'
import { cacheSettings, copySettings, type EngineCache, openCopies, openEngineCache } from '../cached.ts'
import { defineEngine } from '../part.ts'
import { messageOf, openRecords } from '../records.ts'

const settings = defineSettings({
  CACHE_FALLBACK: setting(
    z.enum(['none', 'db']).default('none'),
    'none, or db: the engine cache saves to the database first, like cached_db, and uses it while the cache is down',
  ),
})

/** Every session is in the cache, and with CACHE_FALLBACK=db in the database first. */
export default defineEngine({
  name: 'cache',
  help: 'a cache server',
  settings: [cacheSettings, settings, copySettings],
  requires: ['cache'],
  shareable: false,
  validate: ({ production, cacheUrl }) =>
    production && cacheUrl === undefined
      ? 'needs CACHE_URL in production: a cache server, or memory: for a single process that loses all sessions when it ends'
      : undefined,
  facts: (config) => (hasFallback(config) ? { table: true, cached: 'copies' } : { cached: 'only records' }),
  choice: (_config, cache) => (cache === undefined ? 'cache' : `cache ${cache.place}`),
  async open(storage, context) {
    const cache = await openEngineCache(context)
    if (hasFallback(context.config)) {
      // A database can only serve what it was given: the same as cached_db with write_through.
      return openCopies(storage, context, cache, 'write_through')
    }
    const store = openStore(cache)
    return {
      engine: openRecords(storage, store, context),
      facts: storage.facts,
      keepsMetadata: storage.format.keepsMetadata,
      store,
      cache: cache.cache,
      cacheInProcess: cache.part.inProcess,
      cacheKeys: cache.cacheKeys,
      ready: () =>
        cache.connect().catch((error: unknown) => {
          throw new ConfigError(`The cache cannot be used: ${messageOf(error)}`)
        }),
      close: () => store.close(),
    }
  },
})

function openStore({ cache, options }: EngineCache): CacheStore {
  const { users, listing } = cache
  const all = users?.all
  if (users === undefined || all === undefined || listing === undefined) return new CacheStore(options)
  return new IndexedCacheStore({ ...options, users: { ...users, all }, listing })
}

function hasFallback(config: Config): boolean {
  return settings.of(config).CACHE_FALLBACK === 'db'
}
