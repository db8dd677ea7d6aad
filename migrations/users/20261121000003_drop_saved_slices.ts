import type { Knex } from 'knex'
import { copySavedSlices } from './20261121000002_account_data.ts'

/** Run it when no process of the older version is left; what these have saved meanwhile is copied first. */
export async function up(knex: Knex): Promise<void> {
  await copySavedSlices(knex)
  await knex.schema.dropTable('saved_slices')
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.createTable('saved_slices', (table) => {
    table.integer('user_id').unsigned().notNullable().references('users.id').onDelete('CASCADE')
    table.string('slice', 64).notNullable()
    table.text('data', 'mediumtext').notNullable()
    table.bigInteger('updated_at').notNullable()
    table.primary(['user_id', 'slice'])
  })
  const accounts: { id: number; account_data: string }[] = await knex('users')
    .whereNotNull('account_data')
    .select('id', 'account_data')
  for (const { id, account_data } of accounts) {
    const slices = Object.entries(JSON.parse(account_data) as Record<string, unknown>)
    for (const [slice, data] of slices.filter(([name]) => !name.startsWith('_'))) {
      const row = { user_id: id, slice, data: JSON.stringify(data), updated_at: Date.now() }
      await knex('saved_slices').insert(row)
    }
  }
}
