import type { CookieCodec } from '../../src/session/codec/codec.ts'
import { CookieEngine } from '../../src/session/engines/cookie/cookie.ts'
import { MemoryRevocations } from '../../src/session/stores/revocations.ts'
import { steer } from '../support/caches.ts'
import { engineContract } from './contract.ts'

/** The contract on sessions in cookies of this format. */
export function signedCookiesContract(format: string, codecOn: (now: () => number) => CookieCodec): void {
  engineContract(`signed_cookies, ${format}`, { cookieAlone: true }, async (now) => {
    const revocations = steer(new MemoryRevocations({ now }))
    const codec = codecOn(now)
    return {
      open: ({ expiry, observe }) =>
        new CookieEngine({ codec, expiry, maxSize: 4000, revocations: revocations.steered, observe, now }),
      outage: {
        begin() {
          revocations.out = true
        },
        end() {
          revocations.out = false
        },
      },
      close: () => {},
    }
  })
}
