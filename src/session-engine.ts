import type { Config, SessionHome } from './config.ts'
import type { CheckedCache } from './session/caches/checked.ts'
import type { Codec, CookieCodec } from './session/codec/codec.ts'
import { djangoCodec, djangoCookieCodec } from './session/codec/django/django.ts'
import { msgpackSerializer } from './session/codec/msgpack.ts'
import { sealedCodec } from './session/codec/sealed/sealed.ts'
import { sealedCookieCodec } from './session/codec/sealed/sealed-cookie.ts'
import { jsonSerializer } from './session/codec/serializer.ts'
import { CookieEngine } from './session/engines/cookie/cookie.ts'
import type { Engine } from './session/engines/engine.ts'
import { HybridEngine } from './session/engines/hybrid/hybrid.ts'
import { cookieMigration } from './session/engines/migrating/cookie-migration.ts'
import { hybridMigration } from './session/engines/migrating/hybrid-migration.ts'
import type { Migratable } from './session/engines/migrating/migratable.ts'
import { MigratingEngine } from './session/engines/migrating/migrating.ts'
import { storedMigration } from './session/engines/migrating/stored-migration.ts'
import { StoredEngine } from './session/engines/stored.ts'
import { CachedStore } from './session/stores/cached/cached-database.ts'
import { DatabaseRevocations } from './session/stores/database/database-revocations.ts'
import type { Revocations } from './session/stores/revocations.ts'
import type { SessionStore } from './session/stores/store.ts'
import { databaseReady, type Ground, openStore, SESSION_TIMEOUT } from './session-stores.ts'

/** A session engine with all it stands on. */
export interface OpenedEngine {
  readonly engine: Engine
  /** Where its records are; absent where the cookie is all there is. */
  readonly store?: SessionStore
  readonly cache?: CheckedCache
  /** What ends sessions that are in cookies. */
  readonly revocations?: Revocations
  /** Where older sessions still are, while they migrate. */
  readonly migratingFrom?: OpenedEngine
  /** @throws ConfigError saying what to do about what is missing */
  ready(): Promise<void>
  /** Fills the cache ahead of the first visits, as SESSION_CACHE_WARMING says; answers how many copies it made. */
  warm?(): Promise<number>
  close(): Promise<void>
}

/** An engine by itself, which sessions may migrate to or from. */
interface OpenedHome extends OpenedEngine {
  readonly migratable: Migratable
}

/** Opens the engine that the settings name. Nothing is asked of a server yet. */
export async function openEngine(ground: Ground): Promise<OpenedEngine> {
  const { session } = ground.config
  const target = await openHome(session, ground)
  if (session.migratingFrom === undefined) return target
  const sharesRecords = tableOf(session, ground) === tableOf(session.migratingFrom, ground)
  // A hybrid has sessions in cookies, too.
  if (sharesRecords && session.migratingFrom.engine !== 'hybrid') {
    ground.warn(
      `SESSION_MOVING_FROM has nothing to migrate: both engines keep sessions in the table "${session.table}".`,
    )
    return target
  }
  const source = await openHome(session.migratingFrom, ground)
  return {
    ...target,
    engine: new MigratingEngine({ target: target.migratable, source: source.migratable, sharesRecords }),
    migratingFrom: source,
    ready: async () => void (await Promise.all([target.ready(), source.ready()])),
    async close() {
      // One after the other: the database goes once this is over, and neither may still be writing then.
      try {
        await target.close()
      } finally {
        await source.close()
      }
    },
  }
}

async function openHome(home: SessionHome, ground: Ground): Promise<OpenedHome> {
  if (home.engine === 'signed_cookies') return openCookies(home, ground)
  if (home.engine === 'hybrid') return await openHybrid(home, ground)
  const { observe, config } = ground
  const codec = openCodec(home, ground)
  const opened = await openStore(home, codec, ground)
  const { store } = opened
  const engine = new StoredEngine({
    name: home.engine,
    store,
    codec,
    expiry: config.session.expiry,
    forwardFor: config.requestTimeout,
    observe,
  })
  return {
    ...opened,
    engine,
    migratable: storedMigration(engine),
    ...warming(store, config),
    close: async () => await store.close?.(),
  }
}

function openCookies(home: SessionHome, ground: Ground): OpenedHome {
  const { observe, config } = ground
  const { cookie, expiry, overflow, dropOrder, replayWindow: maxReplay } = config.session
  const revocations = openRevocations(ground)
  const codec = openCookieCodec(home, ground)
  // The limit counts the name and the sign between as well.
  const maxSize = cookie.maxSize - cookie.name.length - 1
  const engine = new CookieEngine({
    codec,
    expiry,
    maxSize,
    revocations,
    overflow,
    dropOrder,
    maxReplay,
    forwardFor: config.requestTimeout,
    observe,
  })
  return {
    engine,
    migratable: cookieMigration(engine),
    revocations,
    ready: () => databaseReady(revocations),
    close: async () => {},
  }
}

async function openHybrid(home: SessionHome, ground: Ground): Promise<OpenedHome> {
  const { observe, config } = ground
  const { expiry, hybridLimit: limit, replayWindow: maxReplay } = config.session
  const forwardFor = config.requestTimeout
  const codec = openCodec(home, ground)
  const { store, ready } = await openStore(home, codec, ground)
  const stored = new StoredEngine({
    name: home.engine,
    store,
    codec,
    expiry,
    forwardFor: config.requestTimeout,
    observe,
  })
  const revocations = openRevocations(ground)
  // What is far too large for the cookie is not deflated and sealed in vain.
  const cookies = openCookieCodec(home, ground, limit * 4)
  const engine = new HybridEngine({ codec: cookies, stored, revocations, expiry, limit, maxReplay, forwardFor })
  return {
    engine,
    migratable: hybridMigration(engine),
    store,
    revocations,
    ready: async () => void (await Promise.all([ready(), databaseReady(revocations)])),
    close: async () => await store.close?.(),
  }
}

function openRevocations({ knex }: Ground): DatabaseRevocations {
  return new DatabaseRevocations({ knex, timeout: SESSION_TIMEOUT })
}

const HOUR = 3_600_000

function warming(store: SessionStore, { session: { cacheWarming } }: Config): Pick<OpenedEngine, 'warm'> {
  if (cacheWarming === 'lazy' || !(store instanceof CachedStore)) return {}
  const [within, authenticated] = cacheWarming === 'proactive' ? [24 * HOUR, false] : [HOUR, true]
  return { warm: async () => await store.warm({ activeSince: Date.now() - within, authenticated }) }
}

/** The table that has every record of this home, whatever else stands in front of it. */
function tableOf({ engine, table }: SessionHome, { config }: Ground): string | symbol {
  const mirrored = engine === 'cache' && config.cache.fallback === 'db'
  return ['db', 'cached_db', 'hybrid'].includes(engine) || mirrored ? table : Symbol('none')
}

function openCodec({ format }: SessionHome, ground: Ground): Codec {
  const options = codecOptions(format, ground)
  const { name } = ground.config.session.cookie
  return format === 'django' ? djangoCodec(options) : sealedCodec({ ...options, namespace: name })
}

function openCookieCodec({ engine, format }: SessionHome, ground: Ground, maxBytes?: number): CookieCodec {
  const options = { ...codecOptions(format, ground), ...(maxBytes === undefined ? {} : { maxBytes }) }
  const { name: cookieName } = ground.config.session.cookie
  // Not the same key for both, or one would take the other's cookie for its own and never look at the record.
  const tier = engine === 'hybrid' ? { tier: engine } : {}
  return format === 'django' ? djangoCookieCodec(options) : sealedCookieCodec({ ...options, cookieName, ...tier })
}

function codecOptions(format: SessionHome['format'], { config: { secrets, session }, observe }: Ground) {
  return {
    secrets,
    maxBytes: session.maxBytes,
    onNearlyFull: (bytes: number, limit: number) => observe({ type: 'budget', slice: null, bytes, limit }),
    // Django's is always JSON, also where sessions migrate from there into MessagePack.
    serializer: session.serializer === 'msgpack' && format !== 'django' ? msgpackSerializer : jsonSerializer,
  }
}
