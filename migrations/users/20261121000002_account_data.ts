import type { Knex } from 'knex'

/** Stores account data in the row of the user, with a version. */
export async function up(knex: Knex): Promise<void> {
  await knex.schema.alterTable('users', (table) => {
    table.integer('account_version').notNullable().defaultTo(0)
    table.text('account_data', 'mediumtext')
    table.bigInteger('password_changed_at')
  })
  await copySavedSlices(knex)
}

export async function down(knex: Knex): Promise<void> {
  // Not with Knex, which recreates the table on SQLite: dropping the old one would delete all orders (ON DELETE CASCADE).
  for (const column of ['account_version', 'account_data', 'password_changed_at']) {
    await knex.raw('ALTER TABLE users DROP COLUMN ??', [column])
  }
}

type Slices = Record<string, { t?: number } | undefined>
interface Row {
  readonly user_id: number
  readonly slice: string
  readonly data: string
}

const BATCH_SIZE = 500

/**
 * Copies saved_slices into the accounts; if an account has the slice already, the later change wins. May be repeated, also
 * while the application runs.
 */
export async function copySavedSlices(knex: Knex): Promise<void> {
  for (let last = 0; ; ) {
    const ids: number[] = await knex('saved_slices')
      .distinct('user_id')
      .where('user_id', '>', last)
      .orderBy('user_id')
      .limit(BATCH_SIZE)
      .pluck('user_id')
    const rows: Row[] = await knex('saved_slices').whereIn('user_id', ids).select('user_id', 'slice', 'data')
    for (const id of ids) {
      const userRows = rows.filter(({ user_id }) => user_id === id)
      while (!(await addToAccount(knex, id, userRows))) {}
    }
    if (ids.length < BATCH_SIZE) return
    last = ids.at(-1) ?? last
  }
}

async function addToAccount(knex: Knex, id: number, rows: readonly Row[]): Promise<boolean> {
  const account = await knex('users').where({ id }).first('account_version', 'account_data')
  if (account === undefined) return true
  const slices = JSON.parse(account.account_data ?? '{}') as Slices
  let changed = false
  for (const { slice, data } of rows) {
    const saved = JSON.parse(data) as { t?: number }
    if (slices[slice] !== undefined && Number(slices[slice].t) >= Number(saved.t)) continue
    slices[slice] = saved
    changed = true
  }
  if (!changed) return true
  const written = await knex('users')
    .where({ id, account_version: account.account_version })
    .update({ account_version: account.account_version + 1, account_data: JSON.stringify(slices) })
  return written > 0
}
