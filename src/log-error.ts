const MAX_DEPTH = 5
const MAX_ERRORS = 10
const MAX_STATEMENT = 500

/** What the log has of an error. */
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
 * What may be written down of an error. Drivers put the values of a statement into messages and properties, and so does
 * JavaScript ("Unexpected token … is not valid JSON"): so nothing is copied that is not known to be free of them.
 */
export function loggedError(error: unknown, depth = 1): LoggedError {
  if (!(error instanceof Error)) return { type: typeof error }
  // Each is looked at before it is believed: a property may be anything.
  const { code, status, statement, schema, table, column, constraint, cause, errors } = error as Error &
    Record<string, unknown>
  const type = nameOf(error)
  const message = safeMessage(error)
  const frames = (error.stack ?? '').split('\n').filter((line) => FRAME.test(line))
  const told: Record<keyof LoggedError, unknown> = {
    type,
    message,
    code: typeof code === 'number' ? code : ifName(code),
    status: typeof status === 'number' ? status : undefined,
    statement: typeof statement === 'string' ? statement.slice(0, MAX_STATEMENT) : undefined,
    schema: ifName(schema),
    table: ifName(table),
    column: ifName(column),
    constraint: ifName(constraint),
    // Its first lines repeat the message, as it was before anybody changed it.
    stack: [message === undefined ? type : `${type}: ${message}`, ...frames].join('\n'),
    cause: cause === undefined || depth === MAX_DEPTH ? undefined : loggedError(cause, depth + 1),
    errors:
      Array.isArray(errors) && depth < MAX_DEPTH
        ? errors.slice(0, MAX_ERRORS).map((one: unknown) => loggedError(one, depth + 1))
        : undefined,
  }
  return Object.fromEntries(Object.entries(told).filter(([, value]) => value !== undefined)) as unknown as LoggedError
}

/** The same in one line, for a terminal. */
export function errorSentence(error: unknown): string {
  const { type, message, code, statement, constraint, cause } = loggedError(error)
  const about = [code, constraint, cause?.code, cause?.message, statement ?? cause?.statement].filter(
    (part) => part !== undefined,
  )
  return `${message ?? type}${about.length > 0 ? ` (${about.join('; ')})` : ''}`.replace(/\s+/g, ' ')
}

// These are written as sentences by whoever throws them. Other classes quote what they were given.
const SENTENCES = new Set(['Error', 'AggregateError', 'KnexTimeoutError'])

/** Parts of messages that have names in them, and never values; what else is in the message stays out. */
const NAMES_ONLY = [
  // JavaScript
  /^Cannot (?:read|set) properties of (?:undefined|null)(?: \((?:reading|setting) '[\w$]{1,30}'\))?$/,
  /^[\w$.()]{1,80} is not (?:a function|a constructor|iterable|defined)$/,
  // The session engine; the schema's own words stay out
  /^Slice "[\w.-]{1,64}"/,
  /^A session (?:cannot hold|holds only|has text)[a-zA-Z ]*$/,
  // SQL that is wrong, and it is shown anyway
  /(?:near "\w{1,30}": syntax error|syntax error at or near "\w{1,30}")$/,
  // SQLite
  /(?:UNIQUE|NOT NULL|CHECK|FOREIGN KEY) constraint failed(?:: [\w., ]{1,200})?$/,
  /no such (?:table|column): [\w.]{1,100}$/,
  /table \w{1,100} has no column named \w{1,100}$/,
  // PostgreSQL, beside the properties that it has for names
  /(?:relation|column|table) "[\w.]{1,64}"(?: of relation "\w{1,64}")? does not exist$/,
  // MySQL and MariaDB
  /for key '[\w.]{1,130}'$/,
  /for column [\w.`']{1,200} at row \d+$/,
  /Column '\w{1,64}' cannot be null$/,
  /Unknown column '[\w.]{1,130}' in '[\w ]{1,30}'$/,
  /Table '[\w.]{1,130}' doesn't exist$/,
]

function safeMessage(error: Error & { code?: unknown; syscall?: unknown; expose?: unknown }): string | undefined {
  const { message, code, syscall, expose } = error
  // The system's: without paths, as the name of a file may be the key of a session.
  if (typeof syscall === 'string') return message.split(" '", 1)[0]
  // What a visitor may read, the log may have.
  if (expose === true || (code === undefined && SENTENCES.has(nameOf(error)))) return message
  for (const pattern of NAMES_ONLY) {
    const part = pattern.exec(message)?.[0]
    if (part !== undefined) return part
  }
  return undefined
}

// "    at save (file:///app/src/users.ts:12:3)": what does not look like this may be a line of the message.
const FRAME =
  /^ {4}at [\w$.<>[\]# ]*\(?(?:(?:file:\/\/|node:|\/|[A-Z]:\\)[^()?'"]{1,300}:\d+:\d+|<anonymous>|native|index \d+)\)?$/

function nameOf(error: Error): string {
  return ifName(error.constructor?.name) ?? 'Error'
}

function ifName(value: unknown): string | undefined {
  return typeof value === 'string' && /^[\w$.-]{1,64}$/.test(value) ? value : undefined
}
