import type { Knex } from 'knex'

export async function up(knex: Knex): Promise<void> {
  await knex.schema.createTable('users', (table) => {
    table.increments('id')
    table.string('username', 150).notNullable()
    // Lower case and normalized; unique, so that of two concurrent registrations one fails.
    table.string('username_key', 150).notNullable().unique({ indexName: 'users_username_key' })
    table.string('email', 254).notNullable()
    table.string('full_name', 150).notNullable()
    table.string('password_hash', 255).notNullable()
    table.boolean('is_staff').notNullable().defaultTo(false)
    table.string('line1', 150)
    table.string('line2', 150)
    table.string('city', 100)
    table.string('postcode', 20)
    table.string('country', 2)
    table.string('language', 2)
    table.boolean('newsletter').notNullable().defaultTo(false)
    table.bigInteger('created_at').notNullable()
    table.bigInteger('disabled_at')
  })
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.dropTable('users')
}
