import type { Cache } from '../../src/session/caches/cache.ts'
import { MemoryCache } from '../../src/session/caches/memory.ts'
import type { Codec, CookieCodec } from '../../src/session/codec/codec.ts'
import { djangoCodec, djangoCookieCodec } from '../../src/session/codec/django/django.ts'
import { sealedCodec } from '../../src/session/codec/sealed/sealed.ts'
import { sealedCookieCodec } from '../../src/session/codec/sealed/sealed-cookie.ts'
import { USER_KEY } from '../../src/session/core/user.ts'
import { CookieEngine } from '../../src/session/engines/cookie/cookie.ts'
import type { Engine } from '../../src/session/engines/engine.ts'
import { HybridEngine } from '../../src/session/engines/hybrid/hybrid.ts'
import { cookieMigration } from '../../src/session/engines/migrating/cookie-migration.ts'
import { hybridMigration } from '../../src/session/engines/migrating/hybrid-migration.ts'
import type { Migratable } from '../../src/session/engines/migrating/migratable.ts'
import { MigratingEngine } from '../../src/session/engines/migrating/migrating.ts'
import { storedMigration } from '../../src/session/engines/migrating/stored-migration.ts'
import { StoredEngine } from '../../src/session/engines/stored.ts'
import { CacheStore } from '../../src/session/stores/cache.ts'
import { CachedStore } from '../../src/session/stores/cached/cached-database.ts'
import { MemoryStore } from '../../src/session/stores/memory.ts'
import { MemoryRevocations, type Revocations } from '../../src/session/stores/revocations.ts'
import type { SessionStore } from '../../src/session/stores/store.ts'
import { EXPIRY, START } from './engine.ts'
import { begun } from './requests.ts'

const SECRETS = ['a secret of the tests: 6f1f0c2b9d8e4a7c'] as const
type Now = () => number
type Storage = { now: Now; revocations: Revocations; store: SessionStore; cached: SessionStore; cache: Cache }
type Open = (storage: Storage) => Migratable

/** Steps before and after each call of a store, a cache or revocations. */
export class Steps {
  #step = async () => {}

  /** A proxy whose calls are steps. */
  watch<T extends object>(real: T): T {
    return new Proxy(real, {
      get: (target, name) => {
        const member: unknown = Reflect.get(target, name)
        if (typeof member !== 'function') return member
        return async (...args: unknown[]) => {
          await this.#step()
          const answer: unknown = await member.apply(target, args)
          await this.#step()
          return answer
        }
      },
    })
  }

  /** Does the work, with something else at each of its steps; calls made by it are not steps. Returns how many. */
  async during(work: () => Promise<unknown>, each: (step: number) => Promise<void>): Promise<number> {
    let steps = 0
    let within = false
    this.#step = async () => {
      if (within) return
      within = true
      try {
        await each(++steps)
      } finally {
        within = false
      }
    }
    try {
      await work()
    } finally {
      this.#step = async () => {}
    }
    return steps
  }
}

export const sealed = sealedCodec({ secrets: SECRETS, namespace: 'sid' })
const django = djangoCodec({ secrets: SECRETS })

function stored(codec: Codec, store: (storage: Storage) => SessionStore): Open {
  return (storage) =>
    storedMigration(new StoredEngine({ store: store(storage), codec, expiry: EXPIRY, now: storage.now }))
}

function cookies(codec: (now: Now) => CookieCodec): Open {
  return ({ now, revocations }) =>
    cookieMigration(new CookieEngine({ codec: codec(now), expiry: EXPIRY, maxSize: 4000, revocations, now }))
}

/** As an application's configuration makes them. */
export const sealedCookies = (now: Now, tier = '') =>
  sealedCookieCodec({ secrets: SECRETS, cookieName: 'sid', tier, now })
const openHybrid: Open = ({ now, revocations, store }) => {
  const half = new StoredEngine({ store, codec: sealed, expiry: EXPIRY, now })
  const codec = sealedCookies(now, 'hybrid')
  return hybridMigration(new HybridEngine({ codec, stored: half, revocations, expiry: EXPIRY, limit: 600, now }))
}

/** What a session migrates from, and to. Cookie engines do not guarantee overlapping changes. */
export const ENGINES: Record<string, { open: Open; server: boolean; filler?: number }> = {
  'db, sealed': { open: stored(sealed, ({ store }) => store), server: true },
  'db, django': { open: stored(django, ({ store }) => store), server: true },
  cached_db: { open: stored(sealed, ({ cached }) => cached), server: true },
  cache: { open: stored(sealed, ({ cache }) => new CacheStore({ cache })), server: true },
  'signed_cookies, sealed': { open: cookies(sealedCookies), server: false },
  'signed_cookies, django': { open: cookies((now) => djangoCookieCodec({ secrets: SECRETS, now })), server: false },
  'hybrid, in the cookie': { open: openHybrid, server: false },
  'hybrid, in a record': { open: openHybrid, server: true, filler: 700 },
}

const NAMES = Object.keys(ENGINES)
export const PAIRS = NAMES.flatMap((from) => NAMES.map((to) => [from, to] as const)).filter(
  ([from, to]) =>
    from !== to &&
    !(from.startsWith('hybrid') && to.startsWith('hybrid')) &&
    // What needs a record fits in no cookie.
    !(`${from} ${to}`.includes('record') && `${from} ${to}`.includes('signed_cookies')),
)

/** A site during, before and after a migration of its sessions. */
export function bench(from: string, to: string, sharesRecords = false) {
  const clock = { now: START }
  const now = () => clock.now
  const steps = new Steps()
  const revocations = steps.watch(new MemoryRevocations({ now }))
  const storage = () => ({
    now,
    revocations,
    store: steps.watch(new MemoryStore({ now })),
    // As one thing: what its copies do while their row goes is for its own tests.
    cached: steps.watch(new CachedStore({ database: new MemoryStore({ now }), cache: new MemoryCache({ now }), now })),
    cache: steps.watch(new MemoryCache({ now })),
  })
  const there = storage()
  const here = sharesRecords ? there : storage()
  const engines = () => {
    const [source, target] = [ENGINES[from]?.open(there), ENGINES[to]?.open(here)]
    if (source === undefined || target === undefined) throw new Error('There is no such engine')
    return { source, target, engine: new MigratingEngine({ target, source, sharesRecords, now }) as Engine }
  }
  const { source, target, engine } = engines()
  const common = { clock, now, expiry: EXPIRY, observe: () => undefined }
  const filler = FILLER.slice(0, Math.max(ENGINES[from]?.filler ?? 0, ENGINES[to]?.filler ?? 0))
  const migrating = { ...common, engine }
  // Another process, for requests of one process wait for each other.
  const other = { ...common, engine: engines().engine }
  const before = { ...common, engine: source.engine }
  const start = () => begun(before, { [USER_KEY]: '7', n: 0, filler })
  return { migrating, other, before, after: { ...common, engine: target.engine }, target, start, clock, steps }
}

const FILLER = noise(5000)

/** Text that does not deflate. */
export function noise(length: number): string {
  let seed = 7
  return Array.from({ length }, () => {
    seed = (seed * 48271) % 2147483647
    return String.fromCharCode(33 + (seed % 90))
  }).join('')
}
