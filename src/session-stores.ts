import { resolve } from 'node:path'
import type { Knex } from 'knex'
import { type Config, ConfigError, type SessionHome } from './config.ts'
import { projectRoot } from './paths.ts'
import type { Cache } from './session/caches/cache.ts'
import { CheckedCache } from './session/caches/checked.ts'
import { type Compression, lz4Compression, zlibCompression } from './session/caches/compression.ts'
import { MemoryCache } from './session/caches/memory.ts'
import type { Codec } from './session/codec/codec.ts'
import { djangoOwnExpiry } from './session/codec/django/django.ts'
import { StoreUnavailableError } from './session/core/errors.ts'
import type { Observer } from './session/core/events.ts'
import { CacheStore } from './session/stores/cache.ts'
import { CachedStore } from './session/stores/cached/cached-database.ts'
import { WriteBehindStore } from './session/stores/cached/write-behind.ts'
import { DatabaseStore } from './session/stores/database/database.ts'
import { DjangoFileStore } from './session/stores/file/django-file.ts'
import { FileStore } from './session/stores/file/file.ts'
import type { SessionStore } from './session/stores/store.ts'

/** What sessions are opened on. */
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

/** A store, and what to look at before it is used. */
export interface OpenedStore {
  readonly store: SessionStore
  readonly cache?: CheckedCache
  /** @throws ConfigError saying what to do about what is missing */
  ready(): Promise<void>
}

// Somebody waits for the page: after a second, "try again" is the better answer.
export const SESSION_TIMEOUT = 1000

/** Opens the store of this home. Nothing is asked of a server yet. */
export async function openStore(home: SessionHome, codec: Codec, ground: Ground): Promise<OpenedStore> {
  if (home.engine === 'file') return openFiles(home, codec, ground)
  if (home.engine === 'cache' || home.engine === 'cached_db') return await openCached(home, ground)
  const store = openTable(home, ground)
  return { store, ready: () => databaseReady(store) }
}

function openTable({ format, table }: SessionHome, { knex, withUsers }: Ground): DatabaseStore {
  const layout = format === 'django' ? 'django' : 'own'
  const users = withUsers ? { usersTable: 'users' } : {}
  return new DatabaseStore({ knex, table, layout, timeout: SESSION_TIMEOUT, ...users })
}

function openFiles({ format }: SessionHome, codec: Codec, { config: { session } }: Ground): OpenedStore {
  const folder = resolve(projectRoot, session.filePath)
  const { expiry, fileLayout: layout } = session
  const cookieName = session.cookie.name
  const store =
    format === 'django'
      ? new DjangoFileStore({ folder, cookieName, cookieAge: expiry.cookieAge, ownExpiry: djangoOwnExpiry(codec) })
      : new FileStore({ folder, layout })
  const ready = () =>
    store.prepare().catch((error: unknown) => {
      throw new ConfigError(`${messageOf(error)} SESSION_FILE_PATH names it.`)
    })
  return { store, ready }
}

async function openCached(home: SessionHome, ground: Ground): Promise<OpenedStore> {
  const { config, observe, warn } = ground
  const { cacheStrategy: strategy, cacheTimeout: timeout } = config.session
  const { maxFailures, checkInterval, fallback, prefix, version: generation } = config.cache
  const { cache: server, connect } = await openCache(config.cache)
  const cache = new CheckedCache(server, { maxFailures, checkInterval, observe })
  const compression = await openCompression(config.cache.compression)
  const options = { cache, prefix, generation, observe, ...(compression === undefined ? {} : { compression }) }
  const cacheReady = () =>
    connect().catch((error: unknown) => {
      throw new ConfigError(`The cache cannot be used: ${messageOf(error)}`)
    })
  if (home.engine === 'cache' && fallback === 'none')
    return { store: new CacheStore(options), cache, ready: cacheReady }

  const truth = openTable(home, ground)
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
        warn('CACHE_URL is memory: copies in one process do not notice what another saves. Run one, or use Redis.')
      }
      await cacheReady().catch((error: unknown) => warn(`${messageOf(error)} The database serves until it is back.`))
    },
  }
}

/** Opens the cache that CACHE_URL names. Packages that it does not need are not loaded. */
export async function openCache(settings: Config['cache']): Promise<{ cache: Cache; connect(): Promise<void> }> {
  const { url, prefix, version, connectTimeout, commandTimeout, checkInterval, localEntries } = settings
  try {
    if (url.startsWith('redis')) {
      const { RedisCache } = await import('./session/caches/redis/redis.ts')
      const indexPrefix = `${prefix}:${version}:user:`
      const health = { healthCheckInterval: checkInterval, localEntries, indexPrefix }
      const cache = new RedisCache({ url, connectTimeout, commandTimeout, ...health })
      return { cache, connect: () => cache.connect() }
    }
    if (url.startsWith('memcached')) {
      const { MemcachedCache } = await import('./session/caches/memcached/memcached.ts')
      const cache = new MemcachedCache({ servers: url, connectTimeout, commandTimeout })
      return { cache, connect: () => answering(cache) }
    }
  } catch (error) {
    throw new ConfigError(`CACHE_URL is wrong: ${messageOf(error)}`)
  }
  const cache = new MemoryCache()
  return { cache, connect: () => cache.ping() }
}

async function answering(cache: Cache): Promise<void> {
  await cache.ping().catch((error: unknown) => {
    const cause = error instanceof StoreUnavailableError ? error.cause : error
    throw new Error(`${messageOf(cause)}. Start it, or change CACHE_URL.`)
  })
}

async function openCompression(name: Config['cache']['compression']): Promise<Compression | undefined> {
  if (name === 'none') return undefined
  if (name === 'zlib') return zlibCompression
  return await lz4Compression().catch(() => {
    throw new ConfigError('CACHE_COMPRESSION=lz4 needs the package lz4-napi: run "npm install lz4-napi", or use zlib.')
  })
}

/** @throws ConfigError when the table is missing, or the database does not answer */
export async function databaseReady(store: { assertReady(): Promise<void> }): Promise<void> {
  try {
    await store.assertReady()
  } catch (error) {
    const outage = error instanceof StoreUnavailableError
    throw new ConfigError(outage ? `The database does not answer: ${messageOf(error.cause)}.` : messageOf(error))
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
