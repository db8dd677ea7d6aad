/**
 * Base of the engine's errors. Koa reads `status`, `expose` and `headers` from a thrown error, so an application without
 * a custom error page answers correctly.
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

/** Adds to an error of saving the session that the account was saved before it. */
export function noteAccountSaved(error: unknown): void {
  // After an outage it is unknown what was stored, and one error may be shared by several requests.
  if (!(error instanceof SessionError) || error instanceof StoreUnavailableError) return
  if (!error.message.endsWith(ACCOUNT_SAVED)) error.message += ACCOUNT_SAVED
}

const ACCOUNT_SAVED = ' What your account keeps was changed.'

/**
 * The session ended (logout, revocation, expiry, a new password) while a request was still changing it; nothing was
 * written to it. If the account was saved before that, the message says so. 409.
 *
 * @example
 * await session.save().catch((error: unknown) => {
 *   if (!(error instanceof SessionEndedError)) throw error
 *   ctx.redirect('/login')
 * })
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
 * A newer version of the application stored this slice in a form that this one cannot write; its data are kept. 409.
 * See docs/sessions.md on changing the shape of a slice.
 *
 * @example
 * const isDeploying = (error: unknown) => error instanceof SliceNewerError
 */
export class SliceNewerError extends SessionError {
  constructor(slice: string) {
    super(`"${slice}" was stored by a newer version of this site. Please try again in a moment.`, 409)
  }
}

/**
 * A value that another program stored, such as Django, has numbers that JavaScript cannot hold: integers beyond 2^53, NaN
 * or Infinity. It is kept as it is, may be deleted, and cannot be changed. 409.
 *
 * @example
 * const isForeign = (error: unknown) => error instanceof ValueNotKeptError
 */
export class ValueNotKeptError extends SessionError {
  constructor(key: string) {
    super(
      `"${key}" was stored by another application with numbers that this one cannot keep, so it was not changed.`,
      409,
    )
  }
}

/**
 * The stored data of the account cannot be read: slices have their defaults, and changes are refused until the data are
 * repaired. 409.
 *
 * @example
 * const needsRepair = (error: unknown) => error instanceof AccountUnreadableError
 */
export class AccountUnreadableError extends SessionError {
  constructor() {
    super('What your account keeps cannot be read at the moment, so it cannot be changed either. It is not lost.', 409)
  }
}

/**
 * The storage does not answer. Never means that there is no such session. 503.
 *
 * @example
 * const isOutage = (error: unknown) => error instanceof StoreUnavailableError
 */
export class StoreUnavailableError extends SessionError {
  override readonly headers = { 'Retry-After': '5' }
  /** Whether the server answered with an error (full, loading, read-only), so that it is up. */
  readonly answered: boolean

  constructor(cause?: unknown, { answered = false }: { answered?: boolean } = {}) {
    super('Sessions are unavailable for a moment. Please try again.', 503, { cause })
    this.answered = answered
  }
}

/**
 * Too many requests changed one session at once, so that the retries were used up; this one wrote nothing. 503.
 *
 * @example
 * const mayTryAgain = (error: unknown) => error instanceof SessionContendedError
 */
export class SessionContendedError extends SessionError {
  override readonly headers = { 'Retry-After': '1' }

  constructor() {
    super('Too many requests are changing this session at once. Please try again.', 503)
  }
}

/**
 * A session or one of its slices would exceed its maximum size. 413.
 *
 * @example
 * const slice = (error: unknown) => (error instanceof SessionTooLargeError ? error.slice : undefined)
 */
export class SessionTooLargeError extends SessionError {
  readonly bytes: number
  readonly limit: number
  /** The slice that exceeds its budget; undefined for the whole session. */
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

/** A record with this key exists: the engine generates another key. Never leaves the engine. */
export class KeyTakenError extends Error {
  constructor() {
    super('The session key is taken')
    this.name = 'KeyTakenError'
  }
}
