/** Options for {@link Batch}. */
export interface BatchOptions<Item, Answer> {
  /**
   * Sends one request for several items. Calls `take`, as late as possible, for the items (the same ones if called
   * again); resolves to a function that returns the answer for each item.
   */
  readonly ask: (take: () => readonly Item[]) => Promise<(item: Item) => Answer>
  /** Maximum number of items per request. */
  readonly maxItems: number
  /** Items with the same key are never sent together: the later one waits for the next request. */
  readonly key?: (item: Item) => string
  /** Whether a single item may have caused an error; then each is sent separately. */
  readonly isItemError?: (error: unknown) => boolean
}

interface Waiting<Item, Answer> {
  readonly item: Item
  resolve(answer: Answer): void
  reject(error: unknown): void
}

/**
 * Sends one request at a time and collects items that arrive meanwhile into the next one. The first item is sent at once,
 * the others as soon as it has its answer. An item is only answered by a request that started after it arrived.
 */
export class Batch<Item, Answer> {
  readonly #options: BatchOptions<Item, Answer>
  #waiting: Waiting<Item, Answer>[] = []
  #taken: Waiting<Item, Answer>[] = []
  #busy = false

  constructor(options: BatchOptions<Item, Answer>) {
    this.#options = options
  }

  /** Returns the answer for one item. @throws any error of `ask` */
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
      // Nothing was taken: there is no connection, so all waiting items fail.
      const failed = this.#taken.length > 0 ? this.#taken : this.#waiting.splice(0)
      if (this.#taken.length > 1 && this.#options.isItemError?.(error)) await this.#oneByOne(failed)
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
    const { key, maxItems } = this.#options
    const keys = new Set<string>()
    const later: Waiting<Item, Answer>[] = []
    for (const waiting of this.#waiting) {
      const name = key?.(waiting.item)
      if (this.#taken.length === maxItems || (name !== undefined && keys.has(name))) {
        later.push(waiting)
        continue
      }
      if (name !== undefined) keys.add(name)
      this.#taken.push(waiting)
    }
    this.#waiting = later
  }
}
