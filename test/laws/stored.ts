import type { Codec } from '../../src/session/codec/codec.ts'
import { StoredEngine } from '../../src/session/engines/stored.ts'
import type { SessionStore } from '../../src/session/stores/store.ts'
import { steer } from '../support/caches.ts'
import type { Ground } from './bench.ts'

/** Sessions in a store; each process has a connection of its own, and an outage cuts them all. */
export function storedOn(
  ground: Partial<Ground> & {
    store: () => SessionStore | Promise<SessionStore>
    codec: Codec
  },
): Ground {
  const connections: ReturnType<typeof steer<SessionStore>>[] = []
  const setOut = (out: boolean) => {
    for (const connection of connections) connection.out = out
  }
  return {
    async open({ now, expiry, observe }) {
      const connection = steer(await ground.store())
      connections.push(connection)
      return new StoredEngine({ store: connection.steered, codec: ground.codec, expiry, observe, now })
    },
    outage: { begin: () => setOut(true), end: () => setOut(false) },
    close: () => {},
    ...ground,
  }
}
