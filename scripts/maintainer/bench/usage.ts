import { setTimeout as sleep } from 'node:timers/promises'
import type { Usage } from './server.ts'

// Milliseconds.
const LOOK = 100
const PATIENCE = 15_000
/** The share of a core below which a server counts as at rest; asking it takes some, too. */
const REST = 0.2

/** What the server has used so far. */
export async function usageOf(origin: string): Promise<Usage> {
  const response = await fetch(`${origin}/usage`)
  return (await response.json()) as Usage
}

/**
 * The same, when what it does behind its answers is over.
 *
 * @throws Error when it never is
 */
export async function usageAtRest(origin: string): Promise<Usage> {
  const end = Date.now() + PATIENCE
  let before = await usageOf(origin)
  while (Date.now() < end) {
    const started = performance.now()
    await sleep(LOOK)
    const now = await usageOf(origin)
    if (now.cpu - before.cpu < REST * 1000 * (performance.now() - started)) return now
    before = now
  }
  throw new Error('The server does not come to rest after the load.')
}
