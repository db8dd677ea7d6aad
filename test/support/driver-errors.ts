import { StoreUnavailableError } from '../../src/session/core/errors.ts'
import type { MakeError } from './failing.ts'

/** What storage says when it refuses something, and when the connection to it is lost; each as its drivers say it. */
export interface DriverErrors {
  readonly refused: readonly MakeError[]
  readonly lost: readonly MakeError[]
}

// All of them repeat the values, where drivers do and in the message: an application may have Knex put them there.
const revealing = (message: string, text: string, values: readonly string[], properties: object): Error =>
  Object.assign(new Error(`${text} - ${message}`), {
    sql: text,
    bindings: values,
    parameters: values,
    detail: `Failing row contains (${values.join(', ')}).`,
    hint: text,
    where: text,
    internalQuery: text,
    cause: Object.assign(new Error(text), { code: 'INNER' }),
    ...properties,
  })

/** Of sqlite3, pg and mysql2. */
export const ofDatabases: DriverErrors = {
  refused: [
    (text, values) =>
      revealing('SQLITE_CONSTRAINT: CHECK constraint failed: known', text, values, {
        code: 'SQLITE_CONSTRAINT',
        errno: 19,
      }),
    (text, values) =>
      revealing('new row for relation "users" violates check constraint "known"', text, values, {
        code: '23514',
        table: 'users',
        constraint: 'known',
      }),
    (text, values) => {
      const sqlMessage = `Duplicate entry '${values.join('-')}' for key 'users.known'`
      return revealing(sqlMessage, text, values, { code: 'ER_DUP_ENTRY', errno: 1062, sqlMessage, fatal: false })
    },
  ],
  lost: [
    // pg, without a code
    (text, values) => revealing('Connection terminated unexpectedly', text, values, {}),
    (text, values) => revealing('read ECONNRESET', text, values, { code: 'ECONNRESET', errno: -104, syscall: 'read' }),
    (text, values) =>
      revealing('Connection lost: The server closed the connection.', text, values, {
        code: 'PROTOCOL_CONNECTION_LOST',
        fatal: true,
      }),
  ],
}

/** As the package redis calls an error that the server answers with. */
class SimpleError extends Error {}

const ofFile = (code: string, text: string, path: string) =>
  Object.assign(new Error(`${code}: i/o error, open '/sessions/${path}' -> '${text}'`), {
    ...{ code, syscall: 'open', path, dest: text },
  })

/** Of a cache server, and of a folder whose files have the names of keys. */
export const ofStores: DriverErrors = {
  refused: [
    (text) => new SimpleError(`ERR wrong kind of value for ${text}`),
    (text, values) => ofFile('EACCES', text, values.join('/')),
  ],
  lost: [
    (text) => new StoreUnavailableError(new SimpleError(`LOADING ${text}`), { answered: true }),
    (text, values) => new StoreUnavailableError(ofFile('EIO', text, values.join('/'))),
  ],
}
