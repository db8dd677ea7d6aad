import type { Knex } from 'knex'
import { type Logger, pino } from 'pino'
import { type Config, ConfigError } from './config.ts'
import { openDatabase } from './database.ts'
import { djangoCodec } from './session/codec/django.ts'
import { msgpackSerializer } from './session/codec/msgpack.ts'
import { sealedCodec } from './session/codec/sealed.ts'
import { jsonSerializer } from './session/codec/serializer.ts'
import { StoredEngine } from './session/engines/stored.ts'
import { StoreUnavailableError } from './session/errors.ts'
import type { Observer, SessionEvent } from './session/observe/events.ts'
import { DatabaseStore } from './session/stores/database.ts'
import { Users } from './users.ts'

/** What the application runs on; opened once, handed to every feature. */
export interface Services {
  readonly config: Config
  readonly log: Logger
  readonly knex: Knex
  readonly engine: StoredEngine
  readonly users: Users
  /** @throws ConfigError when the table is missing, or the database does not answer */
  ready(): Promise<void>
  observe(event: SessionEvent): void
  close(): Promise<void>
}

// Somebody waits for the page: after a second, "try again" is the better answer.
const SESSION_TIMEOUT = 1000

/** Opens what the settings name. Nothing is listened to yet, and nothing is migrated. */
export function openServices(config: Config): Services {
  const log = openLog(config)
  const observe = (event: SessionEvent) => logEvent(log, event)
  const knex = openDatabase(config.databaseUrl)
  const { databaseUrl, format, table, expiry } = config.session
  const sessionKnex = databaseUrl === config.databaseUrl ? knex : openDatabase(databaseUrl)
  const store = new DatabaseStore({
    knex: sessionKnex,
    table,
    layout: format === 'django' ? 'django' : 'own',
    timeout: SESSION_TIMEOUT,
    ...(sessionKnex === knex ? { usersTable: 'users' } : {}),
  })
  return {
    config,
    log,
    knex,
    engine: new StoredEngine({ name: 'db', store, codec: openCodec(config, observe), expiry, observe }),
    users: new Users(knex, config.secrets),
    observe,
    async ready() {
      try {
        await store.assertReady()
      } catch (error) {
        const outage = error instanceof StoreUnavailableError
        throw new ConfigError(outage ? `The database does not answer: ${messageOf(error.cause)}.` : messageOf(error))
      }
    },
    async close() {
      if (sessionKnex !== knex) await sessionKnex.destroy()
      await knex.destroy()
    },
  }
}

function openCodec({ secrets, session }: Config, observe: Observer) {
  const options = {
    secrets,
    maxBytes: session.maxBytes,
    onNearlyFull: (bytes: number, limit: number) => observe({ type: 'budget', slice: null, bytes, limit }),
    serializer: session.serializer === 'msgpack' ? msgpackSerializer : jsonSerializer,
  }
  return session.format === 'django'
    ? djangoCodec(options)
    : sealedCodec({ ...options, namespace: session.cookie.name })
}

function openLog(config: Config): Logger {
  // Cookies, keys and passwords are never passed to the log; redaction is the second lock.
  const redact = { paths: ['*.cookie', '*.authorization', '*.password', '*.key'], censor: '[redacted]' }
  const pretty = config.mode === 'development' && process.stdout.isTTY
  return pino({
    level: config.logLevel,
    redact,
    ...(pretty ? { transport: { target: 'pino-pretty', options: { singleLine: true, ignore: 'pid,hostname' } } } : {}),
  })
}

function logEvent(log: Logger, event: SessionEvent): void {
  if (event.type === 'operation') return
  if (event.type === 'security' && event.kind === 'unknown-key') log.debug({ session: event }, 'session: unknown key')
  else if (event.type === 'conflict') log.debug({ session: event }, 'session: conflict, replayed')
  else log.warn({ session: event }, `session: ${event.type}`)
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
