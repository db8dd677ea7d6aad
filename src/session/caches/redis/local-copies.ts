import { LRUCache } from 'lru-cache'
import type { CacheEntry } from '../cache.ts'

/** Milliseconds after the read of an entry began after which its copy is dropped. */
export const MAX_COPY_AGE_MS = 750

interface Copy {
  readonly entry: CacheEntry
  /** When the read began by the wall clock: the other one stands still while a machine sleeps. */
  readonly began: number
}

/** Copies of a server's entries in this process, kept until the server invalidates them. */
export class LocalCopies {
  readonly #copies: LRUCache<string, Copy>
  readonly #readings = new Map<string, symbol>()
  readonly #now: () => number

  /**
   * @param entries maximum number of copies; the least recently used is dropped first
   * @param now returns milliseconds since 1970; Date.now by default
   */
  constructor(entries: number, now: () => number = Date.now) {
    this.#copies = new LRUCache({ max: entries, ttl: MAX_COPY_AGE_MS, ttlResolution: 0 })
    this.#now = now
  }

  /** Returns the copy, or reads the entry and keeps a copy unless it was invalidated meanwhile. */
  async get(key: string, read: () => Promise<CacheEntry | undefined>): Promise<CacheEntry | undefined> {
    const copy = this.#copies.get(key)
    if (copy !== undefined && Math.abs(this.#now() - copy.began) < MAX_COPY_AGE_MS) return copy.entry
    const reading = Symbol('reading')
    const [start, began] = [performance.now(), this.#now()]
    this.#readings.set(key, reading)
    try {
      const entry = await read()
      if (entry !== undefined && this.#readings.get(key) === reading) {
        // Copied, because the body from the server is a slice of a far larger buffer.
        this.#copies.set(key, { entry: { ...entry, body: Buffer.from(entry.body) }, began }, { start })
      }
      return entry
    } finally {
      if (this.#readings.get(key) === reading) this.#readings.delete(key)
    }
  }

  /** Drops the copy of a key; without a key, all copies. */
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
