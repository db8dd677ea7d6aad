import type { Outcome } from '../core/outcome.ts'

/** What a cache keeps under a key. */
export interface CacheEntry {
  /** Tells this state of the entry from any other; whoever writes it chooses it: 1 to 24 of A-Z, a-z, 0-9, "_" and "-". */
  readonly version: string
  /** Milliseconds since 1970; from that very instant on the entry is gone for every verb. */
  readonly expires: number
  /** Opaque bytes: a cache never looks inside. */
  readonly body: Buffer
}

/**
 * Keyed bytes that the server may forget at any time. It knows nothing of sessions; keys are 1 to 200 of A-Z, a-z, 0-9,
 * "_", "-", "." and ":", which its caller vouches for.
 *
 * Every method throws StoreUnavailableError when the cache does not answer in time, and never reports that as missing.
 * In every method the comparison and the write are one atomic step. An entry that cannot be read is {@link DAMAGED}.
 */
export interface Cache {
  readonly name: 'redis' | 'memcached' | 'memory'
  get(key: string): Promise<CacheEntry | undefined>
  /** Writes only where nothing is; answers whether it did. */
  add(key: string, entry: CacheEntry): Promise<boolean>
  /** Writes only over exactly this version. The new entry may bear the same version, when only its expiry moves. */
  swap(key: string, version: string, entry: CacheEntry): Promise<Outcome>
  /** Deletes, whatever is there. With a version: only over exactly that one. */
  delete(key: string, version?: string): Promise<Outcome>
  /** Resolves when the cache answers. */
  ping(): Promise<void>
  /** Whose keys are whose, where the cache can tell. */
  readonly users?: UserIndex
  /** What each server tells of itself, where there are servers: figures by name. */
  serverFigures?(): Promise<readonly object[]>
  /** Has the listener called whenever the connection to a server works again, where there are servers. */
  onConnect?(listener: () => void): void
  close(): Promise<void>
}

/** The keys that belong to a user. Members leave by themselves when they expire, and the index with its last member. */
export interface UserIndex {
  /** Adds a key, or moves its expiry (milliseconds since 1970). Called before the entry itself is written. */
  add(userId: string, key: string, expires: number): Promise<void>
  remove(userId: string, key: string): Promise<void>
  /** The keys that have not expired; an entry may have gone all the same. */
  keys(userId: string): Promise<string[]>
}

/** Stands for an entry whose bytes make no sense: its owner will make nothing of the empty body. */
export const DAMAGED: CacheEntry = { version: 'damaged', expires: Number.MAX_SAFE_INTEGER, body: Buffer.alloc(0) }
