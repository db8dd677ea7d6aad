import { difference } from './figures.ts'
import type { Counts } from './metrics.ts'

/** Options for {@link Samples}. */
export interface SamplesOptions {
  readonly counts: () => Promise<Counts>
  /** Milliseconds between two samples; 10,000 by default. */
  readonly every?: number
  /** Max intervals that are kept; 60 by default. */
  readonly keep?: number
  /** Milliseconds since 1970. */
  readonly now?: () => number
}

/** The counts of an interval that ended at `at` (ms since 1970); undefined after a gap. */
export interface Interval {
  readonly at: number
  readonly counts: Counts | undefined
}

/** Samples of the counts in memory: by default of the last ten minutes, every ten seconds. */
export class Samples {
  readonly every: number
  readonly keep: number
  /** Milliseconds since 1970. */
  readonly now: () => number
  readonly #counts: () => Promise<Counts>
  readonly #samples: { at: number; counts: Counts }[] = []

  constructor({ counts, every = 10_000, keep = 60, now = Date.now }: SamplesOptions) {
    this.#counts = counts
    this.every = every
    this.keep = keep
    this.now = now
  }

  /** Takes a sample now and regularly; does not keep the process running. */
  async start(): Promise<void> {
    setInterval(() => void this.take(), this.every).unref()
    await this.take()
  }

  async take(): Promise<void> {
    this.#samples.push({ at: this.now(), counts: await this.#counts() })
    if (this.#samples.length > this.keep + 1) this.#samples.shift()
  }

  /** The counts since the oldest sample that is kept. */
  async recent(): Promise<{ since: number; counts: Counts }> {
    const newest = await this.#counts()
    const first = this.#samples.find(({ at }) => at >= this.now() - this.every * (this.keep + 0.5))
    if (first === undefined) return { since: this.now(), counts: difference(newest, newest) }
    return { since: first.at, counts: difference(first.counts, newest) }
  }

  /** All intervals, the oldest first. One that took much too long is a gap: the process was suspended. */
  intervals(): Interval[] {
    return this.#samples.slice(1).map(({ at, counts }, index) => {
      const before = this.#samples[index]
      const whole = before !== undefined && at - before.at < this.every * 1.5
      return { at, counts: whole ? difference(before.counts, counts) : undefined }
    })
  }
}
