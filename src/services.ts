import type { Knex } from 'knex'
import type { Logger } from 'pino'
import { Accounts } from './accounts.ts'
import type { Config } from './config.ts'
import { openDatabase } from './database.ts'
import { sqlitePath } from './database-address.ts'
import { openLog } from './log.ts'
import type { Observer, SessionEvent } from './session/core/events.ts'
import { openEngine } from './storage/open.ts'
import type { OpenedEngine } from './storage/part.ts'
import { Users } from './users.ts'

/** What the application runs on; opened once, handed to every feature. */
export interface Services extends OpenedEngine {
  readonly config: Config
  readonly log: Logger
  readonly knex: Knex
  /** For sessions: the same unless SESSION_DATABASE_URL says otherwise, but on SQLite a connection apart. */
  readonly sessionKnex: Knex
  readonly users: Users
  /** What sessions keep for the accounts of their users. */
  readonly accounts: Accounts
  observe(event: SessionEvent): void
  /** Has every event from now on told to `observer` as well. */
  watch(observer: Observer): void
}

/** Opens what the settings name. Nothing is listened to yet, and nothing is migrated. */
export async function openServices(config: Config): Promise<Services> {
  const log = openLog(config)
  const observers: Observer[] = [(event) => logEvent(log, event)]
  const observe = (event: SessionEvent) => {
    for (const observer of observers) observer(event)
  }
  const knex = openDatabase(config.databaseUrl)
  const { databaseUrl } = config.session
  const same = databaseUrl === config.databaseUrl
  // A SQLite file has one connection in each pool: with one pool for both, a session that is opened within a transaction
  // would wait for the end of that very transaction.
  const sessionKnex = same && !isSqliteFile(databaseUrl) ? knex : openDatabase(databaseUrl)
  const warn = (sentence: string) => log.warn(sentence)
  const opened = await openEngine({ config, knex: sessionKnex, withUsers: same, observe, warn })
  const users = new Users(knex, config.secrets)
  return {
    ...opened,
    config,
    log,
    knex,
    sessionKnex,
    users,
    accounts: new Accounts(users, config.requestTimeout),
    observe,
    watch: (observer) => void observers.push(observer),
    async close() {
      try {
        await opened.close()
      } finally {
        if (sessionKnex !== knex) await sessionKnex.destroy()
        await knex.destroy()
      }
    },
  }
}

function isSqliteFile(url: string): boolean {
  const path = sqlitePath(url)
  return path !== undefined && path !== ':memory:'
}

// Part of every day, or told of by cache-down already: these are for counting.
const COUNTED: ReadonlySet<SessionEvent['type']> = new Set([
  'operation',
  'size',
  'replayed',
  'forward',
  'cache',
  'fallback',
  'write-behind',
])

function logEvent(log: Logger, event: SessionEvent): void {
  if (COUNTED.has(event.type)) return
  if (event.type === 'security' && event.kind === 'unknown-key') log.debug({ session: event }, 'session: unknown key')
  else if (event.type === 'conflict') log.debug({ session: event }, 'session: conflict, replayed')
  else if (event.type === 'account-unreadable')
    log.error({ session: event }, 'session: account unreadable, left as it is')
  else log.warn({ session: event }, `session: ${event.type}`)
}
