import { setTimeout as sleep } from 'node:timers/promises'
import type { Usage } from './server.ts'

// Milliseconds.
const POLL_INTERVAL_MS = 100
const REST_TIMEOUT_MS = 15_000
/** Below this share of a core a server is idle; asking it takes some, too. */
const MAX_REST_SHARE = 0.2

/** The CPU time of the server so far. */
export async function usageOf(origin: string): Promise<Usage> {
  const response = await fetch(`${origin}/usage`)
  return (await response.json()) as Usage
}

/**
 * The same after its background work is finished.
 *
 * @throws Error if it does not finish in time
 */
export async function usageAtRest(origin: string): Promise<Usage> {
  const end = Date.now() + REST_TIMEOUT_MS
  let before = await usageOf(origin)
  while (Date.now() < end) {
    const started = performance.now()
    await sleep(POLL_INTERVAL_MS)
    const now = await usageOf(origin)
    if (now.cpu - before.cpu < MAX_REST_SHARE * 1000 * (performance.now() - started)) return now
    before = now
  }
  throw new Error('The server does not become idle after the load.')
}
