import { MemoryCache } from '../../../src/session/caches/memory.ts'
import { storedMigration } from '../../../src/session/engines/migrating/stored-migration.ts'
import { CachedStore } from '../../../src/session/stores/cached/cached-database.ts'
import { MemoryStore } from '../../../src/session/stores/memory.ts'
import { type MigratableEngine, storedIn } from '../../support/migratable.ts'

export default [
  {
    name: 'cached_db',
    at: ({ watch, now }) => {
      // As one thing: what its copies do while their row goes is for its own tests.
      const cached = { database: new MemoryStore({ now }), cache: new MemoryCache({ now }), now }
      const store = watch(new CachedStore(cached))
      return () => storedMigration(storedIn(store, now))
    },
    server: true,
    like: 'db, sealed',
  },
] satisfies MigratableEngine[]
