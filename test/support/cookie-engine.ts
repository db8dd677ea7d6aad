import type { CookieCodec } from '../../src/session/codec/codec.ts'
import type { SessionEvent } from '../../src/session/core/events.ts'
import { CookieEngine, type CookieEngineOptions } from '../../src/session/engines/cookie/cookie.ts'
import { MemoryRevocations, type Revocations } from '../../src/session/stores/revocations.ts'
import { EXPIRY, START } from './engine.ts'
import { codecOptions, sealed, type TestFormat } from './formats.ts'

/** What seals or signs a session in a cookie, in this format. */
export function cookieCodec(format: TestFormat, now: () => number, secret?: string): CookieCodec {
  return format.cookieCodec(codecOptions('sid', now, secret))
}

/** An engine over cookies that counts what it asks of its revocations, on a clock that the test moves. */
export function cookieBench(options: Partial<CookieEngineOptions> & { format?: TestFormat; guarded?: boolean } = {}) {
  const { format = sealed, guarded = true, ...own } = options
  const clock = { now: START }
  const now = () => clock.now
  const calls: string[] = []
  const events: SessionEvent[] = []
  const observe = (event: SessionEvent) => void events.push(event)
  const revocations = counted(own.revocations ?? new MemoryRevocations({ now }), calls)
  const settings = { codec: cookieCodec(format, now), expiry: EXPIRY, maxSize: 4000, observe, now, ...own }
  const engine = new CookieEngine({ ...settings, ...(guarded ? { revocations } : {}) })
  return { engine, expiry: engine.expiry, codec: settings.codec, revocations, clock, now, calls, events, observe }
}

function counted(revocations: Revocations, calls: string[]): Revocations {
  return new Proxy(revocations, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name)
      if (typeof member !== 'function') return member
      return (...args: unknown[]) => {
        calls.push(String(name))
        return member.apply(target, args)
      }
    },
  })
}
