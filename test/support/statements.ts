import type { Knex } from 'knex'

const MARKER = 'SELECT 1 AS the_work_is_done'

/**
 * Counts the statements that SQLite itself executes while some work is done, whoever sends them. SQLite reports them a
 * little later, so the count is read when the report of a marker arrives.
 */
export async function statementCounter(knex: Knex): Promise<(work: () => Promise<unknown>) => Promise<number>> {
  const connection = await knex.client.acquireConnection()
  let seen: string[] = []
  let onMarker = () => {}
  connection.on('trace', (sql: string) => {
    if (sql === MARKER) onMarker()
    else seen.push(sql)
  })
  await knex.client.releaseConnection(connection)
  return async (work) => {
    seen = []
    await work()
    await new Promise<void>((resolve, reject) => {
      onMarker = resolve
      knex.raw(MARKER).catch(reject)
    })
    return seen.length
  }
}
