import type { Codec, CookieCodec } from '../session/codec/codec.ts'
import { msgpackSerializer } from '../session/codec/msgpack.ts'
import { jsonSerializer } from '../session/codec/serializer.ts'
import { StoreUnavailableError } from '../session/core/errors.ts'
import { StoredEngine } from '../session/engines/stored.ts'
import { DatabaseStore } from '../session/stores/database/database.ts'
import { DatabaseRevocations } from '../session/stores/database/database-revocations.ts'
import type { SessionStore } from '../session/stores/store.ts'
import { ConfigError } from '../settings.ts'
import type { CodecOptions, ReadyRevocations, ResolvedStorage, StorageContext } from './part.ts'

/** The table of sessions. */
export function openTable(
  { table, format: { layout } }: ResolvedStorage,
  { config, knex, withUsers }: StorageContext,
): DatabaseStore {
  const users = withUsers ? { usersTable: 'users' } : {}
  return new DatabaseStore({ knex, table, layout, timeout: config.session.storeTimeout, ...users })
}

/** The table of ended sessions and sign-ins of cookies. */
export function openRevocations({ config, knex, revocations }: StorageContext): ReadyRevocations {
  return revocations ?? new DatabaseRevocations({ knex, timeout: config.session.storeTimeout })
}

/** An engine with a record of each session in this store. */
export function openRecords(
  storage: ResolvedStorage,
  store: SessionStore,
  context: StorageContext,
  codec = openCodec(storage, context),
): StoredEngine {
  const { config, observe } = context
  const { expiry } = config.session
  return new StoredEngine({
    name: storage.engine,
    store,
    codec,
    expiry,
    forwardSeconds: config.lateRequestSeconds,
    observe,
  })
}

export function openCodec({ format }: ResolvedStorage, context: StorageContext): Codec {
  return format.codec(codecOptions(context))
}

/** @param options sizes, if they differ from those of records */
export function openCookieCodec(
  { format }: ResolvedStorage,
  context: StorageContext,
  options: { readonly maxBytes?: number; readonly compressAbove?: number; readonly tier?: string } = {},
): CookieCodec {
  return format.cookieCodec({ ...codecOptions(context), ...options })
}

function codecOptions({ config: { secrets, session }, observe }: StorageContext): CodecOptions {
  return {
    secrets,
    maxBytes: session.maxBytes,
    onNearlyFull: (bytes, limit) => observe({ type: 'budget', slice: null, bytes, limit }),
    serializer: session.serializer === 'msgpack' ? msgpackSerializer : jsonSerializer,
    cookieName: session.cookie.name,
  }
}

/** @throws ConfigError if the table is missing, or the database does not answer */
export async function databaseReady(store: { assertReady(): Promise<void> }): Promise<void> {
  try {
    await store.assertReady()
  } catch (error) {
    const outage = error instanceof StoreUnavailableError
    throw new ConfigError(outage ? `The database does not answer: ${messageOf(error.cause)}.` : messageOf(error))
  }
}

/** The same for an engine without copies, which must not leave valid ones behind: it would not end them. */
export async function recordsReady(store: DatabaseStore): Promise<void> {
  await databaseReady(store)
  await databaseReady({ assertReady: () => store.epochs.suspend() })
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
