import { LRUCache } from 'lru-cache'
import type { CacheEntry } from '../cache.ts'

/** Milliseconds from the request for an entry after which its copy is never used again. */
export const LONGEST_STALE = 5000

/** Copies of a server's entries in this process, kept as long as the server says nothing of them. */
export class LocalCopies {
  readonly #copies: LRUCache<string, CacheEntry>
  readonly #readings = new Map<string, symbol>()

  /** @param entries most copies; the one that was longest without use goes first */
  constructor(entries: number) {
    this.#copies = new LRUCache({ max: entries, ttl: LONGEST_STALE, ttlResolution: 0 })
  }

  /** The copy, or what the reading brings: that is copied, unless the entry was invalidated meanwhile. */
  async get(key: string, read: () => Promise<CacheEntry | undefined>): Promise<CacheEntry | undefined> {
    const copy = this.#copies.get(key)
    if (copy !== undefined) return copy
    const reading = Symbol('reading')
    const start = performance.now()
    this.#readings.set(key, reading)
    try {
      const entry = await read()
      if (entry !== undefined && this.#readings.get(key) === reading) {
        // In memory of its own: what came from the server is a part of a far larger buffer.
        this.#copies.set(key, { ...entry, body: Buffer.from(entry.body) }, { start })
      }
      return entry
    } finally {
      if (this.#readings.get(key) === reading) this.#readings.delete(key)
    }
  }

  /** Forgets the copy of a key, and without a key every copy. */
  invalidate(key?: string): void {
    if (key === undefined) {
      this.#copies.clear()
      this.#readings.clear()
    } else {
      this.#copies.delete(key)
      this.#readings.delete(key)
    }
  }
}
