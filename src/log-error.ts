const MAX_DEPTH = 5
const MAX_ERRORS = 10
const MAX_STATEMENT = 500

/** An error as it is logged. */
export interface LoggedError {
  type: string
  message?: string
  code?: string | number
  status?: number
  /** The text of a statement, with placeholders for its values. */
  statement?: string
  schema?: string
  table?: string
  column?: string
  constraint?: string
  stack?: string
  cause?: LoggedError
  errors?: LoggedError[]
}

/**
 * What is safe to log of an error. Drivers put the values of a statement into messages and properties, and so does
 * JavaScript ("Unexpected token … is not valid JSON"), so only what is known to contain none is copied.
 */
export function loggedError(error: unknown, depth = 1): LoggedError {
  if (!(error instanceof Error)) return { type: typeof error }
  // Checked one by one below: a property may be anything.
  const properties = error as Error & Record<string, unknown>
  const { code, status, statement, schema, table, column, constraint, cause, errors } = properties
  const type = nameOf(error)
  const message = safeMessage(properties)
  const frames = (error.stack ?? '').split('\n').filter((line) => FRAME.test(line))
  const fields: Record<keyof LoggedError, unknown> = {
    type,
    message,
    code: typeof code === 'number' ? code : ifName(code),
    status: typeof status === 'number' ? status : undefined,
    statement: typeof statement === 'string' ? statement.slice(0, MAX_STATEMENT) : undefined,
    schema: ifName(schema),
    table: ifName(table),
    column: ifName(column),
    constraint: ifName(constraint),
    // The first lines of a stack repeat the message: only its frames are kept.
    stack: [message === undefined ? type : `${type}: ${message}`, ...frames].join('\n'),
    cause: cause === undefined || depth === MAX_DEPTH ? undefined : loggedError(cause, depth + 1),
    errors:
      Array.isArray(errors) && depth < MAX_DEPTH
        ? errors.slice(0, MAX_ERRORS).map((inner: unknown) => loggedError(inner, depth + 1))
        : undefined,
  }
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as unknown as LoggedError
}

/** An error in one line, for a terminal. */
export function errorLine(error: unknown): string {
  const { type, message, code, statement, constraint, cause } = loggedError(error)
  const details = [code, constraint, cause?.code, cause?.message, statement ?? cause?.statement].filter(
    (part) => part !== undefined,
  )
  return `${message ?? type}${details.length > 0 ? ` (${details.join('; ')})` : ''}`.replace(/\s+/g, ' ')
}

// Their messages are written by the code that throws them. Other classes quote their input.
const SAFE_CLASSES = new Set(['Error', 'AggregateError', 'KnexTimeoutError'])

/** Parts of messages that contain names but never values; the rest of the message is left out. */
const SAFE_PARTS = [
  // JavaScript
  /^Cannot (?:read|set) properties of (?:undefined|null)(?: \((?:reading|setting) '[\w$]{1,30}'\))?$/,
  /^[\w$.()]{1,80} is not (?:a function|a constructor|iterable|defined)$/,
  // The session engine; the message of a schema is left out
  /^Slice "[\w.-]{1,64}"/,
  /^A session (?:cannot hold|holds only|has text)[a-zA-Z ]*$/,
  // Wrong SQL, which `statement` shows anyway
  /(?:near "\w{1,30}": syntax error|syntax error at or near "\w{1,30}")$/,
  // SQLite
  /(?:UNIQUE|NOT NULL|CHECK|FOREIGN KEY) constraint failed(?:: [\w., ]{1,200})?$/,
  /no such (?:table|column): [\w.]{1,100}$/,
  /table \w{1,100} has no column named \w{1,100}$/,
  // PostgreSQL, in addition to its properties
  /(?:relation|column|table) "[\w.]{1,64}"(?: of relation "\w{1,64}")? does not exist$/,
  // Lost connections, most of which pg gives no code
  /Connection terminated(?: unexpectedly| due to connection timeout)?$/,
  /(?:Query read timeout|not queryable)$/,
  /\b(?:connect|read|write) E[A-Z]{2,20}$/,
  /^The database gave no answer within \d+ ms$/,
  // MySQL and MariaDB
  /for key '[\w.]{1,130}'$/,
  /for column [\w.`']{1,200} at row \d+$/,
  /Column '\w{1,64}' cannot be null$/,
  /Unknown column '[\w.]{1,130}' in '[\w ]{1,30}'$/,
  /Table '[\w.]{1,130}' doesn't exist$/,
]

function safeMessage(error: Error & Record<string, unknown>): string | undefined {
  const { message, code, syscall, expose, statement } = error
  // What a driver throws may have values, whatever its class.
  if (typeof statement !== 'string') {
    // A system error: without paths, as a file name may be a session key.
    if (typeof syscall === 'string') return message.split(" '", 1)[0]
    // Messages for visitors may be logged.
    if (expose === true || (code === undefined && SAFE_CLASSES.has(nameOf(error)))) return message
  }
  for (const pattern of SAFE_PARTS) {
    const part = pattern.exec(message)?.[0]
    if (part !== undefined) return part
  }
  return undefined
}

// "    at save (file:///app/src/users.ts:12:3)"; any other line may be part of the message.
const FRAME =
  /^ {4}at [\w$.<>[\]# ]*\(?(?:(?:file:\/\/|node:|\/|[A-Z]:\\)[^()?'"]{1,300}:\d+:\d+|<anonymous>|native|index \d+)\)?$/

function nameOf(error: Error): string {
  return ifName(error.constructor?.name) ?? 'Error'
}

function ifName(value: unknown): string | undefined {
  return typeof value === 'string' && /^[\w$.-]{1,64}$/.test(value) ? value : undefined
}
