import { setTimeout as wait } from 'node:timers/promises'
import type { Services } from '../../services.ts'

// Less than a server that stops gives to the last writes.
const MAX_WAIT_MS = 4000

/**
 * Work after the response. A server that stops waits for it for up to 4 seconds, and logs how much was not done.
 *
 * @param failed called with the error of work that fails
 */
export function backgroundWork({ log, beforeClose }: Services, failed: (error: unknown) => void) {
  const running = new Set<Promise<void>>()
  beforeClose(async () => {
    if (running.size === 0) return
    log.info({ requests: running.size }, 'stopping: their mails are being sent')
    await Promise.race([Promise.all(running), wait(MAX_WAIT_MS)])
    if (running.size > 0) log.warn({ requests: running.size }, 'stopped: their mails were not sent')
  })
  return (work: Promise<void>): void => {
    const done = work.catch(failed).finally(() => running.delete(done))
    running.add(done)
  }
}
