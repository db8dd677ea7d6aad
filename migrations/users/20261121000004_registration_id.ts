import type { Knex } from 'knex'

/** The registration that created an account, so that one that is sent twice is recognised. */
export async function up(knex: Knex): Promise<void> {
  await knex.schema.alterTable('users', (table) => {
    table.string('registration_id', 36)
  })
}

export async function down(knex: Knex): Promise<void> {
  // Not with Knex, which recreates the table on SQLite: dropping the old one would delete all orders (ON DELETE CASCADE).
  await knex.raw('ALTER TABLE users DROP COLUMN registration_id')
}
