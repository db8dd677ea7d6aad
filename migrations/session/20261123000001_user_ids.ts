import type { Knex } from 'knex'

/** Ids of users of up to 255 characters, as those of identity providers. SQLite does not limit a text. */
export async function up(knex: Knex): Promise<void> {
  if (knex.client.driverName === 'sqlite3') return
  await knex.schema.alterTable('sessions', (table) => {
    table.string('user_id', 255).alter()
  })
}

export async function down(): Promise<void> {
  // Longer ids may be stored by now, and earlier versions work with the wider column.
}
