import { z } from 'zod'
import type { Config } from '../../config.ts'
import { CacheStore } from '../../session/stores/cache.ts'
import { WriteBehindStore } from '../../session/stores/cached/write-behind.ts'
import { ConfigError, defineSettings, setting } from '../../settings.ts'
import { cacheSettings, copySettings, openCopies, openEngineCache } from '../cached.ts'
import { defineEngine } from '../part.ts'
import { messageOf, openRecords } from '../records.ts'

const settings = defineSettings({
  CACHE_FALLBACK: setting(
    z.enum(['none', 'db']).default('none'),
    'none, or db: the engine cache stores a copy in the database, and uses it while the cache is down',
  ),
})

/** Every session is in the cache, and with CACHE_FALLBACK=db in the database as well. */
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
  facts: (config) =>
    hasFallback(config) ? { table: true, cached: 'copies', writesBehind: true } : { cached: 'only records' },
  choice: (_config, cache) => (cache === undefined ? 'cache' : `cache ${cache.place}`),
  async open(storage, context) {
    const cache = await openEngineCache(context)
    if (hasFallback(context.config)) {
      // Requests use only the cache while it is up; the database is written later.
      return openCopies(storage, context, cache, (database, timeout) => {
        return new WriteBehindStore({ ...cache.options, database, timeout })
      })
    }
    const store = new CacheStore(cache.options)
    return {
      engine: openRecords(storage, store, context),
      facts: storage.facts,
      keepsMetadata: storage.format.keepsMetadata,
      store,
      cache: cache.cache,
      cacheInProcess: cache.part.inProcess,
      ready: () =>
        cache.connect().catch((error: unknown) => {
          throw new ConfigError(`The cache cannot be used: ${messageOf(error)}`)
        }),
      close: () => store.close(),
    }
  },
})

function hasFallback(config: Config): boolean {
  return settings.of(config).CACHE_FALLBACK === 'db'
}
