import type { Knex } from 'knex'

/**
 * The public id of a session, and the successor of an ended sign-in. Null in rows of processes of an older version, which
 * keep working during a deployment.
 */
export async function up(knex: Knex): Promise<void> {
  const mysql = knex.client.driverName === 'mysql2'
  for (const [name, column] of COLUMNS) {
    await knex.schema.alterTable(name, (table) => {
      const added = table.string(column, 64)
      // base64url is case-sensitive.
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
