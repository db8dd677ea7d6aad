import type { Knex } from 'knex'

type Call = (...args: unknown[]) => unknown
interface ServerConnection {
  query: Call
}
interface SqliteConnection {
  configure(option: 'busyTimeout', milliseconds: number): void
}

/**
 * Limits how long one use of a connection waits for the database: for a free connection and for all its statements
 * together, as of a transaction; the work between them does not count. On SQLite, for a connection and then for a lock.
 */
export class DatabaseWaits {
  /** Milliseconds. */
  readonly timeout: number
  readonly #left = new WeakMap<object, number>()
  readonly #shortened = new WeakSet<object>()

  constructor(timeout: number) {
    this.timeout = timeout
  }

  /** Measures how long connections are waited for. */
  measure({ client }: Knex): void {
    const acquire: () => Promise<object> = client.acquireConnection.bind(client)
    client.acquireConnection = async () => {
      const start = performance.now()
      const connection = await acquire().catch((error: unknown) => {
        // As the database was not reached, it is an outage, also where the driver gives the error no code.
        throw error instanceof Error && !('code' in error) ? Object.assign(error, { statement: 'connect' }) : error
      })
      this.#begin(connection, performance.now() - start)
      return connection
    }
  }

  /**
   * Fails a statement of PostgreSQL or MySQL that is not answered in time, and closes its connection.
   *
   * @param close closes it without asking the server; the pool must not hand it out again after that
   */
  limit<C extends ServerConnection>(connection: C, close: (connection: C) => Promise<void> | void): void {
    const query = connection.query.bind(connection)
    connection.query = (...args) => {
      const done = args.at(-1)
      // Prepared statements of the session engine have their own limit.
      if (typeof done !== 'function') return query(...args)
      const milliseconds = Math.max(1, Math.ceil(this.#left.get(connection) ?? this.timeout))
      const start = performance.now()
      let isOver = false
      const end = (...results: unknown[]) => {
        if (isOver) return
        isOver = true
        clearTimeout(timer)
        this.#left.set(connection, milliseconds - (performance.now() - start))
        done(...results)
      }
      const giveUp = async () => {
        if (isOver) return
        // Its answer may still come, and would be taken for that of the next statement.
        await close(connection)
        end(noAnswer(milliseconds))
      }
      // If this process was busy, the answer may have arrived but not been read, so it is read first.
      const timer = setTimeout(() => setImmediate(() => void giveUp()), milliseconds)
      return query(...args.slice(0, -1), end)
    }
  }

  #begin(connection: object, waited: number): void {
    const left = this.timeout - waited
    if (!isSqlite(connection)) {
      this.#left.set(connection, left)
    } else if (waited > this.timeout / 10) {
      connection.configure('busyTimeout', Math.max(1, Math.ceil(left)))
      this.#shortened.add(connection)
    } else if (this.#shortened.delete(connection)) connection.configure('busyTimeout', this.timeout)
  }
}

function isSqlite(connection: object): connection is SqliteConnection {
  return 'configure' in connection
}

function noAnswer(milliseconds: number): Error {
  return Object.assign(new Error(`The database gave no answer within ${milliseconds} ms`), { code: 'ETIMEDOUT' })
}
