import type { Codec, CookieCodec } from '../session/codec/codec.ts'
import { msgpackSerializer } from '../session/codec/msgpack.ts'
import { jsonSerializer } from '../session/codec/serializer.ts'
import { StoreUnavailableError } from '../session/core/errors.ts'
import { StoredEngine } from '../session/engines/stored.ts'
import { DatabaseStore } from '../session/stores/database/database.ts'
import { DatabaseRevocations } from '../session/stores/database/database-revocations.ts'
import type { SessionStore } from '../session/stores/store.ts'
import { ConfigError } from '../settings.ts'
import type { CodecOptions, Place, StorageContext } from './part.ts'

// Somebody waits for the page: after a second, "try again" is the better answer.
const SESSION_TIMEOUT = 1000

/** The table of sessions. */
export function openTable({ table, format: { layout } }: Place, { knex, withUsers }: StorageContext): DatabaseStore {
  const users = withUsers ? { usersTable: 'users' } : {}
  return new DatabaseStore({ knex, table, layout, timeout: SESSION_TIMEOUT, ...users })
}

/** The table of what ended in cookies. */
export function openRevocations({ knex }: StorageContext): DatabaseRevocations {
  return new DatabaseRevocations({ knex, timeout: SESSION_TIMEOUT })
}

/** An engine that keeps a record of each session in this store. */
export function openRecords(
  place: Place,
  store: SessionStore,
  context: StorageContext,
  codec = openCodec(place, context),
): StoredEngine {
  const { config, observe } = context
  const { expiry } = config.session
  return new StoredEngine({ name: place.engine, store, codec, expiry, forwardFor: config.requestTimeout, observe })
}

export function openCodec({ format }: Place, context: StorageContext): Codec {
  return format.codec(codecOptions(context))
}

/** @param options.maxBytes the limit, where it is not that of records */
export function openCookieCodec(
  { format }: Place,
  context: StorageContext,
  options: { readonly maxBytes?: number; readonly tier?: string } = {},
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

/** @throws ConfigError when the table is missing, or the database does not answer */
export async function databaseReady(store: { assertReady(): Promise<void> }): Promise<void> {
  try {
    await store.assertReady()
  } catch (error) {
    const outage = error instanceof StoreUnavailableError
    throw new ConfigError(outage ? `The database does not answer: ${messageOf(error.cause)}.` : messageOf(error))
  }
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
