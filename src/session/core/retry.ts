import { setTimeout as sleep } from 'node:timers/promises'
import { SessionContendedError } from './errors.ts'

/** The default maximum of attempts: a busy process wins most of them, so others need about a second. */
export const MAX_ATTEMPTS = 100
const MAX_DELAY_MS = 20

/** Limits of {@link retry}. */
export interface RetryLimits {
  /** Maximum number of attempts; 100 by default. */
  readonly max?: number
  /** When nobody waits for it any more, by `performance.now()`; Infinity by default. */
  readonly until?: number | undefined
}

/**
 * Repeats work that lost against another writer: at once after the first attempt, then after a random delay of up to
 * 20 ms, so that writers do not stay in step.
 *
 * @param work gets the number of the attempt, from 1; returns undefined to try again
 * @param limits or only their `max`
 * @throws SessionContendedError after the last attempt, or when the time is over; any error of `work`, at once
 */
export async function retry<T>(
  work: (attempt: number) => Promise<T | undefined>,
  limits: RetryLimits | number = {},
): Promise<T> {
  const { max = MAX_ATTEMPTS, until = Number.POSITIVE_INFINITY } = typeof limits === 'number' ? { max: limits } : limits
  for (let attempt = 1; attempt <= max; attempt++) {
    if (attempt > 1 && performance.now() > until) break
    if (attempt > 2) await sleep(Math.random() * Math.min(2 ** (attempt - 1), MAX_DELAY_MS))
    const result = await work(attempt)
    if (result !== undefined) return result
  }
  throw new SessionContendedError()
}

/**
 * Repeats work that fails with a transient error, with the delays of {@link retry}.
 *
 * @param work gets the number of the attempt, from 1
 * @param max maximum number of attempts
 * @throws the error of the last attempt; any other error at once
 */
export async function retryOnError<T>(
  isTransient: (error: unknown) => boolean,
  work: (attempt: number) => Promise<T>,
  max: number,
): Promise<T> {
  const { done } = await retry(async (attempt) => {
    try {
      // Wrapped, because the result may be undefined.
      return { done: await work(attempt) }
    } catch (error) {
      if (attempt === max || !isTransient(error)) throw error
      return undefined
    }
  }, max)
  return done
}
