import type { Knex } from 'knex'
import type { Config, SessionHome } from '../config.ts'
import type { Cache } from '../session/caches/cache.ts'
import type { CheckedCache } from '../session/caches/checked.ts'
import type { Codec, CookieCodec } from '../session/codec/codec.ts'
import type { Secrets } from '../session/codec/secrets.ts'
import type { Serializer } from '../session/codec/serializer.ts'
import type { Observer } from '../session/core/events.ts'
import type { Engine } from '../session/engines/engine.ts'
import type { MakeLayout } from '../session/stores/database/database-layouts.ts'
import type { Revocations } from '../session/stores/revocations.ts'
import type { RecentWhich, SessionStore } from '../session/stores/store.ts'
import type { Settings } from '../settings.ts'
import type { Choice } from './choice.ts'
import type { Finding } from './finding.ts'

/** What the rest of the application has to know of an engine, instead of its name. */
export interface EngineFacts {
  /** Whether the session table has a record of every session, or of every large one. */
  readonly table: boolean
  /** Which sessions are in their cookies. Those are ended by revocations, and nobody can list or count them. */
  readonly inCookies: 'none' | 'small' | 'all'
  /** Bytes that the cookie's value, or all of the cookie, may have. */
  readonly cookieLimit: number
  /** What the cache holds; what it forgets is lost where it has the only records. */
  readonly cached: 'nothing' | 'copies' | 'only records'
  /** Whether a save may be in the cache a moment before it is in the database. */
  readonly writesBehind: boolean
  /** The folder that holds the records, on this machine. */
  readonly folder?: string
}

/** What a session store is opened on. */
export interface StorageContext {
  readonly config: Config
  /** The database of sessions. */
  readonly knex: Knex
  /** Whether the table of users is in that database as well. */
  readonly withUsers: boolean
  /** Opens the cache that CACHE_URL names. */
  readonly openCache: () => Promise<OpenedCache>
  readonly observe: Observer
  /** Told in one sentence what works less well than it should. */
  readonly warn: (sentence: string) => void
}

/** Where the sessions of one engine are. */
export interface Place extends Omit<SessionHome, 'format'> {
  readonly format: FormatPart
  readonly facts: EngineFacts
}

/** A session engine with everything that it uses. */
export interface OpenedEngine {
  readonly engine: Engine
  readonly facts: EngineFacts
  /** Whether the table has columns for users and times. */
  readonly keepsMetadata: boolean
  /** Where its records are; absent where the cookie is all there is. */
  readonly store?: SessionStore
  readonly cache?: CheckedCache
  /** Whether other processes have no part in the cache. */
  readonly cacheIsOwn?: boolean
  /** What ends sessions that are in cookies. */
  readonly revocations?: Revocations
  /** Where older sessions still are, while they migrate. */
  readonly migratingFrom?: OpenedEngine
  /** @throws ConfigError saying what to do about what is missing */
  ready(): Promise<void>
  /** Copies sessions into the cache, the latest first, and returns how many. */
  warm?(which: RecentWhich, limit?: number): Promise<number>
  /** Fills the cache before the first visits, where the settings ask for it, and returns how many copies it made. */
  warmAtStart?(): Promise<number>
  close(): Promise<void>
}

/** A cache, and what to do before it is used. */
export interface OpenedCache {
  readonly part: CachePart
  readonly cache: Cache
  /** @throws Error with a sentence when it does not answer */
  connect(): Promise<void>
}

/** What a codec of any format is made with. */
export interface CodecOptions {
  readonly secrets: Secrets
  /** Bytes that a session may have, as serialized. */
  readonly maxBytes: number
  readonly onNearlyFull: (bytes: number, limit: number) => void
  /** The one that the settings name. */
  readonly serializer: Serializer
  readonly cookieName: string
  /** Milliseconds since 1970. */
  readonly now?: () => number
}

interface Part {
  /** As in the settings; `migrations/<name>/` has the tables that nothing else needs. */
  readonly name: string
  /** A few words for `.env.example`. */
  readonly help: string
  readonly settings: readonly Settings[]
}

/** A way to keep sessions: one value of SESSION_ENGINE. */
export interface EnginePart extends Part {
  readonly kind: 'engine'
  /** What it cannot work without: at least one part of each of these kinds. */
  readonly requires: readonly StoragePart['kind'][]
  /** Whether other programs may write the same records: nothing would tell a copy of them in a cache. */
  readonly shareable: boolean
  /** What is wrong with these settings, to follow "SESSION_ENGINE=name "; undefined where nothing is. */
  refusal?(settings: Pick<Config, 'production' | 'cacheUrl'>): string | undefined
  facts(config: Config): EngineFacts
  /** The name of its choice in docs/choosing-an-engine.md. */
  choice(config: Config, cache: CachePart | undefined): string
  /** What that document says of it; absent where it depends on the cache alone. */
  readonly choices?: () => Promise<{ readonly default: readonly Choice[] }>
  /** Opens it. Nothing is asked of a server yet. */
  open(place: Place, context: StorageContext): Promise<OpenedEngine> | OpenedEngine
}

/** A kind of cache server: some of the addresses of CACHE_URL. */
export interface CachePart extends Part {
  readonly kind: 'cache'
  /** The addresses it takes. */
  readonly address: RegExp
  /** Where its sessions are, in three words at most. */
  readonly place: string
  /** What such an address starts with, in words; absent where there is one address only. */
  readonly schemes?: string
  /** The address of the settings that name none. */
  readonly defaultAddress?: string
  /** Whether no other process has a part in it, and nothing of it outlives this one. */
  readonly own: boolean
  /** What docs/choosing-an-engine.md says of sessions that are in it alone. */
  readonly choices: () => Promise<{ readonly default: readonly Choice[] }>
  /** @throws Error for an address that cannot be */
  open(url: string, config: Config): Promise<Omit<OpenedCache, 'part'>> | Omit<OpenedCache, 'part'>
  /** What is to be said of one of its servers, given the figures that it tells. */
  examine?(figures: object, facts: { readonly onlyRecords: boolean }): Promise<Finding[]> | Finding[]
}

/** How records and cookies are written: one value of SESSION_FORMAT. */
export interface FormatPart extends Part {
  readonly kind: 'format'
  /** The name of its table where SESSION_TABLE is empty. */
  readonly table: string
  /** How its table keeps sessions, where it is not the layout of the project. */
  readonly layout?: MakeLayout
  /** What doctor looks for: the columns of each index of the table. */
  readonly indexes: readonly (readonly string[])[]
  /** Whether the table has columns for users and times. */
  readonly keepsMetadata: boolean
  /** Whether another program reads and writes this format, too. */
  readonly shared: boolean
  /** Why it cannot be with this SESSION_SERIALIZER, as a whole sentence. */
  refusal?(serializer: string): string | undefined
  codec(options: CodecOptions): Codec
  /** @param options.tier told apart from other cookies of the same name by a key that nothing else has */
  cookieCodec(options: CodecOptions & { readonly tier?: string }): CookieCodec
  /** The store of files in this format, where it is not that of every other. */
  openFiles?(options: FilesOptions): Promise<FilesStore>
}

/** A store of files, and what makes its folder. */
export type FilesStore = SessionStore & { prepare(): Promise<void> }

export interface FilesOptions {
  readonly folder: string
  readonly cookieName: string
  /** Seconds. */
  readonly cookieAge: number
  readonly codec: Codec
}

/** What takes sessions from one engine to another while both are in use. */
export interface MigrationPart extends Part {
  readonly kind: 'migration'
  /** The engine, and after a comma the format, that has the older sessions. */
  from(config: { readonly values: Readonly<Record<string, unknown>> }): string | undefined
  open(target: OpenedEngine, source: OpenedEngine, sharesRecords: boolean): OpenedEngine
}

/** What a project can leave out of its storage. */
export type StoragePart = EnginePart | CachePart | FormatPart | MigrationPart

const NO_FACTS = { table: false, inCookies: 'none', cached: 'nothing', writesBehind: false } as const

/** The manifest of an engine; facts that it does not state are as in an engine that uses nothing at all. */
export function defineEngine(
  manifest: Omit<EnginePart, 'kind' | 'requires' | 'facts'> &
    Partial<Pick<EnginePart, 'requires'>> & { facts(config: Config): Partial<EngineFacts> },
): EnginePart {
  return {
    requires: [],
    ...manifest,
    kind: 'engine',
    facts: (config) => ({ ...NO_FACTS, cookieLimit: config.session.cookie.maxSize, ...manifest.facts(config) }),
  }
}

/** The manifest of a cache. */
export function defineCache(manifest: Omit<CachePart, 'kind'>): CachePart {
  return { ...manifest, kind: 'cache' }
}

/** The manifest of a format. */
export function defineFormat(manifest: Omit<FormatPart, 'kind'>): FormatPart {
  return { ...manifest, kind: 'format' }
}
