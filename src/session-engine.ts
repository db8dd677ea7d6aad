import type { Knex } from 'knex'
import { type Config, ConfigError, type SessionHome } from './config.ts'
import { BreakerCache } from './session/caches/breaker.ts'
import type { Cache } from './session/caches/cache.ts'
import { type Compression, lz4Compression, zlibCompression } from './session/caches/compression.ts'
import { MemoryCache } from './session/caches/memory.ts'
import { djangoCodec } from './session/codec/django.ts'
import { msgpackSerializer } from './session/codec/msgpack.ts'
import { sealedCodec } from './session/codec/sealed.ts'
import { jsonSerializer } from './session/codec/serializer.ts'
import type { Engine } from './session/engines/engine.ts'
import { MovingEngine } from './session/engines/moving.ts'
import { StoredEngine } from './session/engines/stored.ts'
import { StoreUnavailableError } from './session/errors.ts'
import type { Observer } from './session/observe/events.ts'
import { CacheStore } from './session/stores/cache.ts'
import { CachedStore } from './session/stores/cached-database.ts'
import { DatabaseStore } from './session/stores/database.ts'
import type { SessionStore } from './session/stores/store.ts'
import { WriteBehindStore } from './session/stores/write-behind.ts'

/** A session engine with all it stands on. */
export interface OpenedEngine {
  readonly engine: Engine
  /** Where its records are; absent where the cookie is all there is. */
  readonly store?: SessionStore
  readonly cache?: BreakerCache
  /** Where older sessions still are, while they move here. */
  readonly movingFrom?: OpenedEngine
  /** @throws ConfigError saying what to do about what is missing */
  ready(): Promise<void>
  /** Fills the cache ahead of the first visits, as SESSION_CACHE_WARMING says; answers how many copies it made. */
  warm?(): Promise<number>
  close(): Promise<void>
}

/** What an engine is opened on. */
export interface Ground {
  readonly config: Config
  /** Where session records go, if they go to a database. */
  readonly knex: Knex
  /** Whether the table of users is in that database as well. */
  readonly withUsers: boolean
  readonly observe: Observer
  /** Told in one sentence what works less well than it should. */
  readonly warn: (sentence: string) => void
}

// Somebody waits for the page: after a second, "try again" is the better answer.
const SESSION_TIMEOUT = 1000

/** Opens the engine that the settings name. Nothing is asked of a server yet. */
export async function openEngine(ground: Ground): Promise<OpenedEngine> {
  const { session } = ground.config
  const to = await openHome(session, ground)
  if (session.movingFrom === undefined) return to
  if (tableOf(session, ground) === tableOf(session.movingFrom, ground)) {
    ground.warn(`SESSION_MOVING_FROM has nothing to move: both engines keep sessions in the table "${session.table}".`)
    return to
  }
  const from = await openHome(session.movingFrom, ground)
  return {
    ...to,
    engine: new MovingEngine({ to: to.engine, from: from.engine }),
    movingFrom: from,
    ready: async () => void (await Promise.all([to.ready(), from.ready()])),
    close: async () => void (await Promise.all([to.close(), from.close()])),
  }
}

async function openHome(home: SessionHome, ground: Ground): Promise<OpenedEngine> {
  const { config, observe } = ground
  const { expiry } = config.session
  const { store, cache, ready } = await openStore(home, ground)
  return {
    engine: new StoredEngine({ name: home.engine, store, codec: openCodec(home, ground), expiry, observe }),
    store,
    ...(cache === undefined ? {} : { cache }),
    ready,
    ...warming(store, config),
    close: async () => await store.close?.(),
  }
}

const HOUR = 3_600_000

function warming(store: SessionStore, { session: { cacheWarming } }: Config): Pick<OpenedEngine, 'warm'> {
  if (cacheWarming === 'lazy' || !(store instanceof CachedStore)) return {}
  const [within, authenticated] = cacheWarming === 'proactive' ? [24 * HOUR, false] : [HOUR, true]
  return { warm: async () => await store.warm({ activeSince: Date.now() - within, authenticated }) }
}

/** The table that has every session of this home, whatever else stands in front of it. */
function tableOf({ engine, table }: SessionHome, { config }: Ground): string | symbol {
  const mirrored = engine === 'cache' && config.cache.fallback === 'db'
  return engine === 'db' || engine === 'cached_db' || mirrored ? table : Symbol('none')
}

interface OpenedStore {
  readonly store: SessionStore
  readonly cache?: BreakerCache
  ready(): Promise<void>
}

async function openStore(home: SessionHome, ground: Ground): Promise<OpenedStore> {
  if (home.engine === 'db') {
    const store = openDatabaseStore(home, ground)
    return { store, ready: () => databaseReady(store) }
  }
  if (home.engine === 'cache' || home.engine === 'cached_db') return await openCachedStore(home, ground)
  throw new ConfigError(`SESSION_ENGINE=${home.engine} cannot be opened.`)
}

function openDatabaseStore({ format, table }: SessionHome, { knex, withUsers }: Ground): DatabaseStore {
  const layout = format === 'django' ? 'django' : 'own'
  return new DatabaseStore({
    knex,
    table,
    layout,
    timeout: SESSION_TIMEOUT,
    ...(withUsers ? { usersTable: 'users' } : {}),
  })
}

async function openCachedStore(home: SessionHome, ground: Ground): Promise<OpenedStore> {
  const { config, observe, warn } = ground
  const { cacheStrategy: strategy, cacheTimeout: timeout } = config.session
  const { maxFailures, checkInterval, fallback, prefix, version: generation } = config.cache
  const cache = new BreakerCache(await openCache(config.cache), { maxFailures, checkInterval, observe })
  const compression = await openCompression(config.cache.compression)
  const options = { cache, prefix, generation, observe, ...(compression === undefined ? {} : { compression }) }
  if (home.engine === 'cache' && fallback === 'none') {
    return { store: new CacheStore(options), cache, ready: () => cacheReady(cache) }
  }
  const truth = openDatabaseStore(home, ground)
  // The engine `cache` works on its cache alone as long as it can; so what it keeps in the database follows behind.
  const behind = home.engine === 'cache' || strategy === 'write_behind'
  return {
    store: behind
      ? new WriteBehindStore({ ...options, truth, timeout })
      : new CachedStore({ ...options, truth, strategy, timeout }),
    cache,
    async ready() {
      await databaseReady(truth)
      if (cache.name === 'memory' && config.production) {
        warn(
          'CACHE_URL is memory: the copies of one process do not notice what another one saves; run one, or use Redis.',
        )
      }
      await cacheReady(cache).catch((error: unknown) =>
        warn(`${messageOf(error)} The database serves until it is back.`),
      )
    },
  }
}

/** Opens the cache that CACHE_URL names. Packages that it does not need are not loaded. */
async function openCache({ url }: Config['cache']): Promise<Cache> {
  if (url === 'memory:') return new MemoryCache()
  throw new ConfigError('CACHE_URL cannot be opened.')
}

async function openCompression(name: Config['cache']['compression']): Promise<Compression | undefined> {
  if (name === 'none') return undefined
  if (name === 'zlib') return zlibCompression
  return await lz4Compression().catch(() => {
    throw new ConfigError('CACHE_COMPRESSION=lz4 needs the package lz4-napi: run "npm install lz4-napi", or use zlib.')
  })
}

async function databaseReady(store: DatabaseStore): Promise<void> {
  try {
    await store.assertReady()
  } catch (error) {
    const outage = error instanceof StoreUnavailableError
    throw new ConfigError(outage ? `The database does not answer: ${messageOf(error.cause)}.` : messageOf(error))
  }
}

async function cacheReady(cache: Cache): Promise<void> {
  try {
    await cache.ping()
  } catch (error) {
    const cause = error instanceof StoreUnavailableError ? error.cause : error
    throw new ConfigError(`The cache does not answer: ${messageOf(cause)}. Start it, or change CACHE_URL.`)
  }
}

function openCodec({ format }: SessionHome, { config: { secrets, session }, observe }: Ground) {
  const options = {
    secrets,
    maxBytes: session.maxBytes,
    onNearlyFull: (bytes: number, limit: number) => observe({ type: 'budget', slice: null, bytes, limit }),
    serializer: session.serializer === 'msgpack' ? msgpackSerializer : jsonSerializer,
  }
  return format === 'django' ? djangoCodec(options) : sealedCodec({ ...options, namespace: session.cookie.name })
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
