import { randomBytes } from 'node:crypto'
import type { Knex } from 'knex'
import { driverFailure, isDuplicate } from '../../core/error-codes.ts'
import { type Binding, dialectOf, PreparedStatements, type Result } from './database-statements.ts'

/** What a {@link DatabaseLease} is made of. */
export interface DatabaseLeaseOptions {
  /** Opened, and later closed, by the caller: SQLite, PostgreSQL, MySQL or MariaDB. */
  readonly knex: Knex
  /** What is done by one process at a time; up to 64 characters. */
  readonly name: string
  /** Milliseconds after which it is free, if it is not renewed; 60000 by default. */
  readonly term?: number
  /** Milliseconds since 1970. */
  readonly now?: () => number
}

const TABLE = 'session_leases'
const TERM = 60_000
const TIMEOUT = 5000

/**
 * A row that one process at a time owns, across machines: each step is one conditional statement. The lease of a process
 * that died ends by itself. It saves double work and guards nothing: times are those of whoever asks, and clocks differ.
 *
 * Every method throws StoreUnavailableError when the database does not answer.
 */
export class DatabaseLease {
  readonly #knex: Knex
  readonly #statements: PreparedStatements
  readonly #insert: string
  readonly #name: string
  readonly #owner = randomBytes(16).toString('base64url')
  readonly #term: number
  readonly #now: () => number
  #heldSince = Number.NEGATIVE_INFINITY

  /** @throws RangeError for a name that is too long, or a database of another kind */
  constructor({ knex, name, term = TERM, now = Date.now }: DatabaseLeaseOptions) {
    if (name.length > 64) throw new RangeError('The name of a lease has 64 characters at most')
    this.#knex = knex
    this.#statements = new PreparedStatements(knex, TIMEOUT)
    this.#insert = insertFor(dialectOf(knex) === 'mysql')
    this.#name = name
    this.#term = term
    this.#now = now
  }

  /**
   * Takes the lease if nobody has it, and answers whether it did.
   *
   * @param finishedBy take it only if the work was last finished then or earlier, in milliseconds since 1970
   * @throws Error saying what to do when there is no table for it
   */
  async take(finishedBy = Number.MAX_SAFE_INTEGER): Promise<boolean> {
    const now = this.#now()
    // What lies so far ahead was written by a clock that was wrong, and would keep everybody out.
    const ahead = now + 2 * this.#term
    const free = '(expires <= ? OR expires > ?) AND (finished <= ? OR finished > ?)'
    const update = `UPDATE ${TABLE} SET owner = ?, expires = ? WHERE name = ? AND ${free}`
    const until = now + this.#term
    try {
      const taken =
        (await this.#run(update, [this.#owner, until, this.#name, now, ahead, finishedBy, ahead])) ||
        (await this.#run(this.#insert, [this.#name, this.#owner, until]))
      if (taken) this.#heldSince = now
      return taken
    } catch (error) {
      await this.#knex.raw('SELECT 1').catch(() => {
        throw error
      })
      if (await this.#knex.schema.hasTable(TABLE)) throw error
      throw new Error(`The table "${TABLE}" is missing: run "npm run migrate".`, { cause: error })
    }
  }

  /** Keeps it, for another term once a third of the last is over; false when somebody else has taken it meanwhile. */
  async renew(): Promise<boolean> {
    const now = this.#now()
    if (now - this.#heldSince < this.#term / 3) return true
    const sql = `UPDATE ${TABLE} SET expires = ? WHERE name = ? AND owner = ?`
    const kept = await this.#run(sql, [now + this.#term, this.#name, this.#owner])
    this.#heldSince = kept ? now : Number.NEGATIVE_INFINITY
    return kept
  }

  /** Gives it back: the work is done. */
  async finish(): Promise<void> {
    const sql = `UPDATE ${TABLE} SET owner = '', expires = 0, finished = ? WHERE name = ? AND owner = ?`
    await this.#run(sql, [this.#now(), this.#name, this.#owner])
  }

  /** Gives it back for somebody else to go on. */
  async release(): Promise<void> {
    await this.#run(`UPDATE ${TABLE} SET owner = '', expires = 0 WHERE name = ? AND owner = ?`, [
      this.#name,
      this.#owner,
    ])
  }

  async #run(sql: string, bindings: readonly Binding[]): Promise<boolean> {
    try {
      const { changes }: Result = await this.#statements.run(sql, bindings)
      return changes > 0
    } catch (error) {
      if (isDuplicate(error)) return false
      throw driverFailure(error)
    }
  }
}

function insertFor(mysql: boolean): string {
  // INSERT IGNORE would pass over every error; that the row is there already is told by its own.
  const otherwise = mysql ? '' : ' ON CONFLICT (name) DO NOTHING'
  return `INSERT INTO ${TABLE} (name, owner, expires, finished) VALUES (?, ?, ?, 0)${otherwise}`
}
