import { z } from 'zod'
import { ConfigError, defineSettings, setting } from '../../settings.ts'
import { cacheSettings, copySettings, openCopies, openEngineCache } from '../cached.ts'
import { defineEngine } from '../part.ts'

const settings = defineSettings({
  SESSION_CACHE_STRATEGY: setting(
    z.enum(['write_through', 'write_behind', 'cache_aside']).default('write_through'),
    'write_through, write_behind (the database is written about 100 ms later; one Redis server, with or without Sentinel) or cache_aside (a save removes the copy)',
  ),
})

/** Every session is a row in the database, with a copy in the cache. */
export default defineEngine({
  name: 'cached_db',
  help: 'a table, with copies in a cache',
  settings: [cacheSettings, copySettings, settings],
  requires: ['cache'],
  shareable: false,
  facts: (config) => ({
    table: true,
    cached: 'copies',
    writesBehind: settings.of(config).SESSION_CACHE_STRATEGY === 'write_behind',
  }),
  choice: () => 'cached_db',
  choices: () => import('./cached-db.choices.ts'),
  async open(storage, context) {
    const { SESSION_CACHE_STRATEGY: strategy } = settings.of(context.config)
    const cache = await openEngineCache(context)
    if (strategy === 'write_behind' && cache.cache.ahead === undefined) {
      await cache.cache.close()
      throw new ConfigError(
        'SESSION_CACHE_STRATEGY=write_behind needs one Redis server, with or without Sentinel: set CACHE_URL to redis:// or redis-sentinel://, or use write_through.',
      )
    }
    return openCopies(storage, context, cache, strategy)
  },
})
