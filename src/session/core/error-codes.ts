/** The code that the system or a driver has given an error, such as ENOENT. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}

const OUTAGES = new Set<string | undefined>([
  'ECONNREFUSED',
  'ECONNRESET',
  'ETIMEDOUT',
  'EPIPE',
  'SQLITE_BUSY',
  'PROTOCOL_CONNECTION_LOST',
  '57P01',
  '57P03',
])

/** Whether a query failed because no database answers, or every connection is taken. */
export function isOutage(error: unknown): boolean {
  return error instanceof Error && (error.name === 'KnexTimeoutError' || OUTAGES.has(codeOf(error)))
}

/** Whether a row was refused because another has its key. */
export function isDuplicate(error: unknown): boolean {
  const code = codeOf(error)
  // SQLite has one code for all constraints, and names the one in its message.
  if (code === 'SQLITE_CONSTRAINT') return error instanceof Error && error.message.includes('UNIQUE')
  return code === '23505' || code === 'ER_DUP_ENTRY'
}

// Of MySQL and PostgreSQL; serialization failures among them.
const DEADLOCKS = new Set<string | undefined>(['ER_LOCK_DEADLOCK', 'ER_CHECKREAD', '40P01', '40001'])

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
