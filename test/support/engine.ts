import type { Codec } from '../../src/session/codec/codec.ts'
import { djangoCodec } from '../../src/session/codec/django/django.ts'
import { sealedCodec } from '../../src/session/codec/sealed/sealed.ts'
import type { SessionEvent } from '../../src/session/core/events.ts'
import type { ExpiryPolicy } from '../../src/session/core/expiry.ts'
import { StoredEngine } from '../../src/session/engines/stored.ts'
import { MemoryStore } from '../../src/session/stores/memory.ts'
import type { SessionStore } from '../../src/session/stores/store.ts'

export const START = Date.parse('2026-03-01T12:00:00.000Z')

export const EXPIRY: ExpiryPolicy = { cookieAge: 1_209_600, atBrowserClose: false, touchAfter: 0.1 }

interface TestOptions {
  readonly expiry?: ExpiryPolicy
  readonly clock?: { now: number }
  readonly store?: SessionStore
  readonly format?: 'sealed' | 'django'
}

const SECRETS = ['a secret of the tests: 6f1f0c2b9d8e4a7c'] as const

/** An engine over a memory store that counts its calls, on a clock that the test moves. */
export function testEngine(options: TestOptions = {}) {
  const clock = options.clock ?? { now: START }
  const now = () => clock.now
  const expiry = options.expiry ?? EXPIRY
  const events: SessionEvent[] = []
  const calls: string[] = []
  const store = counted(options.store ?? new MemoryStore({ now }), calls)
  const codec: Codec =
    options.format === 'django'
      ? djangoCodec({ secrets: SECRETS, now })
      : sealedCodec({ secrets: SECRETS, namespace: 'sessionid' })
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
