import type { Knex } from 'knex'
import { dialectOf } from '../../src/session/stores/database/database-statements.ts'
import type { Answer } from './app.ts'
import { exportsOf } from './routes.ts'
import type { Visit } from './stories.ts'

/** A statement with secrets in it, and how a database is made to refuse it. */
export interface Refusal {
  readonly name: string
  /** Does what has to be done before, and returns the request. */
  readonly begin: (visit: Visit) => Promise<() => Promise<Answer>>
  /** Makes the database refuse the statement; its result allows it again. */
  readonly refuse: Refuse
  /** What the log must still say of it, on every database. */
  readonly logged?: RegExp
}

export type Refuse = (knex: Knex) => Promise<() => Promise<unknown>>

/** The exports of `test/features/<name>/refusals*.ts`. */
interface FeatureRefusals {
  readonly refusals: readonly Refusal[]
  /** Values in the tables of the feature that no log may have. */
  readonly secrets?: (knex: Knex) => Promise<readonly string[]>
}

/** What the features say. */
export async function featureRefusals(): Promise<Required<FeatureRefusals>> {
  const found = await exportsOf<FeatureRefusals>(/^refusals.*\.ts$/)
  return {
    refusals: found.flatMap(({ refusals }) => refusals),
    secrets: async (knex) => (await Promise.all(found.map(({ secrets }) => secrets?.(knex) ?? []))).flat(),
  }
}

/** Refuses every row that is written in this way. */
export function refusing(table: string, how: 'INSERT' | 'UPDATE'): Refuse {
  return async (knex) => {
    const run = async (sql: string) => await knex.raw(sql)
    const dialect = dialectOf(knex)
    if (dialect === 'postgres') {
      // Its error has the whole row.
      await run(`ALTER TABLE ${table} ADD CONSTRAINT refused CHECK (false) NOT VALID`)
      return () => run(`ALTER TABLE ${table} DROP CONSTRAINT refused`)
    }
    const [before, act] =
      dialect === 'sqlite'
        ? ['', "BEGIN SELECT RAISE(ABORT, 'refused'); END"]
        : ['FOR EACH ROW', "SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'refused'"]
    await run(`CREATE TRIGGER refused BEFORE ${how} ON ${table} ${before} ${act}`)
    return () => run('DROP TRIGGER refused')
  }
}

/** Refuses a value for the second time: what MariaDB and PostgreSQL say to this repeats it. */
export function refusingTwice(table: string, column: string): Refuse {
  const index = { indexName: `one_per_${column}` }
  return async (knex) => {
    await knex.schema.alterTable(table, (rows) => rows.unique([column], index))
    return () => knex.schema.alterTable(table, (rows) => rows.dropUnique([column], index.indexName))
  }
}
