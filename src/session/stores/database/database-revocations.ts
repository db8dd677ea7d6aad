import { setTimeout as sleep } from 'node:timers/promises'
import type { Knex } from 'knex'
import { toStoreError } from '../../core/error-codes.ts'
import { StoreUnavailableError } from '../../core/errors.ts'
import { type RevocationState, type Revocations, sessionSubject, userSubject } from '../revocations.ts'
import {
  type Binding,
  type Dialect,
  dialectOf,
  JOB_TIMEOUT_MS,
  PreparedStatements,
  type Result,
} from './database-statements.ts'

/** Options for {@link DatabaseRevocations}. */
export interface DatabaseRevocationsOptions {
  /** SQLite, PostgreSQL, MySQL or MariaDB; opened and closed by the caller. */
  readonly knex: Knex
  /** Milliseconds for an answer of PostgreSQL or MySQL; 5000 by default. */
  readonly timeout?: number
  /** Returns milliseconds since 1970; Date.now by default. */
  readonly now?: () => number
}

const TABLE = 'session_revocations'
const DEFAULT_TIMEOUT_MS = 5000
const BATCH_SIZE = 1000
const PAUSE_MS = 20
// SQLite allows no more than 500 rows in one insert.
const COPY_SIZE = 200

/** Revocations in a table, shared by all processes. Each operation is one prepared statement. */
export class DatabaseRevocations implements Revocations {
  readonly #knex: Knex
  readonly #statements: PreparedStatements
  readonly #sql: Record<'endSession' | 'endUser' | 'clear', string>
  readonly #now: () => number

  /** @throws RangeError for another kind of database */
  constructor({ knex, timeout = DEFAULT_TIMEOUT_MS, now = Date.now }: DatabaseRevocationsOptions) {
    this.#knex = knex
    this.#statements = new PreparedStatements(knex, timeout)
    this.#sql = sqlFor(dialectOf(knex))
    this.#now = now
  }

  /** Checks the table. @throws Error that says what to do if it is missing or has other columns; StoreUnavailableError */
  async assertReady(): Promise<void> {
    try {
      await this.#knex(TABLE).select('subject', 'epoch', 'expires', 'successor').limit(1)
    } catch (error) {
      await this.#knex.raw('SELECT 1').catch((reason: unknown) => {
        throw new StoreUnavailableError(reason)
      })
      throw new Error(`The table "${TABLE}" is missing or has other columns: run "npm run migrate".`, { cause: error })
    }
  }

  async check(userId: string, signInId: string): Promise<RevocationState> {
    const bindings = [userSubject(userId), sessionSubject(signInId)]
    const { rows } = await this.#run(`SELECT subject, epoch, successor FROM ${TABLE} WHERE subject IN (?, ?)`, bindings)
    const [user, session] = bindings.map((subject) => rows.find((row) => row['subject'] === subject))
    return {
      epoch: Number(user?.['epoch'] ?? 0),
      kept: textIn(user?.['successor']),
      ended: session !== undefined && Number(session['epoch']) <= this.#now(),
      successor: textIn(session?.['successor']),
    }
  }

  async endSession(signInId: string, expires: number, from = 0, successorId?: string): Promise<void> {
    const successor = successorId === undefined ? null : sessionSubject(successorId)
    await this.#put(this.#sql.endSession, sessionSubject(signInId), [from, expires, successor])
  }

  /** @param at when (ms since 1970); now by default */
  async endUser(userId: string, expires: number, exceptId?: string, at: number = this.#now()): Promise<void> {
    const kept = exceptId === undefined ? null : sessionSubject(exceptId)
    await this.#put(this.#sql.endUser, userSubject(userId), [at, expires, kept])
  }

  async clear(before: number, signal?: AbortSignal): Promise<number> {
    let deleted = 0
    for (;;) {
      const { changes } = await this.#run(this.#sql.clear, [before], JOB_TIMEOUT_MS)
      deleted += changes
      if (changes < BATCH_SIZE || signal?.aborted) return deleted
      // So that requests are not slowed down.
      await sleep(PAUSE_MS)
    }
  }

  /** Copies the entries to `target`; of two for one subject the stricter counts. @throws StoreUnavailableError */
  async copyTo(target: DatabaseRevocations): Promise<void> {
    try {
      for (let last = ''; ; ) {
        const rows: { subject: string }[] = await this.#knex(TABLE)
          .select('subject', 'epoch', 'expires', 'successor')
          .where('subject', '>', last)
          .orderBy('subject')
          .limit(COPY_SIZE)
        if (rows.length > 0) await target.#knex(TABLE).insert(rows).onConflict('subject').merge(target.#merged())
        last = rows.at(-1)?.subject ?? ''
        if (rows.length < COPY_SIZE) return
      }
    } catch (error) {
      throw toStoreError(error)
    }
  }

  /** A process of the step before may have written only to the source, after both had an entry. */
  #merged(): Record<string, Knex.Raw> {
    const dialect = dialectOf(this.#knex)
    const { least, greatest } = functionsOf(dialect)
    const copied = (name: string) => (dialect === 'mysql' ? `VALUES(${name})` : `excluded.${name}`)
    const both = (name: string) => `${TABLE}.${name}, ${copied(name)}`
    const ofKind = (user: string, session: string) =>
      this.#knex.raw(`CASE WHEN ${TABLE}.subject LIKE 'u:%' THEN ${user} ELSE ${session} END`)
    const later = `CASE WHEN ${copied('epoch')} > ${TABLE}.epoch THEN ${copied('successor')} ELSE ${TABLE}.successor END`
    return {
      // First: on MySQL those that follow see the new epoch.
      successor: ofKind(later, `COALESCE(${both('successor')})`),
      epoch: ofKind(`${greatest}(${both('epoch')})`, `${least}(${both('epoch')})`),
      expires: this.#knex.raw(`${greatest}(${both('expires')})`),
    }
  }

  async #put(sql: string, subject: string, values: readonly Binding[]): Promise<void> {
    // Once for the insert and once for the update.
    await this.#run(sql, [subject, ...values, ...values])
  }

  async #run(sql: string, bindings: readonly Binding[], timeout?: number): Promise<Result> {
    try {
      return await this.#statements.run(sql, bindings, timeout)
    } catch (error) {
      throw toStoreError(error)
    }
  }
}

function functionsOf(dialect: Dialect) {
  return dialect === 'sqlite' ? { least: 'MIN', greatest: 'MAX' } : { least: 'LEAST', greatest: 'GREATEST' }
}

function sqlFor(dialect: Dialect) {
  const { least, greatest } = functionsOf(dialect)
  const taken = dialect === 'mysql' ? 'ON DUPLICATE KEY UPDATE' : 'ON CONFLICT (subject) DO UPDATE SET'
  // An entry is kept for the longest requested time.
  const put = (epoch: string, successor: string) =>
    `INSERT INTO ${TABLE} (subject, epoch, expires, successor) VALUES (?, ?, ?, ?) ${taken} ` +
    `epoch = ${epoch}, expires = ${greatest}(${TABLE}.expires, ?), successor = ${successor}`
  const expired = `WHERE expires <= ? LIMIT ${BATCH_SIZE}`
  return {
    endSession: put(`${least}(${TABLE}.epoch, ?)`, `COALESCE(${TABLE}.successor, ?)`),
    // It rises even if the clock does not, so that two at the same time both take effect.
    endUser: put(`${greatest}(${TABLE}.epoch + 1, ?)`, '?'),
    // MySQL cannot delete from a table in a subquery with a limit; the others have no limit on DELETE. The subquery
    // includes the time, because an entry may have been extended meanwhile.
    clear:
      dialect === 'mysql'
        ? `DELETE FROM ${TABLE} ${expired}`
        : `DELETE FROM ${TABLE} WHERE (subject, expires) IN (SELECT subject, expires FROM ${TABLE} ${expired})`,
  }
}

function textIn(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}
