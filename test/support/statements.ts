import type { Knex } from 'knex'

const MARKER = 'SELECT 1 AS the_work_is_done'

/**
 * Counts the statements that SQLite itself executes while some work is done, by any sender. SQLite reports them a
 * little later, so each count is read when the report of a marker arrives.
 */
export async function statementCounter(
  ...connections: readonly Knex[]
): Promise<(work: () => Promise<unknown>) => Promise<number>> {
  const counters = await Promise.all(connections.map(connectionCounter))
  return async (work) => {
    for (const { reset } of counters) reset()
    await work()
    const counts = await Promise.all(counters.map(({ count }) => count()))
    return counts.reduce((sum, count) => sum + count, 0)
  }
}

async function connectionCounter(knex: Knex): Promise<{ reset(): void; count(): Promise<number> }> {
  const connection = await knex.client.acquireConnection()
  let seen = 0
  let onMarker = () => {}
  connection.on('trace', (sql: string) => {
    if (sql === MARKER) onMarker()
    else seen++
  })
  await knex.client.releaseConnection(connection)
  return {
    reset: () => {
      seen = 0
    },
    async count() {
      await new Promise<void>((resolve, reject) => {
        onMarker = resolve
        knex.raw(MARKER).catch(reject)
      })
      return seen
    },
  }
}
