import { randomUUID } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import { StoreUnavailableError } from '../core/errors.ts'
import type { Outcome } from '../core/outcome.ts'
import { ownText } from '../core/own-text.ts'
import type { Cache, CacheEntry, UserIndex } from './cache.ts'

const DEFAULT_MAX_BYTES = 64 * 1024 * 1024
// Measured memory of an entry beyond its bytes, and of its member in the index of users.
const ENTRY_OVERHEAD_BYTES = 500
const MEMBER_BYTES = 300
// Kept for anonymous entries, or a new one would be evicted at once where the others fill the cache.
const ANONYMOUS_SHARE = 0.1

/**
 * A cache in the memory of this process, limited in bytes: when it is full, the least recently used entry is evicted,
 * first of anonymous visitors while they have more than a tenth. Other processes do not see it.
 */
export class MemoryCache implements Cache {
  readonly name = 'memory'
  readonly keepsObjects = true
  readonly users: UserIndex
  readonly connection = {}
  readonly staleFor = 0
  readonly #anonymous: Entries
  readonly #others: Entries
  readonly #keysOfUser = new Map<string, Map<string, number>>()
  readonly #identity = randomUUID()
  readonly #now: () => number
  readonly #maxBytes: number
  #closed = false

  /**
   * @param options.maxBytes maximum bytes of all keys and entries; 64 MiB by default
   * @param options.now returns milliseconds since 1970; Date.now by default
   */
  constructor({ maxBytes = DEFAULT_MAX_BYTES, now = Date.now }: { maxBytes?: number; now?: () => number } = {}) {
    this.#now = now
    this.#maxBytes = maxBytes
    this.#anonymous = new LRUCache({ maxSize: maxBytes, sizeCalculation: sizeOf })
    this.#others = new LRUCache({
      maxSize: maxBytes,
      sizeCalculation: sizeOf,
      // Not of a replaced entry: `#put` does that.
      dispose: ({ member }, _key, reason) => {
        if (member !== undefined && reason !== 'set') this.#unindex(member.userId, member.key)
      },
    })
    this.users = {
      add: async (userId, key, expires) => this.#index(userId, key, expires),
      remove: async (userId, key) => {
        this.#requireOpen()
        this.#unindex(userId, key)
      },
      keys: async (userId) => {
        this.#requireOpen()
        const keys = [...(this.#keysOfUser.get(userId) ?? [])]
        return keys.filter(([, expires]) => expires > now()).map(([key]) => key)
      },
    }
  }

  async get(key: string): Promise<CacheEntry | undefined> {
    return this.#live(key)
  }

  async add(key: string, entry: CacheEntry): Promise<boolean> {
    if (this.#live(key) !== undefined) return false
    this.#put(key, entry)
    return true
  }

  async swap(key: string, version: string, entry: CacheEntry): Promise<Outcome> {
    const current = this.#live(key)
    if (current === undefined) return 'missing'
    if (current.version !== version) return 'conflict'
    this.#put(key, entry)
    return 'done'
  }

  async delete(key: string, version?: string): Promise<Outcome> {
    const current = this.#live(key)
    if (version !== undefined && current === undefined) return 'missing'
    if (version !== undefined && current?.version !== version) return 'conflict'
    return this.#anonymous.delete(key) || this.#others.delete(key) ? 'done' : 'missing'
  }

  async ping(): Promise<void> {
    this.#requireOpen()
  }

  async identity(): Promise<string> {
    this.#requireOpen()
    return this.#identity
  }

  /** Drops all entries; afterwards every call throws StoreUnavailableError. */
  async close(): Promise<void> {
    this.#closed = true
    this.#anonymous.clear()
    this.#others.clear()
    this.#keysOfUser.clear()
  }

  #put(key: string, entry: CacheEntry): void {
    const bytes = sizeOf(entry, key)
    // The library would silently drop the old entry as well.
    if (bytes > this.#maxBytes) {
      throw new StoreUnavailableError(new RangeError(`An entry of ${bytes} bytes exceeds the size of the cache`), {
        answered: true,
      })
    }
    const former = this.#others.peek(key)?.member
    if (former !== undefined && former.userId !== entry.member?.userId) this.#unindex(former.userId, former.key)
    const [entries, before] = entry.anonymous ? [this.#anonymous, this.#others] : [this.#others, this.#anonymous]
    // A sign-in may have moved it.
    before.delete(key)
    const kept = withOwnMember(entry.object === undefined ? withOwnBody(entry) : entry)
    entries.set(entries.has(key) ? key : ownText(key), kept)
    while (this.#anonymous.calculatedSize + this.#others.calculatedSize > this.#maxBytes) this.#evict()
  }

  #evict(): void {
    const isOverShare = this.#anonymous.calculatedSize > this.#maxBytes * ANONYMOUS_SHARE
    ;(isOverShare || this.#others.size === 0 ? this.#anonymous : this.#others).pop()
  }

  #live(key: string): CacheEntry | undefined {
    this.#requireOpen()
    const entry = this.#anonymous.get(key) ?? this.#others.get(key)
    return entry !== undefined && entry.expires > this.#now() ? entry : undefined
  }

  #index(userId: string, key: string, expires: number): void {
    this.#requireOpen()
    const keys = this.#keysOfUser.get(userId) ?? new Map<string, number>()
    if (!keys.has(key)) {
      const now = this.#now()
      for (const [other, end] of keys) if (end <= now) keys.delete(other)
    }
    // Never shortened: this may be the expiry of a write that lost against another.
    this.#keysOfUser.set(ownText(userId), keys.set(ownText(key), Math.max(expires, keys.get(key) ?? 0)))
  }

  #unindex(userId: string, key: string): void {
    const keys = this.#keysOfUser.get(userId)
    keys?.delete(key)
    if (keys?.size === 0) this.#keysOfUser.delete(userId)
  }

  #requireOpen(): void {
    if (this.#closed) throw new StoreUnavailableError()
  }
}

type Entries = LRUCache<string, CacheEntry>

/** Copied, because a small buffer is a piece of a larger one, which would stay in memory with it. */
function withOwnBody(entry: CacheEntry): CacheEntry {
  return { ...entry, body: Buffer.from(new Uint8Array(entry.body).buffer) }
}

function withOwnMember(entry: CacheEntry): CacheEntry {
  const { member } = entry
  if (member === undefined) return entry
  return { ...entry, member: { userId: ownText(member.userId), key: ownText(member.key) } }
}

function sizeOf({ body, object, member }: CacheEntry, key: string): number {
  return key.length + (object?.bytes ?? body.length) + ENTRY_OVERHEAD_BYTES + (member === undefined ? 0 : MEMBER_BYTES)
}
