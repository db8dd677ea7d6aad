import type { Knex } from 'knex'

/** Prices are integers in minor units, never floats. */
export async function up(knex: Knex): Promise<void> {
  await knex.schema.createTable('products', (table) => {
    table.increments('id')
    table.string('name', 120).notNullable().unique({ indexName: 'products_name' })
    table.string('description', 300).notNullable()
    table.integer('price').notNullable()
    table.integer('hue').notNullable()
    table.boolean('active').notNullable().defaultTo(true)
  })
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.dropTable('products')
}
