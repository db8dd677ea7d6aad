import { setTimeout as sleep } from 'node:timers/promises'
import type { Knex } from 'knex'
import { driverFailure } from '../../core/error-codes.ts'
import { StoreUnavailableError } from '../../core/errors.ts'
import { type Revocations, type Standing, sessionSubject, userSubject } from '../revocations.ts'
import { type Binding, type Dialect, dialectOf, PreparedStatements, type Result } from './database-statements.ts'

/** What {@link DatabaseRevocations} is made of. */
export interface DatabaseRevocationsOptions {
  /** Opened, and later closed, by the caller: SQLite, PostgreSQL, MySQL or MariaDB. */
  readonly knex: Knex
  /** Milliseconds that PostgreSQL or MySQL have to answer a request before revocations are unavailable; 5000 by default. */
  readonly timeout?: number
  /** Milliseconds since 1970. */
  readonly now?: () => number
}

const TABLE = 'session_revocations'
const TIMEOUT = 5000
const BATCH = 1000
const PAUSE = 20

/** Revocations in a table, for any number of processes. Each operation is one prepared statement. */
export class DatabaseRevocations implements Revocations {
  readonly #knex: Knex
  readonly #statements: PreparedStatements
  readonly #sql: Record<'endSession' | 'endUser' | 'clear', string>
  readonly #now: () => number

  /** @throws RangeError for a database of another kind */
  constructor({ knex, timeout = TIMEOUT, now = Date.now }: DatabaseRevocationsOptions) {
    this.#knex = knex
    this.#statements = new PreparedStatements(knex, timeout)
    this.#sql = sqlFor(dialectOf(knex))
    this.#now = now
  }

  /** @throws Error saying what to do when the table is not there as it should be; StoreUnavailableError */
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

  async check(userId: string, signInId: string): Promise<Standing> {
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

  async endUser(userId: string, expires: number, exceptId?: string): Promise<void> {
    const kept = exceptId === undefined ? null : sessionSubject(exceptId)
    await this.#put(this.#sql.endUser, userSubject(userId), [this.#now(), expires, kept])
  }

  async clear(before: number, signal?: AbortSignal): Promise<number> {
    let deleted = 0
    for (;;) {
      const { changes } = await this.#run(this.#sql.clear, [before], Number.POSITIVE_INFINITY)
      deleted += changes
      if (changes < BATCH || signal?.aborted) return deleted
      // Requests need the table as well.
      await sleep(PAUSE)
    }
  }

  async #put(sql: string, subject: string, values: readonly Binding[]): Promise<void> {
    // Once for a new entry, and once for one that is there.
    await this.#run(sql, [subject, ...values, ...values])
  }

  async #run(sql: string, bindings: readonly Binding[], timeout?: number): Promise<Result> {
    try {
      return await this.#statements.run(sql, bindings, timeout)
    } catch (error) {
      throw driverFailure(error)
    }
  }
}

function sqlFor(dialect: Dialect) {
  const [least, greatest] = dialect === 'sqlite' ? ['MIN', 'MAX'] : ['LEAST', 'GREATEST']
  const taken = dialect === 'mysql' ? 'ON DUPLICATE KEY UPDATE' : 'ON CONFLICT (subject) DO UPDATE SET'
  // An entry never goes earlier than somebody asked for.
  const put = (epoch: string, successor: string) =>
    `INSERT INTO ${TABLE} (subject, epoch, expires, successor) VALUES (?, ?, ?, ?) ${taken} ` +
    `epoch = ${epoch}, expires = ${greatest}(${TABLE}.expires, ?), successor = ${successor}`
  const expired = `WHERE expires <= ? LIMIT ${BATCH}`
  return {
    endSession: put(`${least}(${TABLE}.epoch, ?)`, `COALESCE(${TABLE}.successor, ?)`),
    // It rises even where the clock does not, so that of two at once both count.
    endUser: put(`${greatest}(${TABLE}.epoch + 1, ?)`, '?'),
    // MySQL cannot delete from a table that it is choosing from with a limit; the others have no limit on a delete,
    // and compare the time twice, because a chosen entry may have been prolonged meanwhile.
    clear:
      dialect === 'mysql'
        ? `DELETE FROM ${TABLE} ${expired}`
        : `DELETE FROM ${TABLE} WHERE (subject, expires) IN (SELECT subject, expires FROM ${TABLE} ${expired})`,
  }
}

function textIn(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}
