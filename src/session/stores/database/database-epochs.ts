import type { Knex } from 'knex'
import { isDuplicate, toStoreError } from '../../core/error-codes.ts'
import { StoreUnavailableError } from '../../core/errors.ts'
import { type EpochRow, type EpochStore, newEpoch } from '../store.ts'
import { dialectOf, type PreparedStatements, type Result } from './database-statements.ts'

const TABLE = 'session_epochs'
// SQLite does one statement after the other. The words are those that MySQL and MariaDB both know.
const LOCKS = { sqlite: '', postgres: ' FOR SHARE', mysql: ' LOCK IN SHARE MODE' } as const

/** The row that says which copies of a table's records are valid. */
export class DatabaseEpochs implements EpochStore {
  readonly #knex: Knex
  readonly #statements: PreparedStatements
  readonly #name: string

  /** @param name the table of the records */
  constructor(knex: Knex, statements: PreparedStatements, name: string) {
    this.#knex = knex
    this.#statements = statements
    this.#name = name
  }

  /** Checks the table. @throws Error that says what to do if it is missing; StoreUnavailableError */
  async assertReady(): Promise<void> {
    try {
      await this.#knex(TABLE).select('epoch', 'server').limit(1)
    } catch (error) {
      await this.#knex.raw('SELECT 1').catch((reason: unknown) => {
        throw new StoreUnavailableError(reason)
      })
      throw new Error(`The table "${TABLE}" is missing or has other columns: run "npm run migrate".`, { cause: error })
    }
  }

  async readEpoch(): Promise<EpochRow> {
    for (;;) {
      const { rows } = await this.#run(`SELECT epoch, server FROM ${TABLE} WHERE name = ?`, [this.#name])
      const [row] = rows
      if (row !== undefined) return { epoch: String(row['epoch']), server: String(row['server']) }
      // Perhaps it was deleted, and other processes still go by it.
      await this.#insert()
    }
  }

  /** The condition that the row names this epoch, and does so until the statement with it has taken effect. */
  named(epoch: string): { sql: string; bindings: readonly string[] } {
    const lock = LOCKS[dialectOf(this.#knex)]
    return { sql: `EXISTS (SELECT 1 FROM ${TABLE} WHERE name = ? AND epoch = ?${lock})`, bindings: [this.#name, epoch] }
  }

  async changeEpoch(from: string, { epoch, server }: EpochRow): Promise<boolean> {
    const sql = `UPDATE ${TABLE} SET epoch = ?, server = ? WHERE name = ? AND epoch = ?`
    return (await this.#run(sql, [epoch, server, this.#name, from])).changes > 0
  }

  /** Makes all copies invalid, for an engine that does not know them; nothing is done if there never were any. */
  async suspend(): Promise<void> {
    // A database may be older than this table, and then has no copies.
    if (!(await this.#knex.schema.hasTable(TABLE))) return
    const sql = `UPDATE ${TABLE} SET epoch = ?, server = '' WHERE name = ? AND server <> ''`
    await this.#run(sql, [newEpoch(), this.#name])
  }

  async #insert(): Promise<void> {
    try {
      await this.#run(`INSERT INTO ${TABLE} (name, epoch, server) VALUES (?, ?, '')`, [this.#name, newEpoch()])
    } catch (error) {
      // Another process was faster.
      if (!isDuplicate(error)) throw error
    }
  }

  async #run(sql: string, bindings: readonly string[]): Promise<Result> {
    try {
      return await this.#statements.run(sql, bindings)
    } catch (error) {
      throw toStoreError(error)
    }
  }
}
