import { MemoryCache } from '../../../src/session/caches/memory.ts'
import { storedMigration } from '../../../src/session/engines/migrating/stored-migration.ts'
import { CacheStore } from '../../../src/session/stores/cache.ts'
import { type MigratableEngine, storedIn } from '../../support/migratable.ts'

export default [
  {
    name: 'cache',
    at: ({ watch, now }) => {
      const cache = watch(new MemoryCache({ now }))
      return () => storedMigration(storedIn(new CacheStore({ cache }), now))
    },
    server: true,
  },
] satisfies MigratableEngine[]
