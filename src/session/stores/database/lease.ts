import { randomBytes } from 'node:crypto'
import type { Knex } from 'knex'
import { isDuplicate, toStoreError } from '../../core/error-codes.ts'
import { type Binding, dialectOf, PreparedStatements, type Result } from './database-statements.ts'

/** Options for {@link DatabaseLease}. */
export interface DatabaseLeaseOptions {
  /** SQLite, PostgreSQL, MySQL or MariaDB; opened and closed by the caller. */
  readonly knex: Knex
  /** The name of the work that one process does at a time; up to 64 characters. */
  readonly name: string
  /** Milliseconds after which it expires unless renewed; 60,000 by default. */
  readonly term?: number
  /** Returns milliseconds since 1970; Date.now by default. */
  readonly now?: () => number
}

const TABLE = 'session_leases'
const DEFAULT_TERM_MS = 60_000
const TIMEOUT_MS = 5000

/**
 * A lease that one process at a time holds, across machines: each operation is one conditional statement. The lease of a
 * dead process expires. It only avoids duplicate work and is not a lock, because clocks differ.
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

  /** @throws RangeError for a name that is too long, or another kind of database */
  constructor({ knex, name, term = DEFAULT_TERM_MS, now = Date.now }: DatabaseLeaseOptions) {
    if (name.length > 64) throw new RangeError('The name of a lease has 64 characters at most')
    this.#knex = knex
    this.#statements = new PreparedStatements(knex, TIMEOUT_MS)
    this.#insert = insertFor(dialectOf(knex) === 'mysql')
    this.#name = name
    this.#term = term
    this.#now = now
  }

  /**
   * Takes the lease if it is free; returns whether it did.
   *
   * @param finishedBy only if the work was last finished at this time or earlier, in milliseconds since 1970
   * @throws Error that says what to do if the table is missing
   */
  async take(finishedBy = Number.MAX_SAFE_INTEGER): Promise<boolean> {
    const now = this.#now()
    // A time so far in the future was written by a wrong clock and would block everyone.
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

  /** Renews it once a third of its term has passed; false if another process has taken it meanwhile. */
  async renew(): Promise<boolean> {
    const now = this.#now()
    if (now - this.#heldSince < this.#term / 3) return true
    const sql = `UPDATE ${TABLE} SET expires = ? WHERE name = ? AND owner = ?`
    const kept = await this.#run(sql, [now + this.#term, this.#name, this.#owner])
    this.#heldSince = kept ? now : Number.NEGATIVE_INFINITY
    return kept
  }

  /** Releases it and records that the work is done. */
  async finish(): Promise<void> {
    const sql = `UPDATE ${TABLE} SET owner = '', expires = 0, finished = ? WHERE name = ? AND owner = ?`
    await this.#run(sql, [this.#now(), this.#name, this.#owner])
  }

  /** Releases it for another process to continue. */
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
      throw toStoreError(error)
    }
  }
}

function insertFor(mysql: boolean): string {
  // INSERT IGNORE would ignore every error; an existing row has its own error code.
  const otherwise = mysql ? '' : ' ON CONFLICT (name) DO NOTHING'
  return `INSERT INTO ${TABLE} (name, owner, expires, finished) VALUES (?, ?, ?, 0)${otherwise}`
}
