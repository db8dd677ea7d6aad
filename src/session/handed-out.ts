import type { Slice } from './slice.ts'

interface Held {
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
    const held = this.#held.get(slice.name)
    return held?.slice === slice ? held.value : undefined
  }

  add(key: string, value: unknown, slice?: Slice<unknown>): void {
    if (typeof value !== 'object' || value === null || this.#held.get(key)?.value === value) return
    this.#held.set(key, { value, text: JSON.stringify(value), slice })
  }

  forget(key: string): void {
    this.#held.delete(key)
  }

  clear(): void {
    this.#held.clear()
  }

  get keys(): Iterable<string> {
    return [...this.#held.keys()]
  }

  /** What was handed out under the key, if it has changed since; it is forgotten then. */
  takeChanged(key: string): { value: unknown; slice: Slice<unknown> | undefined } | undefined {
    const held = this.#held.get(key)
    if (held === undefined || JSON.stringify(held.value) === held.text) return undefined
    this.#held.delete(key)
    return held
  }
}
