import { setTimeout as sleep } from 'node:timers/promises'

const MAX_PAUSE = 20

/**
 * Waits before another attempt at what somebody else was faster with: not at all before the first one, and then up to
 * 20 ms at random, so that many writers do not march in step.
 *
 * @param attempt how many have failed
 */
export async function pauseAfter(attempt: number): Promise<void> {
  if (attempt > 1) await sleep(Math.random() * Math.min(2 ** attempt, MAX_PAUSE))
}
