import type { Knex } from 'knex'
import type { Logger } from 'pino'
import { Accounts } from './accounts.ts'
import type { Config } from './config.ts'
import { openDatabase } from './database.ts'
import { sqlitePath } from './database-address.ts'
import { openLog } from './log.ts'
import { limitPasswordQueue } from './passwords.ts'
import type { Observer, SessionEvent } from './session/core/events.ts'
import { openEngine, sharedSignIns } from './storage/open.ts'
import type { OpenedEngine } from './storage/part.ts'
import { Users } from './users.ts'

/** What features and middleware use; opened once. */
export interface Services extends OpenedEngine {
  readonly config: Config
  readonly log: Logger
  readonly knex: Knex
  /** The database of sessions: `knex` itself, unless SESSION_DATABASE_URL is set or the database is an SQLite file. */
  readonly sessionKnex: Knex
  readonly users: Users
  /** The account data of users, for the session engine. */
  readonly accounts: Accounts
  observe(event: SessionEvent): void
  /** Calls `observer` with every event from now on. */
  addObserver(observer: Observer): void
  /** Waits for `work` before the databases are closed; it must end within 5 seconds, and not fail. */
  beforeClose(work: () => Promise<void>): void
}

/** Opens the services of these settings. Does not listen, and does not migrate. */
export async function openServices(config: Config, log: Logger = openLog(config)): Promise<Services> {
  const observers: Observer[] = [eventLog(log)]
  const observe = (event: SessionEvent) => {
    for (const observer of observers) observer(event)
  }
  const { secure, httpOnly } = config.session.cookie
  if (config.production && !(secure && httpOnly)) {
    log.warn({ secure, httpOnly }, 'the session cookie is not Secure and HttpOnly: it can be stolen')
  }
  const { databaseUrl, storeTimeout } = config.session
  const knex = openDatabase(config.databaseUrl, storeTimeout)
  const same = databaseUrl === config.databaseUrl
  // A pool on an SQLite file has one connection: with one pool for both, opening a session inside a transaction would
  // wait for that transaction.
  const sessionKnex = same && !isSqliteFile(databaseUrl) ? knex : openDatabase(databaseUrl, storeTimeout)
  const warn = (message: string) => log.warn(message)
  const { migrating } = config.session
  const elsewhere = migrating === undefined || migrating.databaseUrl === databaseUrl ? undefined : migrating.databaseUrl
  const otherKnex = elsewhere === undefined ? undefined : openDatabase(elsewhere, storeTimeout)
  const other = otherKnex && { knex: otherKnex, withUsers: elsewhere === config.databaseUrl }
  const opened = await openEngine({ config, knex: sessionKnex, withUsers: same, other, observe, warn })
  limitPasswordQueue(config.passwordQueue)
  const closing: (() => Promise<void>)[] = []
  const users = new Users(knex, config.secrets)
  const signIns = sharedSignIns(config, knex)
  return {
    ...opened,
    config,
    log,
    knex,
    sessionKnex,
    users,
    accounts: new Accounts(users, config.lateRequestSeconds, signIns),
    observe,
    addObserver: (observer) => void observers.push(observer),
    beforeClose: (work) => void closing.push(work),
    async ready() {
      await opened.ready()
      await signIns?.ready()
    },
    async close() {
      try {
        // At the same time: a mail server must not take the time for pending writes.
        await Promise.all([opened.close(), ...closing.map((work) => work())])
      } finally {
        await otherKnex?.destroy()
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

// Too frequent to log, or covered by cache-down: these are only counted.
const NOT_LOGGED: ReadonlySet<SessionEvent['type']> = new Set([
  'operation',
  'size',
  'replayed',
  'forward',
  'cache',
  'fallback',
  'write-behind',
])

const UNKNOWN_SECRET_PAUSE_MS = 60_000

function eventLog(log: Logger): Observer {
  let unknownSecretAt = Number.NEGATIVE_INFINITY
  return (event) => {
    if (event.type !== 'security' || event.detail !== 'unknown-secret') return logEvent(log, event)
    // Once a minute: while secrets are replaced in the wrong order, every visitor may have such a session.
    if (performance.now() - unknownSecretAt < UNKNOWN_SECRET_PAUSE_MS) return
    unknownSecretAt = performance.now()
    log.warn({ session: event }, 'session: made with a secret that this process does not have, see docs/security.md')
  }
}

function logEvent(log: Logger, event: SessionEvent): void {
  if (NOT_LOGGED.has(event.type)) return
  if (event.type === 'security' && event.kind === 'unknown-key') log.debug({ session: event }, 'session: unknown key')
  else if (event.type === 'conflict') log.debug({ session: event }, 'session: conflict, replayed')
  else if (event.type === 'account-unreadable')
    log.error({ session: event }, 'session: account unreadable, left as it is')
  else if (event.type === 'copies' && event.state === 'begun') log.info({ session: event }, 'session: copies in use')
  else log.warn({ session: event }, `session: ${event.type}`)
}
