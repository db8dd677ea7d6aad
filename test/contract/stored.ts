import type { Codec } from '../../src/session/codec/codec.ts'
import { StoredEngine } from '../../src/session/engines/stored.ts'
import type { SessionStore } from '../../src/session/stores/store.ts'
import { steer } from '../support/caches.ts'
import type { Setup } from './bench.ts'

/** Sessions in a store; each process has a separate connection, and an outage cuts all of them. */
export function storedOn(
  setup: Partial<Setup> & {
    store: () => SessionStore | Promise<SessionStore>
    codec: Codec
  },
): Setup {
  const connections: ReturnType<typeof steer<SessionStore>>[] = []
  const setOut = (out: boolean) => {
    for (const connection of connections) connection.out = out
  }
  return {
    async open({ now, expiry, observe }) {
      const connection = steer(await setup.store())
      connections.push(connection)
      return new StoredEngine({ store: connection.steered, codec: setup.codec, expiry, observe, now })
    },
    outage: { begin: () => setOut(true), end: () => setOut(false) },
    close: () => {},
    ...setup,
  }
}
