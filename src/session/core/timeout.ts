/** There was no answer in time. */
export class TimeoutError extends Error {
  override readonly name = 'TimeoutError'

  /** @param milliseconds the timeout */
  constructor(milliseconds: number) {
    super(`There was no answer within ${milliseconds} ms`)
  }
}

/** Something that is waited for; `until` by `performance.now()`. */
interface Wait {
  readonly until: number
  readonly expire: () => void
  /** Its place in the list; -1 when the wait is over. */
  at: number
}

/**
 * All that is waited for, with one timer for the earliest: nearly every wait ends long before its deadline.
 *
 * In an array, not a Set: where entries come and go, V8 replaces the table of a Set again and again, and each one refers
 * to the next. Once one of them is old, garbage collection keeps all later ones with what they held, until the next full one.
 */
class Waits {
  readonly #waits: Wait[] = []
  #timer: NodeJS.Timeout | undefined
  #firesAt = Number.POSITIVE_INFINITY

  add(wait: Wait): void {
    if (this.#waits.length === 0) this.#timer?.ref()
    wait.at = this.#waits.push(wait) - 1
    if (wait.until < this.#firesAt) this.#arm(wait.until)
  }

  remove(wait: Wait): boolean {
    if (wait.at < 0) return false
    const last = this.#waits.pop()
    if (last !== undefined && last !== wait) {
      last.at = wait.at
      this.#waits[last.at] = last
    }
    wait.at = -1
    // What nobody waits for must not keep the process alive.
    if (this.#waits.length === 0) this.#timer?.unref()
    return true
  }

  #arm(at: number): void {
    clearTimeout(this.#timer)
    this.#firesAt = at
    this.#timer = setTimeout(() => this.#expire(), Math.ceil(at - performance.now()))
  }

  #expire(): void {
    this.#timer = undefined
    this.#firesAt = Number.POSITIVE_INFINITY
    // Timers may fire a little early.
    const now = performance.now() + 1
    const due: Wait[] = []
    let next = Number.POSITIVE_INFINITY
    for (const wait of this.#waits) {
      if (wait.until <= now) due.push(wait)
      else if (wait.until < next) next = wait.until
    }
    if (next < Number.POSITIVE_INFINITY) this.#arm(next)
    if (due.length === 0) return
    // If this process was busy, answers may have arrived but not been read, so they are read first.
    setImmediate(() => {
      for (const wait of due.sort((one, other) => one.until - other.until)) if (this.remove(wait)) wait.expire()
    })
  }
}

const waits = new Waits()

/** Somebody who waits. */
export interface Waiter {
  /** Called when the wait is over, in one way or the other. */
  waited(): void
  /** The error after so many milliseconds. */
  timeoutError(milliseconds: number): Error
}

const ANYBODY: Waiter = { waited() {}, timeoutError: (milliseconds) => new TimeoutError(milliseconds) }

/**
 * Waits for a promise for at most so many milliseconds; its work is not cancelled.
 *
 * @param milliseconds Infinity for no limit: then the waiter is not told
 * @throws TimeoutError, or the waiter's error; any error of the work
 */
export function withTimeout<T>(work: PromiseLike<T>, milliseconds: number, waiter = ANYBODY): Promise<T> {
  if (milliseconds === Number.POSITIVE_INFINITY) return Promise.resolve(work)
  // With callbacks, because every request waits, and async functions would cost twice as much.
  return new Promise((resolve, reject) => {
    const expire = () => {
      waiter.waited()
      reject(waiter.timeoutError(milliseconds))
    }
    const wait = { until: performance.now() + milliseconds, expire, at: -1 }
    waits.add(wait)
    // After the timeout nobody waits any more.
    const settled = () => {
      const isFirst = waits.remove(wait)
      if (isFirst) waiter.waited()
      return isFirst
    }
    work.then(
      (result) => settled() && resolve(result),
      (error: unknown) => settled() && reject(error),
    )
  })
}
