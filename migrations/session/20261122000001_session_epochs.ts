import type { Knex } from 'knex'

/**
 * Which copies of a table's sessions in a cache are valid: a part of their names, and the cache that has them. Both are
 * empty as long as nothing was copied.
 */
export async function up(knex: Knex): Promise<void> {
  const mysql = knex.client.driverName === 'mysql2'
  await knex.schema.createTable('session_epochs', (table) => {
    if (mysql) table.charset('utf8mb4')
    const name = table.string('name', 64).notNullable().primary()
    const epoch = table.string('epoch', 32).notNullable()
    const server = table.string('server', 32).notNullable()
    // base64url is case-sensitive.
    if (mysql) for (const column of [name, epoch, server]) column.collate('utf8mb4_bin')
  })
  // For a row that is missing later, processes wait, because it may have been deleted.
  await knex('session_epochs').insert({ name: 'sessions', epoch: '', server: '' })
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.dropTable('session_epochs')
}
