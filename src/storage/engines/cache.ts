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
    'none, or db: the engine `cache` keeps a copy in the database, and goes on there while the cache is down',
  ),
})

/** Every session is in the cache, and in the database as well where CACHE_FALLBACK says so. */
export default defineEngine({
  name: 'cache',
  help: 'a cache server',
  settings: [cacheSettings, settings, copySettings],
  requires: ['cache'],
  shareable: false,
  refusal: ({ production, cacheUrl }) =>
    production && cacheUrl === undefined
      ? 'needs CACHE_URL in production: a cache server, or memory: for one process that signs everybody out at its end'
      : undefined,
  facts: (config) =>
    hasFallback(config) ? { table: true, cached: 'copies', writesBehind: true } : { cached: 'only records' },
  choice: (_config, cache) => (cache === undefined ? 'cache' : `cache ${cache.place}`),
  async open(place, context) {
    const cache = await openEngineCache(context)
    if (hasFallback(context.config)) {
      // It works on its cache alone as long as it can; so what it keeps in the database follows behind.
      return openCopies(place, context, cache, (truth, timeout) => {
        return new WriteBehindStore({ ...cache.options, truth, timeout })
      })
    }
    const store = new CacheStore(cache.options)
    return {
      engine: openRecords(place, store, context),
      facts: place.facts,
      keepsMetadata: place.format.keepsMetadata,
      store,
      cache: cache.cache,
      cacheIsOwn: cache.part.own,
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
