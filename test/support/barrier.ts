import type { TestApp } from './app.ts'

/**
 * Calls `meanwhile` when the application is about to ask its storage for the n-th time: a connection of Knex, a statement
 * within a transaction, or the engine. Within a transaction it is not waited for, as SQLite has one connection.
 *
 * @returns how often the storage was asked until `meanwhile` was called, or in all
 */
export async function atStep(
  { services: { knex, engine } }: TestApp,
  { step, work, meanwhile }: { step: number; work: () => Promise<unknown>; meanwhile: () => Promise<unknown> },
): Promise<number> {
  let [steps, inTransaction, inEngine] = [0, false, false]
  let under: Promise<unknown> | undefined
  const arrive = async () => {
    if (under !== undefined || ++steps !== step) return
    under = meanwhile()
    under.catch(() => undefined) // It is awaited at the latest at the end.
    if (!inTransaction) await under
  }
  const holding =
    <A extends unknown[], R>(original: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      if (!inTransaction && !inEngine) await arrive()
      return await original(...args)
    }
  // What the engine asks of a database may wait in a line with what `meanwhile` asks, so it is one step.
  const asOne =
    <A extends unknown[], R>(original: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      if (under !== undefined) return await original(...args)
      await arrive()
      inEngine = true
      return await original(...args).finally(() => {
        inEngine = false
      })
    }
  const { client } = knex
  const { open, commit } = engine
  client.acquireConnection = holding(client.acquireConnection.bind(client))
  engine.open = asOne(open.bind(engine))
  engine.commit = asOne(commit.bind(engine))
  // Knex makes the client of a transaction from this class. The tests of one file share the class that it extends.
  client.constructor = class extends client.constructor {
    async query(connection: unknown, statement: string | { sql: string }) {
      const sql = typeof statement === 'string' ? statement : statement.sql
      if (/^BEGIN/.test(sql)) inTransaction = true
      else if (inTransaction) await arrive()
      if (/^(COMMIT|ROLLBACK)/.test(sql)) inTransaction = false
      return await super.query(connection, statement)
    }
  }
  try {
    await work()
  } finally {
    Object.assign(engine, { open, commit })
    delete client.acquireConnection
    delete client.constructor
    await under
  }
  return steps
}
