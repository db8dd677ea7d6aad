import { StoreUnavailableError } from './errors.ts'

interface Lane<T> {
  tail: Promise<unknown>
  latest: T | undefined
  waiting: number
  outage: StoreUnavailableError | undefined
}

/**
 * Lets work on one key run one after the other, and hands each the result of the one before, so that
 * requests of this process queue instead of colliding in the store.
 */
export class KeyedQueue<T> {
  readonly #lanes = new Map<string, Lane<T>>()

  /**
   * Runs `work` with the newest result since the lane was last idle; its own result is for the next in line.
   *
   * @throws what `work` throws; StoreUnavailableError where work before it has found the store out: those who wait for it
   *   would wait for one timeout after the other
   */
  async run<R extends T | undefined>(key: string, work: (latest: T | undefined) => Promise<R>): Promise<R> {
    const lane = this.#lanes.get(key) ?? { tail: Promise.resolve(), latest: undefined, waiting: 0, outage: undefined }
    this.#lanes.set(key, lane)
    lane.waiting++
    const turn = lane.tail.then(() => {
      if (lane.outage !== undefined) throw lane.outage
      return work(lane.latest)
    })
    // A failure says nothing about the stored state, so the next in line starts from its own copy.
    lane.tail = turn.then(
      (result) => {
        lane.latest = result
      },
      (error: unknown) => {
        lane.latest = undefined
        if (!(error instanceof StoreUnavailableError)) return
        lane.outage = error
        // Whoever comes from now on tries again.
        if (this.#lanes.get(key) === lane) this.#lanes.delete(key)
      },
    )
    try {
      return await turn
    } finally {
      lane.waiting--
      if (lane.waiting === 0 && this.#lanes.get(key) === lane) this.#lanes.delete(key)
    }
  }
}
