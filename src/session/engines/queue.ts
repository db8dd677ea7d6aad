/**
 * Lets work on one key run one after the other, and hands each the result of the one before, so that
 * requests of this process queue instead of colliding in the store.
 */
export class KeyedQueue<T> {
  readonly #lanes = new Map<string, { tail: Promise<unknown>; latest: T | undefined; waiting: number }>()

  /** Runs `work` with the newest result since the lane was last idle; its own result is for the next in line. */
  async run<R extends T | undefined>(key: string, work: (latest: T | undefined) => Promise<R>): Promise<R> {
    const lane = this.#lanes.get(key) ?? { tail: Promise.resolve(), latest: undefined, waiting: 0 }
    this.#lanes.set(key, lane)
    lane.waiting++
    const turn = lane.tail.then(() => work(lane.latest))
    // A failure says nothing about the stored state, so the next in line starts from its own copy.
    lane.tail = turn.then(
      (result) => {
        lane.latest = result
      },
      () => {
        lane.latest = undefined
      },
    )
    try {
      return await turn
    } finally {
      lane.waiting--
      if (lane.waiting === 0) this.#lanes.delete(key)
    }
  }
}
