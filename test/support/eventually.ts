import { setTimeout as pause } from 'node:timers/promises'

const TIMEOUT_MS = 20_000

/** Retries until the result is as expected; throws the last error after the timeout. */
export async function eventually<T>(look: () => Promise<T>, wanted: (found: T) => boolean = () => true): Promise<T> {
  const end = performance.now() + TIMEOUT_MS
  for (;;) {
    let failure: unknown
    try {
      const found = await look()
      if (wanted(found)) return found
      failure = new Error(`It stayed ${JSON.stringify(found)}`)
    } catch (error) {
      failure = error
    }
    if (performance.now() > end) throw failure
    await pause(20)
  }
}
