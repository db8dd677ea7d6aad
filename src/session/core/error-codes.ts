import { StoreUnavailableError } from './errors.ts'

/** The error code of the system or a driver, such as ENOENT. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}

// MySQL and PostgreSQL; includes serialization failures.
const DEADLOCKS = new Set<string | undefined>(['ER_LOCK_DEADLOCK', 'ER_CHECKREAD', '40P01', '40001'])

// Temporary, or for the operator to fix, and not caused by the statement: connections, timeouts, locks, full disks, a
// server that is starting, stopping or read-only.
const OUTAGES = new Set<string | undefined>([
  ...DEADLOCKS,
  // The network
  ...['ECONNREFUSED', 'ECONNRESET', 'ECONNABORTED', 'ETIMEDOUT', 'EPIPE', 'ENOTFOUND', 'EAI_AGAIN'],
  ...['EHOSTUNREACH', 'ENETUNREACH'],
  // SQLite
  ...['SQLITE_BUSY', 'SQLITE_LOCKED', 'SQLITE_FULL', 'SQLITE_IOERR', 'SQLITE_CANTOPEN', 'SQLITE_READONLY'],
  ...['SQLITE_PROTOCOL', 'SQLITE_NOMEM', 'SQLITE_INTERRUPT'],
  // PostgreSQL, in addition to class 53 below; 08P01 (protocol violation) is a bug, not an outage
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

/** Whether the error says that a database or its network is unavailable. */
export function isOutage(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const code = codeOf(error)
  // PostgreSQL class 53: insufficient resources.
  if (OUTAGES.has(code) || (code !== undefined && /^53[0-9A-Z]{3}$/.test(code))) return true
  if (code === 'SQLITE_MISUSE') return error.message.includes('closed')
  // The Unix socket of a database that is down; any other missing file is not an outage.
  if (code === 'ENOENT') return 'syscall' in error && error.syscall === 'connect'
  // `statement`: a driver has thrown it.
  if ('statement' in error && typeof error.statement === 'string' && hasNoCode(error)) return true
  // `fatal` in mysql2: the connection is lost.
  return error.name === 'KnexTimeoutError' || ('fatal' in error && error.fatal === true)
}

/**
 * Converts an error of a database driver: an outage becomes a StoreUnavailableError (503). Anything else, such as a
 * constraint or wrong SQL, is a bug and stays as it is (500).
 */
export function toStoreError(error: unknown): unknown {
  return isOutage(error) || hasNoCode(error) ? new StoreUnavailableError(error) : error
}

/** Drivers report lost connections as plain errors without a code; from anywhere else such an error is a bug. */
function hasNoCode(error: unknown): boolean {
  if (!(error instanceof Error) || codeOf(error) !== undefined) return false
  return ['Error', 'AggregateError', 'TimeoutError'].includes(error.name)
}

/** Whether a row was refused because its key exists. */
export function isDuplicate(error: unknown): boolean {
  const code = codeOf(error)
  // SQLite has one code for all constraints; the message says which.
  if (code === 'SQLITE_CONSTRAINT') return error instanceof Error && error.message.includes('UNIQUE')
  return code === '23505' || code === 'ER_DUP_ENTRY'
}

/** Whether a statement was rolled back because of a concurrent one, and may be sent again. */
export function isDeadlock(error: unknown): boolean {
  return DEADLOCKS.has(codeOf(error))
}

const ROW_ERRORS = new Set<string | undefined>(['SQLITE_CONSTRAINT', 'SQLITE_MISMATCH', 'SQLITE_TOOBIG'])

/** Whether SQLite refused a single row; other errors (a lock, a full disk) concern the whole statement. */
export function isRowError(error: unknown): boolean {
  return ROW_ERRORS.has(codeOf(error))
}

/** Whether zlib stopped because its output would exceed `maxOutputLength`. */
export function isOutputTooLarge(error: unknown): boolean {
  return codeOf(error) === 'ERR_BUFFER_TOO_LARGE'
}
