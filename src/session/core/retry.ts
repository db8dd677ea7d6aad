import { setTimeout as sleep } from 'node:timers/promises'
import { SessionContendedError } from './errors.ts'

/** Most attempts by default: a process whose requests follow closely wins most rounds, so others need about a second. */
export const MAX_ATTEMPTS = 100
const MAX_PAUSE = 20

/**
 * Tries again what others were faster with: at once after the first attempt, and then after up to 20 ms at random, so
 * that many writers do not march in step.
 *
 * @param work given the number of the attempt, from 1; undefined to try again
 * @param max attempts, with 0 for none; Infinity where `work` itself gives up
 * @throws SessionContendedError after the last attempt; whatever `work` throws, at once
 */
export async function retry<T>(
  work: (attempt: number) => Promise<T | undefined>,
  max: number = MAX_ATTEMPTS,
): Promise<T> {
  for (let attempt = 1; attempt <= max; attempt++) {
    if (attempt > 2) await sleep(Math.random() * Math.min(2 ** (attempt - 1), MAX_PAUSE))
    const result = await work(attempt)
    if (result !== undefined) return result
  }
  throw new SessionContendedError()
}

/**
 * Tries again, in the same way, what fails with an error that may pass.
 *
 * @param work given the number of the attempt, from 1
 * @param max attempts
 * @throws what the last attempt throws; what may not pass, at once
 */
export async function retryOn<T>(
  mayPass: (error: unknown) => boolean,
  work: (attempt: number) => Promise<T>,
  max: number,
): Promise<T> {
  const { done } = await retry(async (attempt) => {
    try {
      // Wrapped, because what the work comes to may be undefined.
      return { done: await work(attempt) }
    } catch (error) {
      if (attempt === max || !mayPass(error)) throw error
      return undefined
    }
  }, max)
  return done
}
