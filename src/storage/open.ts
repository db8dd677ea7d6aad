import type { Config, SessionHome } from '../config.ts'
import { ConfigError } from '../settings.ts'
import { caches, engines, formats, migration, named } from './index.ts'
import type { CachePart, EngineFacts, FormatPart, OpenedCache, OpenedEngine, Place, StorageContext } from './part.ts'
import { messageOf } from './records.ts'

/** Opens the engine that the settings name. Nothing is asked of a server yet. */
export async function openEngine(given: Omit<StorageContext, 'openCache'>): Promise<OpenedEngine> {
  const { config, warn } = given
  const context = { ...given, openCache: () => openCache(config) }
  const { migratingFrom, ...home } = config.session
  const target = await openHome(home, context)
  if (migratingFrom === undefined || migration === undefined) return target
  const { table, inCookies } = factsOf(migratingFrom, config)
  const sharesRecords = target.facts.table && table && home.table === migratingFrom.table
  if (sharesRecords && inCookies === 'none') {
    warn(`SESSION_MOVING_FROM has nothing to migrate: both engines keep sessions in the table "${home.table}".`)
    return target
  }
  return migration.open(target, await openHome(migratingFrom, context), sharesRecords)
}

async function openHome({ engine, format, table }: SessionHome, context: StorageContext): Promise<OpenedEngine> {
  const part = named(engines, engine)
  const place: Place = { engine, table, format: named(formats, format), facts: part.facts(context.config) }
  return await part.open(place, context)
}

/**
 * Opens the cache that CACHE_URL names. Packages that it does not need are not loaded.
 *
 * @throws ConfigError for an address that cannot be
 */
export async function openCache(config: Config): Promise<OpenedCache> {
  const part = cachePart(config)
  const url = config.cacheUrl ?? part?.defaultAddress
  if (part === undefined || url === undefined) throw new ConfigError('CACHE_URL is missing: name a cache server.')
  try {
    return { part, ...(await part.open(url, config)) }
  } catch (error) {
    throw new ConfigError(`CACHE_URL is wrong: ${messageOf(error)}`)
  }
}

/** The cache that CACHE_URL names, or that is used where it names none. */
export function cachePart({ cacheUrl }: Config): CachePart | undefined {
  return caches.find(({ address, defaultAddress }) =>
    cacheUrl === undefined ? defaultAddress !== undefined : address.test(cacheUrl),
  )
}

/** What is known of the engine of these sessions, and of how they are written. */
export function factsOf(home: SessionHome, config: Config): EngineFacts & { readonly format: FormatPart } {
  return { ...named(engines, home.engine).facts(config), format: named(formats, home.format) }
}

/** The homes of all sessions: where they are, and where older ones still are. */
export function homesOf({ session }: Config): readonly SessionHome[] {
  return [session, ...(session.migratingFrom === undefined ? [] : [session.migratingFrom])]
}

/** The name of the settings' choice in docs/choosing-an-engine.md. */
export function choiceOf(config: Config): string {
  return named(engines, config.session.engine).choice(config, cachePart(config))
}
