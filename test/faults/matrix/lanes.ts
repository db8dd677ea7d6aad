/** Lets several work at once, or one alone. */
export class Lanes {
  readonly #count: number
  #busy = 0
  readonly #waiting: { readonly wanted: number; readonly start: () => void }[] = []

  /** @param count how many may work at once */
  constructor(count: number) {
    this.#count = count
  }

  /** Works when there is a free lane, in the order of the calls; `alone`: when all of them are free. */
  async run<T>(work: () => Promise<T>, { alone = false } = {}): Promise<T> {
    const wanted = alone ? this.#count : 1
    await new Promise<void>((start) => {
      this.#waiting.push({ wanted, start })
      this.#next()
    })
    try {
      return await work()
    } finally {
      this.#busy -= wanted
      this.#next()
    }
  }

  #next(): void {
    for (let first = this.#waiting[0]; first !== undefined; first = this.#waiting[0]) {
      if (this.#busy + first.wanted > this.#count) return
      this.#waiting.shift()
      this.#busy += first.wanted
      first.start()
    }
  }
}
