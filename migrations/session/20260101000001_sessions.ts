import type { Knex } from 'knex'

/** Sessions: what the engine needs, and metadata for lists. Times are milliseconds since 1970. */
export async function up(knex: Knex): Promise<void> {
  const mysql = knex.client.driverName === 'mysql2'
  await knex.schema.createTable('sessions', (table) => {
    if (mysql) table.charset('utf8mb4')
    const key = table.string('session_key', 64).notNullable().primary()
    // MySQL ignores case by default, but keys are case-sensitive.
    if (mysql) key.collate('utf8mb4_bin')
    table.text('data', 'mediumtext').notNullable()
    table.integer('version').notNullable()
    table.bigInteger('expires').notNullable().index('sessions_expires')
    table.bigInteger('created_at').notNullable()
    table.bigInteger('last_activity').notNullable().index('sessions_last_activity')
    table.string('user_id', 64)
    table.string('ip_address', 45)
    table.string('user_agent', 256)
    table.index(['user_id', 'expires'], 'sessions_user_expires')
    table.index(['ip_address', 'expires'], 'sessions_address_expires')
  })
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.dropTable('sessions')
}
