/**
 * The engine's errors. `status`, `expose` and `headers` are what Koa reads from a thrown error, so
 * an application without an error page of its own still answers correctly.
 */
class SessionError extends Error {
  readonly status: number
  /** Whether the message may be shown to the visitor. */
  readonly expose: boolean = true
  readonly headers: Readonly<Record<string, string>> = {}

  constructor(message: string, status: number, options?: ErrorOptions) {
    super(message, options)
    this.name = new.target.name
    this.status = status
  }
}

/** Says in a refusal of the session's part that what the account keeps was stored before it. */
export function tellAccountStored(error: unknown): void {
  // One error of an outage may be for several requests, and promises nothing.
  if (!(error instanceof SessionError) || error instanceof StoreUnavailableError) return
  if (!error.message.endsWith(ACCOUNT_STORED)) error.message += ACCOUNT_STORED
}

const ACCOUNT_STORED = ' What your account keeps was changed.'

/**
 * The session ended (logout, revocation, expiry, a new password) while a request was still changing it: nothing of it was
 * written. What a handler does elsewhere is not the engine's to undo, and where the account's part was stored before it, the
 * message says so. 409.
 */
export class SessionEndedError extends SessionError {
  constructor() {
    super(
      'Your session ended while this request was running, so what it keeps was not changed. Anything else that the request was to do may have been done.',
      409,
    )
  }
}

/**
 * A newer version of the application has stored this slice in a form that this one cannot write; its data are kept as
 * they are. 409. See docs/sessions.md on changing the shape of a slice.
 */
export class SliceNewerError extends SessionError {
  constructor(slice: string) {
    super(`"${slice}" was stored by a newer version of this site. Please try again in a moment.`, 409)
  }
}

/**
 * What this account keeps cannot be read: it shows as defaults, and is left as it is until somebody has repaired it. 409.
 */
export class AccountUnreadableError extends SessionError {
  constructor() {
    super('What your account keeps cannot be read at the moment, so it cannot be changed either. It is not lost.', 409)
  }
}

/** The storage cannot answer now. Never to be read as "no such session". 503. */
export class StoreUnavailableError extends SessionError {
  override readonly headers = { 'Retry-After': '5' }
  /** Whether the server did answer, with an error: full, loading, read-only. It is up then. */
  readonly answered: boolean

  constructor(cause?: unknown, { answered = false }: { answered?: boolean } = {}) {
    super('Sessions are unavailable for a moment. Please try again.', 503, { cause })
    this.answered = answered
  }
}

/** So many requests changed one session at once that the bounded retries ran out; the last one wrote nothing. 503. */
export class SessionContendedError extends SessionError {
  override readonly headers = { 'Retry-After': '1' }

  constructor() {
    super('Too many requests are changing this session at once. Please try again.', 503)
  }
}

/** A session, or one slice of it, would exceed its budget. 413. */
export class SessionTooLargeError extends SessionError {
  readonly bytes: number
  readonly limit: number
  /** The slice over its budget; undefined when the whole session is. */
  readonly slice: string | undefined

  constructor(bytes: number, limit: number, slice?: string) {
    super(
      `${slice === undefined ? 'The session' : `"${slice}"`} would take ${bytes} bytes; the limit is ${limit}.`,
      413,
    )
    this.bytes = bytes
    this.limit = limit
    this.slice = slice
  }
}

/** A record with this key exists already: draw another key. Never leaves the engine. */
export class KeyTakenError extends Error {
  constructor() {
    super('The session key is taken')
    this.name = 'KeyTakenError'
  }
}
