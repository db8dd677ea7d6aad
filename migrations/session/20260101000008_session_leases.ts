import type { Knex } from 'knex'

/** Leases for work that one process does at a time, and when it was last finished. Times are milliseconds since 1970. */
export async function up(knex: Knex): Promise<void> {
  const mysql = knex.client.driverName === 'mysql2'
  await knex.schema.createTable('session_leases', (table) => {
    if (mysql) table.charset('utf8mb4')
    const name = table.string('name', 64).notNullable().primary()
    if (mysql) name.collate('utf8mb4_bin')
    table.string('owner', 32).notNullable()
    table.bigInteger('expires').notNullable()
    table.bigInteger('finished').notNullable()
  })
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.dropTable('session_leases')
}
