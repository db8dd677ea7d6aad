import type { SessionEvent } from '../../src/session/core/events.ts'
import type { ExpiryPolicy } from '../../src/session/core/expiry.ts'
import { StoredEngine } from '../../src/session/engines/stored.ts'
import { MemoryStore } from '../../src/session/stores/memory.ts'
import type { SessionStore } from '../../src/session/stores/store.ts'
import { codecOptions, sealed, type TestFormat } from './formats.ts'

export const START = Date.parse('2026-03-01T12:00:00.000Z')

export const EXPIRY: ExpiryPolicy = { cookieAge: 1_209_600, atBrowserClose: false, touchAfter: 0.1 }

interface TestOptions {
  readonly expiry?: ExpiryPolicy
  readonly clock?: { now: number }
  readonly store?: SessionStore
  readonly format?: TestFormat
}

/** An engine over a memory store that counts its calls, on a clock that the test moves. */
export function testEngine(options: TestOptions = {}) {
  const clock = options.clock ?? { now: START }
  const now = () => clock.now
  const expiry = options.expiry ?? EXPIRY
  const events: SessionEvent[] = []
  const calls: string[] = []
  const store = counted(options.store ?? new MemoryStore({ now }), calls)
  const codec = (options.format ?? sealed).codec(codecOptions('sessionid', now))
  const observe = (event: SessionEvent) => void events.push(event)
  const engine = new StoredEngine({ store, codec, expiry, observe, now })
  return { engine, store, codec, expiry, clock, now, events, calls, observe }
}

/** The same store, writing down which verbs were called. */
export function counted(store: SessionStore, calls: string[]): SessionStore {
  return new Proxy(store, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name)
      if (typeof member !== 'function') return member
      return (...args: unknown[]) => {
        if (typeof name === 'string') calls.push(name)
        return member.apply(target, args)
      }
    },
  })
}
