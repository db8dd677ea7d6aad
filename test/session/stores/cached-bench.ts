import { MemoryCache } from '../../../src/session/caches/memory.ts'
import type { SessionEvent } from '../../../src/session/core/events.ts'
import { CachedStore } from '../../../src/session/stores/cached/cached-database.ts'
import { MemoryStore } from '../../../src/session/stores/memory.ts'
import { copyName, steer, versionsIn } from '../../support/caches.ts'
import { START } from './bench.ts'

/** Two processes that share a database and a cache; the test steers what the first of them uses. */
export function bench() {
  const clock = { now: START }
  const now = () => clock.now
  const memory = new MemoryCache({ now })
  const records = new MemoryStore({ now })
  const [cache, database] = [steer(memory), steer(records)]
  const events: string[] = []
  const observe = (event: SessionEvent) => void events.push('outcome' in event ? event.outcome : event.type)
  const store = new CachedStore({ database: database.steered, cache: cache.steered, observe, now })
  // Another process: the same storage, nothing else in common.
  const other = new CachedStore({ database: records, cache: memory, now })
  const name = (key: string) => copyName(records, key)
  const cached = async (key = 'a') => (await versionsIn(records, memory, key))[0]
  return { clock, memory, records, cache, database, store, other, events, name, cached }
}

/** The same store or cache with other members. */
export function withMembers<T extends object>(real: T, members: Partial<T>): T {
  return new Proxy(real, {
    get(target, name) {
      if (name in members) return Reflect.get(members, name)
      const member: unknown = Reflect.get(target, name)
      return typeof member === 'function' ? member.bind(target) : member
    },
  })
}
