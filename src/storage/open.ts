import type { Knex } from 'knex'
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
  SharedSignIns,
  StorageContext,
} from './part.ts'
import { messageOf } from './records.ts'

/** Opens the configured engine. Does not connect to a server yet. */
export async function openEngine(options: Omit<StorageContext, 'openCache'> & OtherDatabase): Promise<OpenedEngine> {
  const { config, warn, other: elsewhere, ...rest } = options
  const openConfigured = () => openCache(config)
  const context: StorageContext = { ...rest, config, warn, openCache: openConfigured }
  const { migrating, ...current } = config.session
  if (migrating === undefined || migration === undefined) return await openStorage(current, context)
  const { moves, other } = migrating
  const [facts, otherFacts] = [factsOf(current, config), factsOf(other, config)]
  const sharesRecords = elsewhere === undefined && facts.table && otherFacts.table && current.table === other.table
  if (sharesRecords && facts.inCookies === 'none' && otherFacts.inCookies === 'none') {
    const name = moves ? 'SESSION_MOVING_FROM' : 'SESSION_MOVING_TO'
    warn(`${name} has nothing to migrate: both engines keep sessions in the table "${current.table}".`)
    return await openStorage(current, context)
  }
  if (facts.inCookies === 'small' && otherFacts.inCookies === 'small') {
    throw new ConfigError(`Sessions cannot migrate from ${current.engine} to ${other.engine}: migrate to db first.`)
  }
  const revoke = elsewhere !== undefined && facts.inCookies !== 'none' && otherFacts.inCookies !== 'none'
  const [target, source] = moves ? [rest.knex, elsewhere?.knex] : [elsewhere?.knex, rest.knex]
  const timeout = config.session.storeTimeout
  const both =
    revoke && source && target
      ? { ...context, revocations: migration.revocations({ source, target, moves, timeout }) }
      : context
  const opened = await openStorage(current, both)
  // Every process reads the same cookies: only what revokes them is in two databases.
  if (facts.inCookies === 'all' && current.engine === other.engine && current.format === other.format) return opened
  return migration.open(opened, await openStorage(other, { ...both, ...elsewhere }), { moves, sharesRecords })
}

/** The other engine's database while sessions migrate; undefined if it is the same. */
export interface OtherDatabase {
  readonly other?: Pick<StorageContext, 'knex' | 'withUsers'> | undefined
}

async function openStorage({ engine, format, table }: StorageConfig, context: StorageContext): Promise<OpenedEngine> {
  const part = named(engines, engine)
  const storage: ResolvedStorage = { engine, table, format: named(formats, format), facts: part.facts(context.config) }
  return await part.open(storage, context)
}

/**
 * Opens another cache of CACHES, for your own code. Its keys are not prefixed.
 *
 * @param name its name in CACHES
 * @throws ConfigError for an unknown name or an invalid address
 */
export async function openNamedCache(config: Config, name: string): Promise<OpenedCache> {
  const cacheUrl = config.cacheUrls[name]
  if (cacheUrl === undefined) throw new ConfigError(`CACHES names no cache "${name}".`)
  return await openCache({ ...config, cacheUrl })
}

/**
 * Opens the cache of the sessions. Only the packages of that cache are loaded.
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
    if (error instanceof ConfigError) throw error
    const variable = config.values['CACHE_URL'] === config.cacheUrl ? 'CACHE_URL' : 'CACHES'
    throw new ConfigError(`${variable} is wrong: ${messageOf(error)}`)
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

/** Where sessions are stored, and where others are while they migrate. */
export function storageConfigs({ session }: Config): readonly StorageConfig[] {
  return [session, ...(session.migrating === undefined ? [] : [session.migrating.other])]
}

/** Those that have their tables in the database of sessions. */
export function sessionTables(config: Config): readonly StorageConfig[] {
  const { migrating, databaseUrl } = config.session
  return migrating?.databaseUrl === databaseUrl ? storageConfigs(config) : [config.session]
}

/** What counting the live sessions of this prefix tells: those that need no older secret. Undefined if there is none. */
export function newestPrefix({ secrets, session }: Config): string | undefined {
  return secrets.length < 2 ? undefined : named(formats, session.format).prefixes?.(secrets)[0]
}

/** Sign-ins of other programs that count here, also while sessions migrate from their format. */
export function sharedSignIns(config: Config, knex: Knex): SharedSignIns | undefined {
  const found = storageConfigs(config).map(({ format }) => named(formats, format).signIns?.(config, knex))
  return found.find((signIns) => signIns !== undefined)
}

/** The name of the configured choice in docs/choosing-an-engine.md. */
export function choiceOf(config: Config): string {
  return named(engines, config.session.engine).choice(config, cachePart(config))
}
