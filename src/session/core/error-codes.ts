import { StoreUnavailableError } from './errors.ts'

/** The code that the system or a driver has given an error, such as ENOENT. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}

// Of MySQL and PostgreSQL; serialization failures among them.
const DEADLOCKS = new Set<string | undefined>(['ER_LOCK_DEADLOCK', 'ER_CHECKREAD', '40P01', '40001'])

// What passes by itself or by the operator's hand, and has nothing to do with the statement: connections, time limits,
// locks, full disks, a server that starts, stops, or only reads.
const OUTAGES = new Set<string | undefined>([
  ...DEADLOCKS,
  // The network
  ...['ECONNREFUSED', 'ECONNRESET', 'ECONNABORTED', 'ETIMEDOUT', 'EPIPE', 'ENOTFOUND', 'EAI_AGAIN'],
  ...['EHOSTUNREACH', 'ENETUNREACH'],
  // SQLite
  ...['SQLITE_BUSY', 'SQLITE_LOCKED', 'SQLITE_FULL', 'SQLITE_IOERR', 'SQLITE_CANTOPEN', 'SQLITE_READONLY'],
  ...['SQLITE_PROTOCOL', 'SQLITE_NOMEM', 'SQLITE_INTERRUPT'],
  // PostgreSQL, beside the classes below; 08P01, a malformed message, is a mistake
  ...['08000', '08001', '08003', '08004', '08006', '08007', '25006', '25P03', '55P03', '57014', '58000', '58030'],
  ...['57P01', '57P02', '57P03', '57P05'],
  // MySQL and MariaDB
  ...['PROTOCOL_CONNECTION_LOST', 'PROTOCOL_SEQUENCE_TIMEOUT', 'ER_LOCK_WAIT_TIMEOUT', 'ER_LOCK_ABORTED'],
  ...['ER_DISK_FULL', 'ER_RECORD_FILE_FULL', 'ER_ERROR_ON_WRITE', 'ER_OUTOFMEMORY', 'ER_OUT_OF_RESOURCES'],
  ...['ER_CON_COUNT_ERROR', 'ER_TOO_MANY_USER_CONNECTIONS', 'ER_USER_LIMIT_REACHED', 'ER_SERVER_SHUTDOWN'],
  ...['ER_NEW_ABORTING_CONNECTION', 'ER_ABORTING_CONNECTION', 'ER_CONNECTION_KILLED', 'ER_QUERY_INTERRUPTED'],
  ...['ER_QUERY_TIMEOUT', 'ER_STATEMENT_TIMEOUT', 'ER_OPTION_PREVENTS_STATEMENT', 'ER_READ_ONLY_MODE'],
  ...['ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION'],
])

/** Whether a query failed because the database cannot answer now, as far as the error says so, wherever it comes from. */
export function isOutage(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const code = codeOf(error)
  // PostgreSQL's class 53: a full disk, too many connections, no memory.
  if (OUTAGES.has(code) || (code !== undefined && /^53[0-9A-Z]{3}$/.test(code))) return true
  if (code === 'SQLITE_MISUSE') return error.message.includes('closed')
  // The socket of a database that is down; anybody else's missing file is no outage.
  if (code === 'ENOENT') return 'syscall' in error && error.syscall === 'connect'
  // MySQL's driver says so of errors after which the connection is gone.
  return error.name === 'KnexTimeoutError' || ('fatal' in error && error.fatal === true)
}

/**
 * What to throw for an error of a database's driver: an outage is a StoreUnavailableError, and anything else (a constraint,
 * a missing column, wrong SQL) is a mistake, which must not look as if it passed by itself.
 */
export function driverFailure(error: unknown): unknown {
  return isOutage(error) || isCodeless(error) ? new StoreUnavailableError(error) : error
}

/** Drivers tell of connections that were lost, or not got, by plain errors without a code; elsewhere such are mistakes. */
function isCodeless(error: unknown): boolean {
  if (!(error instanceof Error) || codeOf(error) !== undefined) return false
  return ['Error', 'AggregateError', 'TimeoutError'].includes(error.name)
}

/** Whether a row was refused because another has its key. */
export function isDuplicate(error: unknown): boolean {
  const code = codeOf(error)
  // SQLite has one code for all constraints, and names the one in its message.
  if (code === 'SQLITE_CONSTRAINT') return error instanceof Error && error.message.includes('UNIQUE')
  return code === '23505' || code === 'ER_DUP_ENTRY'
}

/** Whether a statement did nothing because of another at the same time, and may be sent again. */
export function isDeadlock(error: unknown): boolean {
  return DEADLOCKS.has(codeOf(error))
}

const FAULTS_OF_ROW = new Set<string | undefined>(['SQLITE_CONSTRAINT', 'SQLITE_MISMATCH', 'SQLITE_TOOBIG'])

/** Whether SQLite refused one row; anything else (a lock, a full disk) befalls all rows of a statement. */
export function isFaultOfRow(error: unknown): boolean {
  return FAULTS_OF_ROW.has(codeOf(error))
}

/** Whether zlib stopped because its output would exceed the bound that it was given. */
export function isOverBound(error: unknown): boolean {
  return codeOf(error) === 'ERR_BUFFER_TOO_LARGE'
}
