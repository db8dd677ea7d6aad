import type { Config, StorageConfig } from '../config.ts'
import { ConfigError } from '../settings.ts'
import { caches, engines, formats, migration, named } from './index.ts'
import type {
  CachePart,
  EngineFacts,
  FormatPart,
  OpenedCache,
  OpenedEngine,
  ResolvedStorage,
  StorageContext,
} from './part.ts'
import { messageOf } from './records.ts'

/** Opens the configured engine. Does not connect to a server yet. */
export async function openEngine(options: Omit<StorageContext, 'openCache'>): Promise<OpenedEngine> {
  const { config, warn } = options
  const context = { ...options, openCache: () => openCache(config) }
  const { migratingFrom, ...current } = config.session
  const target = await openStorage(current, context)
  if (migratingFrom === undefined || migration === undefined) return target
  const { table, inCookies } = factsOf(migratingFrom, config)
  const sharesRecords = target.facts.table && table && current.table === migratingFrom.table
  if (sharesRecords && inCookies === 'none') {
    warn(`SESSION_MOVING_FROM has nothing to migrate: both engines keep sessions in the table "${current.table}".`)
    return target
  }
  return migration.open(target, await openStorage(migratingFrom, context), sharesRecords)
}

async function openStorage({ engine, format, table }: StorageConfig, context: StorageContext): Promise<OpenedEngine> {
  const part = named(engines, engine)
  const storage: ResolvedStorage = { engine, table, format: named(formats, format), facts: part.facts(context.config) }
  return await part.open(storage, context)
}

/**
 * Opens the cache of CACHE_URL. Only the packages of that cache are loaded.
 *
 * @throws ConfigError for an invalid address
 */
export async function openCache(config: Config): Promise<OpenedCache> {
  const part = cachePart(config)
  const url = config.cacheUrl ?? part?.defaultAddress
  if (part === undefined || url === undefined)
    throw new ConfigError('CACHE_URL is missing: set it to the address of a cache server.')
  try {
    return { part, ...(await part.open(url, config)) }
  } catch (error) {
    throw new ConfigError(`CACHE_URL is wrong: ${messageOf(error)}`)
  }
}

/** The cache of CACHE_URL, or the default one. */
export function cachePart({ cacheUrl }: Config): CachePart | undefined {
  return caches.find(({ address, defaultAddress }) =>
    cacheUrl === undefined ? defaultAddress !== undefined : address.test(cacheUrl),
  )
}

/** The facts about an engine, and its format. */
export function factsOf(storage: StorageConfig, config: Config): EngineFacts & { readonly format: FormatPart } {
  return { ...named(engines, storage.engine).facts(config), format: named(formats, storage.format) }
}

/** Where sessions are stored, and where older ones still are while they migrate. */
export function storageConfigs({ session }: Config): readonly StorageConfig[] {
  return [session, ...(session.migratingFrom === undefined ? [] : [session.migratingFrom])]
}

/** The name of the configured choice in docs/choosing-an-engine.md. */
export function choiceOf(config: Config): string {
  return named(engines, config.session.engine).choice(config, cachePart(config))
}
