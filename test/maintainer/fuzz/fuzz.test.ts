import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MemoryCache } from '../../../src/session/caches/memory.ts'
import { CacheStore } from '../../../src/session/stores/cache.ts'
import { CachedStore } from '../../../src/session/stores/cached/cached-database.ts'
import { FileStore } from '../../../src/session/stores/file/file.ts'
import { MemoryStore } from '../../../src/session/stores/memory.ts'
import { testDatabase } from '../../support/databases.ts'
import { fuzzDatabase } from './databases.ts'
import { fuzz } from './fuzz.ts'

const EVERYTHING = { keepsMetadata: true, knowsUsers: true }

fuzz('memory', EVERYTHING, async (now) => {
  const store = new MemoryStore({ now })
  return { stores: [store, store], close: () => store.close() }
})

fuzz('cache in memory', EVERYTHING, async (now) => {
  const cache = new MemoryCache({ now })
  return { stores: [new CacheStore({ cache }), new CacheStore({ cache })], close: () => cache.close() }
})

fuzz('file', { keepsMetadata: true, knowsUsers: false }, async (now) => {
  const parent = await mkdtemp(join(tmpdir(), 'holdfast-fuzz-'))
  const open = async () => {
    const store = new FileStore({ folder: join(parent, 'sessions'), layout: 'hashed', now })
    await store.prepare()
    return store
  }
  return {
    stores: [await open(), await open()],
    close: () => rm(parent, { recursive: true, force: true }),
  }
})

for (const strategy of ['write_through', 'cache_aside'] as const) {
  fuzz(`cached_db in memory, ${strategy}`, { ...EVERYTHING, keepsCopies: true }, async (now) => {
    const database = new MemoryStore({ now })
    const cache = new MemoryCache({ now })
    const open = () => new CachedStore({ database, cache, strategy, now })
    return { stores: [open(), open()], close: () => cache.close() }
  })
}

const sqlite = testDatabase('SQLite')
if (sqlite !== undefined) fuzzDatabase(sqlite)
