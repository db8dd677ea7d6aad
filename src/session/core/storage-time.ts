import { StoreUnavailableError } from './errors.ts'
import { TimeoutError, type Waiter, withTimeout } from './timeout.ts'

/** How many milliseconds a request waits for its storage by default. */
export const DEFAULT_STORE_TIMEOUT_MS = 1000

/**
 * How long a request may wait for all its storage together. Only the waits count, not the work between them, and waits at
 * the same time count once.
 *
 * Passed explicitly: an AsyncLocalStorage would cost a tenth of the CPU of a request on Node 20.
 */
export class StorageTime implements Waiter {
  readonly #total: number
  #left: number
  #waiting = 0
  #since = 0

  /** @param total milliseconds; 1000 by default, Infinity for no limit */
  constructor(total: number = DEFAULT_STORE_TIMEOUT_MS) {
    this.#total = this.#left = total
  }

  /** The milliseconds that are left; below 1 if the time is over. */
  get left(): number {
    return this.#waiting === 0 ? this.#left : this.#left - (performance.now() - this.#since)
  }

  /** Starts again with the whole time, unless something is being waited for. */
  restart(): void {
    if (this.#waiting === 0) this.#left = this.#total
  }

  /**
   * Waits for storage while there is time left. The work is not cancelled: what becomes of it is unknown.
   *
   * @throws StoreUnavailableError when the time is over; any error of the work
   */
  wait<T>(work: () => Promise<T>): Promise<T> {
    const { left } = this
    // Timers may fire a little early.
    if (left < 1) return Promise.reject(this.timeoutError())
    if (left === Number.POSITIVE_INFINITY) return work()
    // First, because it may throw.
    const working = work()
    if (this.#waiting++ === 0) this.#since = performance.now()
    return withTimeout(working, Math.ceil(left), this)
  }

  /** Called at the end of each wait. */
  waited(): void {
    if (--this.#waiting === 0) this.#left -= performance.now() - this.#since
  }

  timeoutError(): StoreUnavailableError {
    return new StoreUnavailableError(new TimeoutError(this.#total))
  }
}
