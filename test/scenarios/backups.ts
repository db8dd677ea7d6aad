import type { Knex } from 'knex'
import type { Services } from '../../src/services.ts'
import { type Restore, setUps } from '../storage/set-ups.ts'

/** Takes a backup of whatever holds sessions or their endings, and returns what puts it back while the application runs. */
export async function backUp(services: Services): Promise<Restore> {
  for (const { backUp: ofPart } of setUps) {
    const restore = await ofPart?.(services)
    if (restore !== undefined) return restore
  }
  return await backUpTables(services.knex, [services.config.session.table, 'session_revocations'])
}

async function backUpTables(knex: Knex, tables: readonly string[]): Promise<Restore> {
  const kept = await Promise.all(tables.map(async (table) => ({ table, rows: await knex(table).select<object[]>() })))
  return async () => {
    await knex.transaction(async (trx) => {
      for (const { table, rows } of kept) {
        await trx(table).delete()
        if (rows.length > 0) await trx.batchInsert(table, rows, 50)
      }
    })
  }
}
