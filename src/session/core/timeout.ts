/** There was no answer in time. */
export class TimeoutError extends Error {
  override readonly name = 'TimeoutError'

  /** @param milliseconds the timeout */
  constructor(milliseconds: number) {
    super(`There was no answer within ${milliseconds} ms`)
  }
}

/**
 * Waits for a promise for at most so many milliseconds; its work is not cancelled.
 *
 * @param milliseconds Infinity for no limit
 * @throws TimeoutError; any error of the work
 */
export function withTimeout<T>(work: PromiseLike<T>, milliseconds: number): Promise<T> {
  // A timer of infinite length would fire at once.
  if (milliseconds === Number.POSITIVE_INFINITY) return Promise.resolve(work)
  return new Promise((resolve, reject) => {
    // If this process was busy, the answer may have arrived but not been read, so it is read first.
    const onTimeout = () => setImmediate(() => reject(new TimeoutError(milliseconds)))
    const timer = setTimeout(onTimeout, milliseconds)
    const settled =
      <A>(settle: (outcome: A) => void) =>
      (outcome: A) => {
        clearTimeout(timer)
        settle(outcome)
      }
    work.then(settled(resolve), settled(reject))
  })
}
