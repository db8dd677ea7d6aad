import { djangoCookieCodec } from '../../src/session/codec/django/django.ts'
import { sealedCookieCodec } from '../../src/session/codec/sealed/sealed-cookie.ts'
import { CookieEngine } from '../../src/session/engines/cookie/cookie.ts'
import { HybridEngine } from '../../src/session/engines/hybrid/hybrid.ts'
import { StoredEngine } from '../../src/session/engines/stored.ts'
import { MemoryStore } from '../../src/session/stores/memory.ts'
import { MemoryRevocations } from '../../src/session/stores/revocations.ts'
import { steer } from '../support/caches.ts'
import { httpLaws } from './laws.ts'
import { storedCodec } from './stored.ts'

const secrets = ['a secret of the tests: 6f1f0c2b9d8e4a7c'] as const

for (const format of ['sealed', 'django'] as const) {
  httpLaws(`signed_cookies, ${format}`, { cookieAlone: true }, async (now) => {
    const revocations = steer(new MemoryRevocations({ now }))
    const codec =
      format === 'sealed' ? sealedCookieCodec({ secrets, cookieName: 'sid', now }) : djangoCookieCodec({ secrets, now })
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

/** A session of this size is in the record. */
const SPILLED = 4000

for (const [name, exceptions] of [
  ['in the cookie', { cookieAlone: true }],
  ['in the record', { ballast: SPILLED }],
] as const) {
  httpLaws(`hybrid, ${name}`, exceptions, async (now) => {
    const store = steer(new MemoryStore({ now }))
    const revocations = steer(new MemoryRevocations({ now }))
    return {
      open({ expiry, observe }) {
        const stored = new StoredEngine({ store: store.steered, codec: storedCodec, expiry, observe, now })
        const codec = sealedCookieCodec({ secrets, cookieName: 'sid', now })
        return new HybridEngine({ codec, stored, revocations: revocations.steered, expiry, now })
      },
      outage: {
        begin() {
          store.out = true
          revocations.out = true
        },
        end() {
          store.out = false
          revocations.out = false
        },
      },
      close: () => {},
    }
  })
}
