import type { Knex } from 'knex'

/** Rolls a transaction back; Knex does so for an error only. */
class NothingDone extends Error {}

/** Runs `work` in a transaction, which is rolled back if it returns undefined. */
export async function allOrNothing<T>(
  knex: Knex,
  work: (trx: Knex.Transaction) => Promise<T | undefined>,
): Promise<T | undefined> {
  try {
    return await knex.transaction(async (trx) => {
      const result = await work(trx)
      if (result === undefined) throw new NothingDone()
      return result
    })
  } catch (error) {
    if (error instanceof NothingDone) return undefined
    throw error
  }
}
