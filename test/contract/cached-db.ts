import type { Cache } from '../../src/session/caches/cache.ts'
import { CachedStore } from '../../src/session/stores/cached/cached-database.ts'
import { WriteBehindStore } from '../../src/session/stores/cached/write-behind.ts'
import type { CopiedStore, SessionStore } from '../../src/session/stores/store.ts'

export const STRATEGIES = ['write_through', 'cache_aside', 'write_behind'] as const

/** A database with a cache in front of it, as this strategy has them. */
export function cachedStore(
  strategy: (typeof STRATEGIES)[number],
  options: { database: CopiedStore; cache: Cache; now: () => number },
): SessionStore {
  return strategy === 'write_behind' ? new WriteBehindStore(options) : new CachedStore({ ...options, strategy })
}
