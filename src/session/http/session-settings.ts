import type { AccountStore } from '../account.ts'
import type { Observer } from '../core/events.ts'
import type { ExpiryPolicy } from '../core/expiry.ts'
import type { Client, Engine } from '../engines/engine.ts'
import type { CookieSettings } from './cookie.ts'

/**
 * Settings of sessions, for requests, sockets, jobs and tests.
 *
 * @example
 * const expiry = { cookieAge: 1_209_600, atBrowserClose: false, touchAfter: 0.1 }
 * const codec = sealedCodec({ secrets: [process.env['SECRET_KEY'] ?? ''], namespace: 'sessionid' })
 * const settings: SessionSettings = {
 *   engine: new StoredEngine({ store: new MemoryStore(), codec, expiry }),
 *   cookie: { name: 'sessionid', path: '/', secure: true, httpOnly: true, sameSite: 'Lax', maxSize: 4096 },
 *   expiry,
 * }
 */
export interface SessionSettings {
  readonly engine: Engine
  readonly cookie: CookieSettings
  readonly expiry: ExpiryPolicy
  /** Storage of slices with `account`; without it such slices are kept in the session. */
  readonly accounts?: AccountStore | undefined
  /** Whether every save or read extends the session, regardless of `touchAfter`; false by default. */
  readonly saveEveryRequest?: boolean
  /**
   * Milliseconds that a request waits for all its storage together, after which it fails with StoreUnavailableError; 1000 by
   * default. Once the headers are sent, and outside requests, each operation has as long.
   */
  readonly storeTimeout?: number
  readonly observe?: Observer
  /**
   * Called before a session is stored for the first time. An error refuses it: nothing is stored, and the request fails
   * with it. For budgets.
   */
  readonly beforeCreate?: ((session: NewSession) => Promise<void> | void) | undefined
  /** Returns milliseconds since 1970; Date.now by default. */
  readonly now?: () => number
}

/**
 * A session that is about to be stored for the first time.
 *
 * @example
 * const isAnonymous = (session: NewSession) => session.userId === null
 */
export interface NewSession {
  readonly client: Client
  /** The user who is signing in; null for an anonymous visitor. */
  readonly userId: string | null
}

/**
 * The request or connection of an {@link OpenedSession}.
 *
 * @example
 * const transport: SessionTransport = {
 *   client: { ipAddress: ctx.ip, userAgent: null },
 *   cookies: 1,
 *   canSendCookie: () => !ctx.headerSent,
 *   sendCookie: (header) => ctx.append('Set-Cookie', header),
 * }
 */
export interface SessionTransport {
  /** Read when the session is stored. */
  readonly client: Client
  /** Number of values of the session cookie in the Cookie header. */
  readonly cookies: number
  readonly canSendCookie: () => boolean
  /** Sends a Set-Cookie header. */
  readonly sendCookie: (header: string) => void
  /** Called with keys that were dropped because the cookie was full. */
  readonly dropped?: (keys: readonly string[]) => void
}
