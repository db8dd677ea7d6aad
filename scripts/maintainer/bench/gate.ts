import { setTimeout as sleep } from 'node:timers/promises'
import { type Watched, watch } from './noise.ts'

/** Options of a {@link Gate}. */
export interface GateOptions {
  /** Of one measurement. */
  readonly maxRepeats?: number
  /** For all repeats of a run together, with the waiting for a quiet machine, in seconds. */
  readonly maxSeconds: number
  /** Tells how much else the machine did; {@link watch} by default. */
  readonly watchOnce?: typeof watch
}

const MAX_REPEATS = 3
// Milliseconds.
const PROBE_MS = 300
const MAX_WAIT_MS = 20_000

/** Repeats measurements that other processes disturbed, until a time for all of a run is used up. */
export class Gate {
  readonly #maxRepeats: number
  readonly #watchOnce: typeof watch
  #left: number
  #repeats = 0

  constructor({ maxRepeats = MAX_REPEATS, maxSeconds, watchOnce = watch }: GateOptions) {
    this.#maxRepeats = maxRepeats
    this.#watchOnce = watchOnce
    this.#left = maxSeconds * 1000
  }

  /** How many measurements were repeated so far, each repeat counted. */
  get repeats(): number {
    return this.#repeats
  }

  /**
   * Measures until nothing disturbs it; otherwise returns the least disturbed one.
   *
   * @param isFinal whether a result counts though it was disturbed, such as a wrong answer
   * @throws Error if the work does
   */
  async watch<T>(work: () => Promise<T>, isFinal: (result: T) => boolean = () => false): Promise<Watched<T>> {
    let best = await this.#watchOnce(work)
    for (let repeat = 0; repeat < this.#maxRepeats && this.#left > 0; repeat++) {
      if (best.clean || isFinal(best.result)) break
      const start = performance.now()
      await this.#whenQuiet()
      const next = await this.#watchOnce(work)
      if (isFinal(next.result) || next.other < best.other) best = next
      this.#left -= performance.now() - start
      this.#repeats++
    }
    return best
  }

  /** What disturbs one measurement often lasts longer than it: repeated at once, it would be disturbed again. */
  async #whenQuiet(): Promise<void> {
    const end = performance.now() + Math.min(this.#left, MAX_WAIT_MS)
    while (performance.now() < end && !(await this.#watchOnce(() => sleep(PROBE_MS))).clean);
  }
}
