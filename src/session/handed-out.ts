import type { Slice } from './slice.ts'

interface Held {
  readonly key: string
  readonly value: unknown
  readonly text: string
  readonly slice: Slice<unknown> | undefined
}

/**
 * The objects a handler holds and may be changing in place. Comparing their JSON with what it was when
 * they were handed out notices every nested change; proxies were rejected, because they leak into
 * schemas, logs and comparisons.
 */
export class HandedOut {
  readonly #held = new Map<string, Held>()

  /** The object already handed out for a slice, so that a handler sees one object per request. */
  of(slice: Slice<unknown>): unknown {
    return this.#held.get(place(slice.name, slice))?.value
  }

  add(key: string, value: unknown, slice?: Slice<unknown>): void {
    const at = place(key, slice)
    if (typeof value !== 'object' || value === null || this.#held.get(at)?.value === value) return
    this.#held.set(at, { key, value, text: JSON.stringify(value), slice })
  }

  forget(key: string): void {
    for (const [at, held] of this.#held) if (held.key === key) this.#held.delete(at)
  }

  clear(): void {
    this.#held.clear()
  }

  /** What was handed out and has changed since, under one key or all; it is forgotten. */
  takeChanged(only?: string): Held[] {
    const changed: Held[] = []
    for (const [at, held] of this.#held) {
      if ((only !== undefined && held.key !== only) || JSON.stringify(held.value) === held.text) continue
      this.#held.delete(at)
      changed.push(held)
    }
    return changed
  }
}

// A handler may hold a slice's value and, through entries(), the stored form of the same key.
function place(key: string, slice: Slice<unknown> | undefined): string {
  return `${slice === undefined ? 'raw' : 'slice'} ${key}`
}
