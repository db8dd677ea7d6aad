import type { Knex } from 'knex'

export async function up(knex: Knex): Promise<void> {
  await knex.schema.createTable('orders', (table) => {
    table.increments('id')
    table.integer('user_id').unsigned().notNullable().references('users.id').onDelete('CASCADE').index('orders_user')
    // One order per cart, also for concurrent checkouts.
    table.string('checkout_token', 64).notNullable().unique({ indexName: 'orders_checkout_token' })
    table.integer('total').notNullable()
    table.bigInteger('created_at').notNullable()
  })
  await knex.schema.createTable('order_lines', (table) => {
    table.integer('order_id').unsigned().notNullable().references('orders.id').onDelete('CASCADE')
    table.integer('product_id').unsigned().notNullable()
    table.string('name', 120).notNullable()
    table.integer('quantity').notNullable()
    table.integer('unit_price').notNullable()
    table.primary(['order_id', 'product_id'])
  })
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.dropTable('order_lines')
  await knex.schema.dropTable('orders')
}
