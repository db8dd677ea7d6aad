import type { Knex } from 'knex'

/** Django's session table, for SESSION_FORMAT=django; a Django application may have created it already. */
export async function up(knex: Knex): Promise<void> {
  if (await knex.schema.hasTable('django_session')) return
  await knex.schema.createTable('django_session', (table) => {
    table.string('session_key', 40).notNullable().primary()
    table.text('session_data', 'longtext').notNullable()
    table.datetime('expire_date', { precision: 6 }).notNullable().index('django_session_expire_date_a5c62663')
  })
}

export async function down(): Promise<void> {
  // Not dropped: a Django application may use it.
}
