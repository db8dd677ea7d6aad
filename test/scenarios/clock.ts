import { AsyncLocalStorage } from 'node:async_hooks'
import type { Site } from './deployment.ts'

/** The clock of a machine, as far as it differs from the real one. */
export interface Clock {
  /** Milliseconds. */
  ahead: number
}

const clocks = new AsyncLocalStorage<Clock>()
const realNow = Date.now
// Everything in a request uses this clock, whatever its options. Outside of requests it is the real time.
Date.now = () => realNow() + (clocks.getStore()?.ahead ?? 0)

/** Makes all requests of a site use this clock, which the test may change later. */
export function useClock({ server }: Site, clock: Clock): void {
  const answering = server.listeners('request')
  server.removeAllListeners('request')
  server.on('request', (...request) => {
    clocks.run(clock, () => {
      for (const answer of answering) Reflect.apply(answer, server, request)
    })
  })
}
