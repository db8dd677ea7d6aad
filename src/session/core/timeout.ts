/** There was no answer in time. */
export class TimeoutError extends Error {
  override readonly name = 'TimeoutError'

  /** @param milliseconds the timeout */
  constructor(milliseconds: number) {
    super(`There was no answer within ${milliseconds} ms`)
  }
}

/** Something that is waited for. */
class Wait {
  /** By `performance.now()`. */
  readonly until: number
  /** Its place in the list; -1 when the wait is over. */
  at = -1
  readonly #milliseconds: number
  readonly #waiter: Waiter
  readonly #reject: (error: Error) => void

  constructor(milliseconds: number, waiter: Waiter, reject: (error: Error) => void) {
    this.until = performance.now() + milliseconds
    this.#milliseconds = milliseconds
    this.#waiter = waiter
    this.#reject = reject
    waits.add(this)
  }

  /** Ends the wait; returns false after the timeout, when nobody waits any more. */
  end(): boolean {
    const isFirst = waits.remove(this)
    if (isFirst) this.#waiter.waited()
    return isFirst
  }

  expire(): void {
    if (this.end()) this.#reject(this.#waiter.timeoutError(this.#milliseconds))
  }
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
      for (const wait of due.sort((one, other) => one.until - other.until)) wait.expire()
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
    const wait = new Wait(milliseconds, waiter, reject)
    work.then(
      (result) => wait.end() && resolve(result),
      (error: unknown) => wait.end() && reject(error),
    )
  })
}
