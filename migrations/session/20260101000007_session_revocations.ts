import type { Knex } from 'knex'

/** Valid cookies that are refused: ended sessions, and users by epoch. Times are milliseconds since 1970. */
export async function up(knex: Knex): Promise<void> {
  const mysql = knex.client.driverName === 'mysql2'
  await knex.schema.createTable('session_revocations', (table) => {
    if (mysql) table.charset('utf8mb4')
    const subject = table.string('subject', 64).notNullable().primary()
    // Hashes in base64url, which is case-sensitive.
    if (mysql) subject.collate('utf8mb4_bin')
    table.bigInteger('epoch').notNullable()
    table.bigInteger('expires').notNullable().index('session_revocations_expires')
  })
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.dropTable('session_revocations')
}
