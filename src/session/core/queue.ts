import { SessionContendedError, StoreUnavailableError } from './errors.ts'

/** More work of one key than this at once is refused: memory and time stay bounded while a store is slow. */
export const MAX_QUEUED = 1000

/** The work of one key: one at a time, and those that wait. */
class KeyQueue<T> {
  readonly waiting: (() => void)[] = []
  latest: T | undefined
  outage: StoreUnavailableError | undefined
}

/**
 * Runs work on one key sequentially and passes each the result of the one before, so that requests of this process
 * queue instead of conflicting in the store.
 */
export class KeyedQueue<T> {
  readonly #queues = new Map<string, KeyQueue<T>>()

  /**
   * Runs `work` with the newest result since the queue was last empty, and passes its result on.
   *
   * @param until when nobody waits for it any more, by `performance.now()`: it is not begun after that; Infinity by default
   * @throws any error of `work`; StoreUnavailableError if earlier work failed with it, so that those who wait do not wait
   *   for one timeout after the other; SessionContendedError, without running it, after `until` or behind 1000 others
   */
  async run<R extends T | undefined>(
    key: string,
    work: (latest: T | undefined) => Promise<R>,
    until = Number.POSITIVE_INFINITY,
  ): Promise<R> {
    const found = this.#queues.get(key)
    if (found !== undefined && found.waiting.length >= MAX_QUEUED) throw new SessionContendedError()
    const queue = found ?? new KeyQueue<T>()
    if (found === undefined) this.#queues.set(key, queue)
    else await new Promise<void>((resolve) => queue.waiting.push(resolve))
    try {
      if (queue.outage !== undefined) throw queue.outage
      if (performance.now() > until) throw new SessionContendedError()
      try {
        const result = await work(queue.latest)
        queue.latest = result
        return result
      } catch (error) {
        // The stored state is unknown, so the next starts from its own copy.
        queue.latest = undefined
        if (error instanceof StoreUnavailableError) this.#fail(key, queue, error)
        throw error
      }
    } finally {
      const next = queue.waiting.shift()
      if (next !== undefined) next()
      else {
        if (this.#queues.get(key) === queue) this.#queues.delete(key)
        // Old tables of the map refer to the next ones and still have this entry: it must not keep a session in memory.
        queue.latest = undefined
      }
    }
  }

  /** Those who wait fail with it; later work tries again. */
  #fail(key: string, queue: KeyQueue<T>, error: StoreUnavailableError): void {
    queue.outage = error
    if (this.#queues.get(key) === queue) this.#queues.delete(key)
  }
}
