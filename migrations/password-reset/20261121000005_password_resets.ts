import type { Knex } from 'knex'

/** Links to a new password: at most one per user, and only its hash. */
export async function up(knex: Knex): Promise<void> {
  await knex.schema.createTable('password_resets', (table) => {
    table.integer('user_id').unsigned().notNullable().references('users.id').onDelete('CASCADE').primary()
    table.string('token_hash', 64).notNullable().unique({ indexName: 'password_resets_token_hash' })
    table.bigInteger('created_at').notNullable()
  })
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.dropTable('password_resets')
}
