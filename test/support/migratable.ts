import type { CookieCodec } from '../../src/session/codec/codec.ts'
import type { Migratable } from '../../src/session/engines/migrating/migratable.ts'
import { StoredEngine } from '../../src/session/engines/stored.ts'
import type { Revocations } from '../../src/session/stores/revocations.ts'
import type { SessionStore } from '../../src/session/stores/store.ts'
import { EXPIRY } from './engine.ts'
import { codecOptions, sealed, type TestFormat } from './formats.ts'

type Now = () => number

/** Where the engines on one side of a migration store sessions. */
export interface Storage {
  readonly now: Now
  readonly revocations: Revocations
  readonly store: SessionStore
  /** Returns the same thing, each of whose calls is a step of the test. */
  watch<T extends object>(real: T): T
}

/** An engine that sessions migrate from and to; `test/storage/engines/<engine>.migration.ts` lists those of its engine. */
export interface MigratableEngine {
  readonly name: string
  /** Returns what opens it, once for each process. */
  at(storage: Storage): () => Migratable
  /** Whether its sessions are in records: where they are in cookies, overlapping changes are not merged. */
  readonly server: boolean
  /** The name of an engine whose calls are the same, so that the tests of each step need only one of them. */
  readonly like?: string
  /** How many characters sessions need to be where the name says. */
  readonly filler?: number
}

/** An engine over the records of a store. */
export function storedIn(store: SessionStore, now: Now, format: TestFormat = sealed): StoredEngine {
  return new StoredEngine({ store, codec: format.codec(codecOptions('sid', now)), expiry: EXPIRY, now })
}

/** What seals or signs a session in a cookie, as the application's configuration makes it. */
export function codecIn(now: Now, { format = sealed, tier = '' } = {}): CookieCodec {
  return format.cookieCodec({ ...codecOptions('sid', now), tier })
}
