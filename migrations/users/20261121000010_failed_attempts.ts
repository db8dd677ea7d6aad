import type { Knex } from 'knex'

/** Failed attempts at passwords, counted for all processes together. Times are milliseconds since 1970. */
export async function up(knex: Knex): Promise<void> {
  const mysql = knex.client.driverName === 'mysql2'
  await knex.schema.createTable('failed_attempts', (table) => {
    if (mysql) table.charset('utf8mb4')
    const counter = table.string('counter', 100).notNullable().primary()
    if (mysql) counter.collate('utf8mb4_bin')
    table.integer('failures').notNullable()
    table.bigInteger('next_at').notNullable()
    table.bigInteger('expires').notNullable().index('failed_attempts_expires')
  })
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.dropTable('failed_attempts')
}
