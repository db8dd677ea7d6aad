import type { Knex } from 'knex'
import type { Config, StorageConfig } from '../config.ts'
import type { Cache, KeyListing } from '../session/caches/cache.ts'
import type { CheckedCache } from '../session/caches/checked.ts'
import type { Codec, CookieCodec } from '../session/codec/codec.ts'
import type { Secrets } from '../session/codec/secrets.ts'
import type { Serializer } from '../session/codec/serializer.ts'
import type { SessionData } from '../session/core/data.ts'
import type { Observer } from '../session/core/events.ts'
import type { Engine } from '../session/engines/engine.ts'
import type { MakeLayout } from '../session/stores/database/database-layouts.ts'
import type { Revocations } from '../session/stores/revocations.ts'
import type { SessionStore, WarmWhich } from '../session/stores/store.ts'
import type { Settings } from '../settings.ts'
import type { Choice } from './choice.ts'
import type { Finding } from './finding.ts'

/** What the rest of the application needs to know about an engine; it never compares names. */
export interface EngineFacts {
  /** Whether the session table has a record of every session, or of every large one. */
  readonly table: boolean
  /** Which sessions are stored in their cookies. They are ended by revocations, and cannot be listed or counted. */
  readonly inCookies: 'none' | 'small' | 'all'
  /** Max bytes of the cookie, or of its value. */
  readonly cookieLimit: number
  /** What the cache holds. An evicted session is lost if the cache has the only records. */
  readonly cached: 'nothing' | 'copies' | 'only records'
  /** Whether saves reach the database later than the cache. */
  readonly writesBehind: boolean
  /** The folder of the records, on this machine. */
  readonly folder?: string
}

/** What an engine is opened with. */
export interface StorageContext {
  readonly config: Config
  /** The database of sessions. */
  readonly knex: Knex
  /** Those of two databases, while sessions in cookies migrate between these. */
  readonly revocations?: ReadyRevocations
  /** Whether the users table is in that database as well. */
  readonly withUsers: boolean
  /** Opens the cache of CACHE_URL. */
  readonly openCache: () => Promise<OpenedCache>
  readonly observe: Observer
  /** Receives warnings, one sentence each. */
  readonly warn: (message: string) => void
}

/** Revocations that can be checked at the start. */
export interface ReadyRevocations extends Revocations {
  /** @throws Error with what to do */
  assertReady(): Promise<void>
}

/** A {@link StorageConfig} with its parts. */
export interface ResolvedStorage extends Omit<StorageConfig, 'format'> {
  readonly format: FormatPart
  readonly facts: EngineFacts
}

/** A session engine with what it uses. */
export interface OpenedEngine {
  readonly engine: Engine
  readonly facts: EngineFacts
  /** Whether the table has columns for users and times. */
  readonly keepsMetadata: boolean
  /** The store of its records; absent if sessions are only in cookies. */
  readonly store?: SessionStore
  readonly cache?: CheckedCache
  /** Whether the cache is in the memory of this process. */
  readonly cacheInProcess?: boolean
  /** The keys of a prefix and version in the cache; absent without a cache. @throws RangeError for an invalid prefix */
  cacheKeys?(which: KeysWhich): CacheKeys
  /** Ends sessions that are stored in cookies. */
  readonly revocations?: Revocations
  /** Set while sessions migrate: whether they move already, and the engine that they come from, or will go to. */
  readonly migrating?: { readonly moves: boolean; readonly other: OpenedEngine }
  /** @throws ConfigError if something is missing, with what to do about it */
  ready(): Promise<void>
  /** Copies sessions into the cache, the latest first, and returns how many. */
  warm?(which: WarmWhich, limit?: number): Promise<number>
  /** Fills the cache at the start, and returns how many sessions it copied; absent unless the settings ask for it. */
  warmAtStart?(): Promise<number>
  close(): Promise<void>
}

/** Names keys in a cache: the values of CACHE_KEY_PREFIX and CACHE_VERSION. */
export interface KeysWhich {
  /** That of the engine by default. */
  readonly prefix?: string | undefined
  readonly version: number
}

/** Keys in a cache. */
export interface CacheKeys {
  /** With what they begin. */
  readonly beginning: string
  /** Whether the engine uses them. */
  readonly inUse: boolean
  /** Absent if the cache cannot list its keys. */
  readonly listing?: KeyListing
  /** Whether changes are among them that the database does not have yet. @throws StoreUnavailableError */
  unwritten(): Promise<boolean>
}

/** An open cache. */
export interface OpenedCache {
  readonly part: CachePart
  readonly cache: Cache
  /** @throws Error with one sentence if it does not answer */
  connect(): Promise<void>
}

/** Options for the codec of a format. */
export interface CodecOptions {
  readonly secrets: Secrets
  /** Max bytes of a session, serialized. */
  readonly maxBytes: number
  /** Of more bytes than this they are compressed; 1024 by default. */
  readonly compressAbove?: number
  readonly onNearlyFull: (bytes: number, limit: number) => void
  /** The configured one. */
  readonly serializer: Serializer
  readonly cookieName: string
  /** Milliseconds since 1970. */
  readonly now?: () => number
}

interface Part {
  /** As in the settings. Its own tables are in `migrations/<name>/`. */
  readonly name: string
  /** A few words for `.env.example`. */
  readonly help: string
  readonly settings: readonly Settings[]
}

/** An engine: one value of SESSION_ENGINE. */
export interface EnginePart extends Part {
  readonly kind: 'engine'
  /** Kinds of which at least one part must be present. */
  readonly requires: readonly StoragePart['kind'][]
  /** Whether other programs may write the same records; not if copies of them are in a cache. */
  readonly shareable: boolean
  /** Returns the rest of a sentence that begins with "SESSION_ENGINE=name"; undefined if the settings are valid. */
  validate?(settings: Pick<Config, 'production' | 'cacheUrl'>): string | undefined
  facts(config: Config): EngineFacts
  /** The name of its choice in docs/choosing-an-engine.md. */
  choice(config: Config, cache: CachePart | undefined): string
  /** Its texts in that document; absent if they depend on the cache alone. */
  readonly choices?: () => Promise<{ readonly default: readonly Choice[] }>
  /** Opens it. Does not connect to a server yet. */
  open(storage: ResolvedStorage, context: StorageContext): Promise<OpenedEngine> | OpenedEngine
}

/** What is lost with an entry of a cache. */
export interface ExaminedFacts {
  /** It may be the only record of a session. */
  readonly onlyRecords: boolean
  /** It may be a change that the database does not have yet. */
  readonly ahead: boolean
}

/** A kind of cache server: some of the addresses of CACHE_URL. */
export interface CachePart extends Part {
  readonly kind: 'cache'
  /** Matches its addresses. */
  readonly address: RegExp
  /** Follows "cache" in the name of its choice, such as "on Redis". */
  readonly place: string
  /** The schemes of its addresses, for error messages; absent if there is only one address. */
  readonly schemes?: string
  /** The address that is used if CACHE_URL is empty. */
  readonly defaultAddress?: string
  /** Whether it is in the memory of this process. */
  readonly inProcess: boolean
  /** The texts in docs/choosing-an-engine.md about sessions that are only in this cache. */
  readonly choices: () => Promise<{ readonly default: readonly Choice[] }>
  /** @throws Error for an invalid address */
  open(url: string, config: Config): Promise<Omit<OpenedCache, 'part'>> | Omit<OpenedCache, 'part'>
  /** Findings about one of its servers, from the figures that it reports. */
  examine?(figures: object, facts: ExaminedFacts): Promise<Finding[]> | Finding[]
}

/** The format of records and cookies: one value of SESSION_FORMAT. */
export interface FormatPart extends Part {
  readonly kind: 'format'
  /** The name of its table if SESSION_TABLE is empty. */
  readonly table: string
  /** How its table stores sessions, if it is not the project's own layout. */
  readonly layout?: MakeLayout
  /** The columns of each index of the table, for doctor. */
  readonly indexes: readonly (readonly string[])[]
  /** Whether the table has columns for users and times. */
  readonly keepsMetadata: boolean
  /** Whether other programs use this format, too. */
  readonly shared: boolean
  /** Sign-ins of the other programs that count here; absent if the settings do not say that the users are the same. */
  signIns?(config: Config, knex: Knex): SharedSignIns | undefined
  /** Returns why it cannot be used with this SESSION_SERIALIZER, as a sentence; undefined if it can. */
  validate?(serializer: string): string | undefined
  codec(options: CodecOptions): Codec
  /** What the text of a session begins with, for each of the secrets; absent if the format does not tell. */
  prefixes?(secrets: Secrets): string[]
  /** @param options.tier derives a separate key, so that cookies of another tier are not accepted */
  cookieCodec(options: CodecOptions & { readonly tier?: string }): CookieCodec
  /** The file store of this format, if it has a separate one. */
  openFiles?(options: FilesOptions): Promise<FilesStore>
}

/** Sign-ins that another program makes in shared sessions, for users who are the same on both sides. */
export interface SharedSignIns {
  /** @throws ConfigError if its users cannot be read */
  ready(): Promise<void>
  /**
   * Returns whether the program has signed this user in, and would still accept it.
   *
   * @throws errors of the database
   */
  prove(userId: string, session: SessionData): Promise<boolean>
}

/** A file store; `prepare` creates its folder. */
export type FilesStore = SessionStore & { prepare(): Promise<void> }

export interface FilesOptions {
  readonly folder: string
  readonly cookieName: string
  /** Seconds. */
  readonly cookieAge: number
  /** Milliseconds to wait for the lock of a file. */
  readonly timeout: number
  readonly codec: Codec
}

/** Migrates sessions from one engine to another while both are in use. */
export interface MigrationPart extends Part {
  readonly kind: 'migration'
  /** The step that the settings are in; undefined if nothing migrates. @throws ConfigError */
  step(config: { readonly values: Readonly<Record<string, unknown>> }): MigrationStep | undefined
  /** The revocations of two databases together. */
  revocations(options: {
    readonly source: Knex
    readonly target: Knex
    readonly moves: boolean
    /** Milliseconds per statement. */
    readonly timeout: number
  }): ReadyRevocations
  /** @param options.sharesRecords whether both use the same table */
  open(
    current: OpenedEngine,
    other: OpenedEngine,
    options: { readonly moves: boolean; readonly sharesRecords: boolean },
  ): OpenedEngine
}

/** A step of a migration. */
export interface MigrationStep {
  /** Whether sessions move, from the other engine to the current one; otherwise they will move to the other one. */
  readonly moves: boolean
  /** The name of the other engine, and after a comma its format. */
  readonly other: string
  /** The other engine's database; undefined for that of sessions. */
  readonly databaseUrl: string | undefined
}

/** A part of the storage that a project can remove. */
export type StoragePart = EnginePart | CachePart | FormatPart | MigrationPart

const DEFAULT_FACTS = { table: false, inCookies: 'none', cached: 'nothing', writesBehind: false } as const

/** Defines an engine; missing facts are those of an engine without a table, a cache and cookies. */
export function defineEngine(
  manifest: Omit<EnginePart, 'kind' | 'requires' | 'facts'> &
    Partial<Pick<EnginePart, 'requires'>> & { facts(config: Config): Partial<EngineFacts> },
): EnginePart {
  return {
    requires: [],
    ...manifest,
    kind: 'engine',
    facts: (config) => ({ ...DEFAULT_FACTS, cookieLimit: config.session.cookie.maxSize, ...manifest.facts(config) }),
  }
}

/** Defines a cache. */
export function defineCache(manifest: Omit<CachePart, 'kind'>): CachePart {
  return { ...manifest, kind: 'cache' }
}

/** Defines a format. */
export function defineFormat(manifest: Omit<FormatPart, 'kind'>): FormatPart {
  return { ...manifest, kind: 'format' }
}

/** The revocations of the engine, or of the one that sessions migrate from or to. */
export function revocationsOf({ revocations, migrating }: OpenedEngine): Revocations | undefined {
  return revocations ?? migrating?.other.revocations
}
