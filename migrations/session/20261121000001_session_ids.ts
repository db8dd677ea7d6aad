import type { Knex } from 'knex'

/**
 * A session's public id, and what an ended sign-in was followed by. Null in the rows of processes that do not know these
 * columns yet: they go on working beside those that do.
 */
export async function up(knex: Knex): Promise<void> {
  const mysql = knex.client.driverName === 'mysql2'
  for (const [name, column] of COLUMNS) {
    await knex.schema.alterTable(name, (table) => {
      const added = table.string(column, 64)
      // base64url, where case is all.
      if (mysql) added.collate('utf8mb4_bin')
    })
  }
}

export async function down(knex: Knex): Promise<void> {
  for (const [name, column] of COLUMNS) await knex.schema.alterTable(name, (table) => table.dropColumn(column))
}

const COLUMNS = [
  ['sessions', 'session_id'],
  ['session_revocations', 'successor'],
] as const
