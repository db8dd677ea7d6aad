/** Nobody answered in time. */
export class TimeoutError extends Error {
  override readonly name = 'TimeoutError'

  /** @param milliseconds how long was waited */
  constructor(milliseconds: number) {
    super(`There was no answer within ${milliseconds} ms`)
  }
}

/**
 * Waits for work no longer than so many milliseconds; the work itself goes on.
 *
 * @throws TimeoutError; whatever the work throws in time
 */
export function within<T>(work: PromiseLike<T>, milliseconds: number): Promise<T> {
  return new Promise((resolve, reject) => {
    // After a busy spell of this process the answer may be here already, unread: it gets its turn before the verdict.
    const late = () => setImmediate(() => reject(new TimeoutError(milliseconds)))
    const timer = setTimeout(late, milliseconds)
    const settled =
      <A>(settle: (outcome: A) => void) =>
      (outcome: A) => {
        clearTimeout(timer)
        settle(outcome)
      }
    work.then(settled(resolve), settled(reject))
  })
}
