import { between } from './figures.ts'
import type { Tally } from './metrics.ts'

/** How {@link Samples} takes them. */
export interface SamplesOptions {
  readonly tally: () => Promise<Tally>
  /** Milliseconds between two; 10 seconds by default. */
  readonly every?: number
  /** How many stretches between two samples are kept; 60 by default. */
  readonly keep?: number
  /** Milliseconds since 1970. */
  readonly now?: () => number
}

/** What was counted in one stretch of time that ended at `at`; undefined where nobody was counting. */
export interface Stretch {
  readonly at: number
  readonly tally: Tally | undefined
}

/** The last ten minutes in memory: what was counted, every ten seconds. */
export class Samples {
  readonly every: number
  readonly keep: number
  readonly #tally: () => Promise<Tally>
  readonly #now: () => number
  readonly #taken: { at: number; tally: Tally }[] = []

  constructor({ tally, every = 10_000, keep = 60, now = Date.now }: SamplesOptions) {
    this.#tally = tally
    this.every = every
    this.keep = keep
    this.#now = now
  }

  /** Takes one now and one every so often, for as long as the process has something else to do. */
  async start(): Promise<void> {
    setInterval(() => void this.take(), this.every).unref()
    await this.take()
  }

  async take(): Promise<void> {
    this.#taken.push({ at: this.#now(), tally: await this.#tally() })
    if (this.#taken.length > this.keep + 1) this.#taken.shift()
  }

  /** What was counted since the oldest sample that is kept, up to this moment. */
  async recent(): Promise<{ since: number; tally: Tally }> {
    const newest = await this.#tally()
    const first = this.#taken.find(({ at }) => at >= this.#now() - this.every * (this.keep + 0.5))
    if (first === undefined) return { since: this.#now(), tally: between(newest, newest) }
    return { since: first.at, tally: between(first.tally, newest) }
  }

  /** The stretches in order. One that took much longer than it should have is a gap: the process stood still. */
  stretches(): Stretch[] {
    return this.#taken.slice(1).map(({ at, tally }, index) => {
      const before = this.#taken[index]
      const whole = before !== undefined && at - before.at < this.every * 1.5
      return { at, tally: whole ? between(before.tally, tally) : undefined }
    })
  }
}
