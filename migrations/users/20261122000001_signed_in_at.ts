import type { Knex } from 'knex'

/** The day of a user's last sign-in, in milliseconds since 1970. */
export async function up(knex: Knex): Promise<void> {
  await knex.schema.alterTable('users', (table) => {
    table.bigInteger('signed_in_at')
  })
}

export async function down(knex: Knex): Promise<void> {
  // Not with Knex, which recreates the table on SQLite: dropping the old one would delete all orders (ON DELETE CASCADE).
  await knex.raw('ALTER TABLE users DROP COLUMN signed_in_at')
}
