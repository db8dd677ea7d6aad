import { z } from 'zod'
import { CachedStore } from '../../session/stores/cached/cached-database.ts'
import { WriteBehindStore } from '../../session/stores/cached/write-behind.ts'
import { defineSettings, setting } from '../../settings.ts'
import { cacheSettings, copySettings, openCopies, openEngineCache } from '../cached.ts'
import { defineEngine } from '../part.ts'

const settings = defineSettings({
  SESSION_CACHE_STRATEGY: setting(
    z.enum(['write_through', 'write_behind', 'cache_aside']).default('write_through'),
    'write_through, write_behind (the database is written about 100 ms later) or cache_aside (a save removes the copy)',
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
    return openCopies(storage, context, cache, (database, timeout) => {
      const options = { ...cache.options, database, timeout }
      return strategy === 'write_behind' ? new WriteBehindStore(options) : new CachedStore({ ...options, strategy })
    })
  },
})
