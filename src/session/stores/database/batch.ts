/** What a {@link Batch} is made of. */
export interface BatchOptions<Item, Answer> {
  /**
   * Asks the storage. Calls `take`, as late as it can, for the items to ask about (the same ones if it calls again);
   * resolves to what gives each of them its answer.
   */
  readonly ask: (take: () => readonly Item[]) => Promise<(item: Item) => Answer>
  /** How many may go together at most. */
  readonly most: number
  /** Items of one key never go together: the later one waits for the next round. */
  readonly key?: (item: Item) => string
  /** Whether one item alone may be to blame for an error; then each is asked about by itself. */
  readonly isFaultOfOne?: (error: unknown) => boolean
}

interface Waiting<Item, Answer> {
  readonly item: Item
  resolve(answer: Answer): void
  reject(error: unknown): void
}

/**
 * Asks one thing at a time, and gathers what arrives meanwhile into the next round. Nobody waits for others to come:
 * the first goes at once, the rest as soon as it has its answer. What joins a round was asked before the round began.
 */
export class Batch<Item, Answer> {
  readonly #options: BatchOptions<Item, Answer>
  #waiting: Waiting<Item, Answer>[] = []
  #taken: Waiting<Item, Answer>[] = []
  #busy = false

  constructor(options: BatchOptions<Item, Answer>) {
    this.#options = options
  }

  /** @throws what `ask` throws */
  run(item: Item): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, resolve, reject })
      if (!this.#busy) void this.#rounds()
    })
  }

  async #rounds(): Promise<void> {
    this.#busy = true
    while (this.#waiting.length > 0) await this.#round()
    this.#busy = false
  }

  async #round(): Promise<void> {
    try {
      const answerTo = await this.#options.ask(() => this.#take())
      for (const { item, resolve } of this.#taken) resolve(answerTo(item))
    } catch (error) {
      // Nothing was taken: there is no way to the storage, and the next in line need not wait to learn it.
      const failed = this.#taken.length > 0 ? this.#taken : this.#waiting.splice(0)
      if (this.#taken.length > 1 && this.#options.isFaultOfOne?.(error)) await this.#oneByOne(failed)
      else for (const { reject } of failed) reject(error)
    }
    this.#taken = []
  }

  async #oneByOne(items: readonly Waiting<Item, Answer>[]): Promise<void> {
    for (const { item, resolve, reject } of items) {
      try {
        resolve((await this.#options.ask(() => [item]))(item))
      } catch (error) {
        reject(error)
      }
    }
  }

  #take(): Item[] {
    if (this.#taken.length === 0) this.#choose()
    return this.#taken.map(({ item }) => item)
  }

  #choose(): void {
    const { key, most } = this.#options
    const keys = new Set<string>()
    const later: Waiting<Item, Answer>[] = []
    for (const waiting of this.#waiting) {
      const name = key?.(waiting.item)
      if (this.#taken.length === most || (name !== undefined && keys.has(name))) {
        later.push(waiting)
        continue
      }
      if (name !== undefined) keys.add(name)
      this.#taken.push(waiting)
    }
    this.#waiting = later
  }
}
