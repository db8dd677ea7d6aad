import { sealedCookieCodec } from '../../src/session/codec/sealed/sealed-cookie.ts'
import { HybridEngine } from '../../src/session/engines/hybrid/hybrid.ts'
import { StoredEngine } from '../../src/session/engines/stored.ts'
import { MemoryStore } from '../../src/session/stores/memory.ts'
import { MemoryRevocations } from '../../src/session/stores/revocations.ts'
import { steer } from '../support/caches.ts'
import { engineContract } from './contract.ts'
import { SECRETS, sealed } from './sealed.ts'

/** A session of this size is in the record. */
const SPILLED = 4000

for (const [name, exceptions] of [
  ['in the cookie', { cookieAlone: true }],
  ['in the record', { ballast: SPILLED }],
] as const) {
  engineContract(`hybrid, ${name}`, exceptions, async (now) => {
    const store = steer(new MemoryStore({ now }))
    const revocations = steer(new MemoryRevocations({ now }))
    return {
      open({ expiry, observe }) {
        const stored = new StoredEngine({ store: store.steered, codec: sealed, expiry, observe, now })
        const codec = sealedCookieCodec({ secrets: SECRETS, cookieName: 'sid', now })
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
