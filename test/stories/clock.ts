import { AsyncLocalStorage } from 'node:async_hooks'
import type { Site } from './place.ts'

/** The clock of a machine, as far as it differs from the real one. */
export interface Clock {
  /** Milliseconds. */
  ahead: number
}

const clocks = new AsyncLocalStorage<Clock>()
const realNow = Date.now
// Everything that a request does asks here, whichever options it was opened with. Whoever asks outside gets the real time.
Date.now = () => realNow() + (clocks.getStore()?.ahead ?? 0)

/** Lets every request of a site go by this clock, which the story may set later on. */
export function goesBy({ server }: Site, clock: Clock): void {
  const answering = server.listeners('request')
  server.removeAllListeners('request')
  server.on('request', (...request) => {
    clocks.run(clock, () => {
      for (const answer of answering) Reflect.apply(answer, server, request)
    })
  })
}
