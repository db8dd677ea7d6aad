import type { ExecutionContext } from 'ava'
import type { Cache, CacheEntry } from '../../../src/session/caches/cache.ts'
import { HOUR, START } from '../stores/bench.ts'

/** A cache for one test, with a clock that the test moves. */
export interface CacheBench {
  readonly cache: Cache
  /** Another connection to the same entries, as another process would have. */
  another(): Promise<Cache>
  /** Makes the cache unreachable for `cache`. */
  breakIt(): Promise<void>
  /** Leaves these bytes under the key, behind the cache's back; absent where a cache keeps no bytes. */
  plant?(key: string, bytes: Buffer): Promise<void>
  close(): Promise<void>
}

export interface CacheTraits {
  /** Whether it knows whose keys are whose; where not, that is asserted. */
  readonly users: boolean
  /** Whether its entries are bytes on a server, which may be damaged there. */
  readonly damageable: boolean
}

/** What a test of the contract is given. `key` makes keys that no other test has, as the servers may be shared. */
export interface CacheTest extends CacheBench {
  readonly clock: { now: number }
  key(name: string): string
}

/** Registers one test of the contract for the cache at hand. */
export type RegisterCache = (title: string, body: (t: ExecutionContext, test: CacheTest) => Promise<void>) => void

/** A live entry, but for the changes. */
export function entry(changes: Partial<CacheEntry> = {}): CacheEntry {
  return { version: 'v1', expires: START + HOUR, body: Buffer.from('body'), ...changes }
}

/** The entry's body as text. */
export function text(found: CacheEntry | undefined): string | undefined {
  return found?.body.toString()
}
