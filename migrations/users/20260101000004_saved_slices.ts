import type { Knex } from 'knex'

/** Session data of an account between sign-out and the next sign-in. */
export async function up(knex: Knex): Promise<void> {
  await knex.schema.createTable('saved_slices', (table) => {
    table.integer('user_id').unsigned().notNullable().references('users.id').onDelete('CASCADE')
    table.string('slice', 64).notNullable()
    table.text('data', 'mediumtext').notNullable()
    table.bigInteger('updated_at').notNullable()
    table.primary(['user_id', 'slice'])
  })
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.dropTable('saved_slices')
}
