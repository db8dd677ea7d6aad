import type { Outcome } from '../core/outcome.ts'

/** A value in a cache. */
export interface CacheEntry {
  /** Identifies this state of the entry, chosen by the writer: 1 to 24 characters of A-Z, a-z, 0-9, "_" and "-". */
  readonly version: string
  /** Milliseconds since 1970; from then on every method treats the entry as missing. */
  readonly expires: number
  /** Opaque to the cache. */
  readonly body: Buffer
  /** The only record of an anonymous visitor: a cache that chooses what it evicts evicts these first. */
  readonly anonymous?: boolean
  /** The member of the user index that stands for this entry: a cache in memory removes it with the entry. */
  readonly member?: { readonly userId: string; readonly key: string }
  /** In place of the body, which is empty then: only for a cache that {@link Cache.keepsObjects}, and returns the same. */
  readonly object?: KeptObject | undefined
}

/** What a cache in this process keeps as it is. Nobody changes it. */
export interface KeptObject {
  /** The memory that its texts take, about; the overhead of an entry is counted by the cache. */
  readonly bytes: number
}

/**
 * Keyed entries that may be evicted at any time. Keys are 1 to 200 characters of A-Z, a-z, 0-9, "_", "-", "." and ":";
 * the caller checks them.
 *
 * Every method throws StoreUnavailableError when the cache does not answer in time, and never reports that as missing.
 * Comparison and write are one atomic step. An entry that cannot be read is {@link DAMAGED}.
 */
export interface Cache {
  readonly name: 'redis' | 'memcached' | 'memory'
  /** Whether entries may have an object in place of a body. A cache that copies or sends what it gets must not say so. */
  readonly keepsObjects?: boolean | undefined
  get(key: string): Promise<CacheEntry | undefined>
  /** Writes only if the key is free; returns whether it did. */
  add(key: string, entry: CacheEntry): Promise<boolean>
  /** Compare and set: writes only over this version. The new entry may have the same version if only its expiry moves. */
  swap(key: string, version: string, entry: CacheEntry): Promise<Outcome>
  /** Deletes the entry; with a version, only that version. */
  delete(key: string, version?: string): Promise<Outcome>
  /** Resolves when the cache answers. */
  ping(): Promise<void>
  /** If there are several servers, each of which has a share of the keys. */
  readonly servers?: CacheServers
  /** Index of keys by user, if the cache has one. */
  readonly users?: UserIndex
  /** Lists and deletes keys, if the cache can list them. */
  readonly listing?: KeyListing
  /**
   * The entries that are ahead of a database, if the cache can index them in the same step that writes them.
   *
   * @param index the key of the index
   */
  ahead?(index: string): AheadIndex
  /** Another object for every connection, since the servers may have another state then; undefined while there is none. */
  readonly connection: object | undefined
  /** Identifies the servers and the history of their data: another text after a restart or a failover. */
  identity(): Promise<string>
  /** Milliseconds for which another process may still read an entry that was changed or deleted; 0 without local copies. */
  readonly staleFor: number
  /** Statistics of each server, if there are servers. */
  serverStats?(): Promise<readonly object[]>
  /** Calls the listener whenever a connection to a server works again, if there are servers. */
  onConnect?(listener: () => void): void
  close(): Promise<void>
}

/** The servers of a cache that has several. */
export interface CacheServers {
  names(): readonly string[]
  /** The server of a key. */
  of(key: string): string
  /** Resolves when the server answers, or is not used any more. */
  ping(name: string): Promise<void>
}

/** An entry that is ahead of a database. */
export interface AheadEntry {
  readonly key: string
  /** The versions that the database may have: older states of this entry, oldest first. */
  readonly from: readonly string[]
  readonly version: string
  /** Undefined if the cache has lost it. */
  readonly entry: CacheEntry | undefined
}

/** The entries that are ahead of a database. All processes may write them down, and every step is atomic. */
export interface AheadIndex {
  /**
   * Like {@link Cache.swap}, and puts the entry on the index.
   *
   * @returns also the versions that the database may have, and when the entry before would have expired
   */
  swap(
    key: string,
    version: string,
    entry: CacheEntry,
  ): Promise<{ outcome: 'done'; from: readonly string[]; expires: number } | { outcome: 'missing' | 'conflict' }>
  /** Returns the entry if it is on the index. */
  find(key: string): Promise<AheadEntry | undefined>
  /** Returns entries that have been on the index for at least so many milliseconds. */
  list(minAge: number, limit: number): Promise<AheadEntry[]>
  /**
   * Notes that the database has this version of the entry; if it is the latest, the entry leaves the index.
   *
   * @param life milliseconds that it is kept from then on
   */
  written(key: string, version: string, life: number): Promise<void>
  /** Takes the entry off the index if it has this version. */
  drop(key: string, version: string): Promise<void>
}

/** The keys that belong to a user. Expired ones are removed with the user's next new key at the latest. */
export interface UserIndex {
  /** Adds a key or extends its expiry (milliseconds since 1970). Called before or while the entry is written. */
  add(userId: string, key: string, expires: number): Promise<void>
  remove(userId: string, key: string): Promise<void>
  /** The keys that have not expired; their entries may have been evicted. */
  keys(userId: string): Promise<string[]>
  /** The ids of all users with keys, in batches, some of them twice; absent if they cannot be listed. */
  all?(): AsyncIterable<readonly string[]>
}

/** The keys of a cache. Both throw StoreUnavailableError when it does not answer. */
export interface KeyListing {
  /** The keys that begin with the text, in batches, some of them twice; those written meanwhile may be missing. */
  keys(prefix: string): AsyncIterable<readonly string[]>
  /** Deletes keys, whatever they hold; returns how many there were. */
  remove(keys: readonly string[]): Promise<number>
}

/** Returned in place of an entry that cannot be read: its empty body decodes to nothing. */
export const DAMAGED: CacheEntry = { version: 'damaged', expires: Number.MAX_SAFE_INTEGER, body: Buffer.alloc(0) }
