import {
  absoluteAge,
  closesWithBrowser,
  deadline,
  EXPIRY_KEY,
  type ExpiryPolicy,
  MAX_COOKIE_AGE,
} from '../core/expiry.ts'
import type { Loaded } from '../engines/engine.ts'
import { clearCookie, setCookie } from './cookie.ts'
import type { Found } from './open-cookies.ts'
import type { SessionSettings, SessionTransport } from './session-settings.ts'

/** The session cookie that the browser has or is being sent, so that each response sends at most what changes it. */
export class BrowserCookie {
  readonly #settings: SessionSettings
  readonly #transport: SessionTransport
  #isPresent: boolean
  #isCleared = false
  /** `withBrowser`: it ends with the browser. */
  #sent: { value: string; withBrowser: boolean } | undefined

  /**
   * @param opened the result of `openCookies`
   * @param transport sends cookies
   */
  constructor(opened: Found, settings: SessionSettings, transport: SessionTransport) {
    this.#settings = settings
    this.#transport = transport
    // With an old key the browser has or is being sent a newer cookie.
    const late = opened.live && opened.loaded.forwarded === true
    this.#isPresent = transport.cookies > 0 && !late
    if (opened.live && opened.value !== undefined) {
      this.#sent = { value: opened.value, withBrowser: this.#withBrowser(opened.loaded) }
    }
  }

  /** The value of the live session; undefined if there is none. */
  get value(): string | undefined {
    return this.#sent?.value
  }

  /** Whether there is a cookie that must be removed when the session ends. */
  get isPresent(): boolean {
    return this.#isPresent
  }

  /** Whether it was removed by this response. */
  get isCleared(): boolean {
    return this.#isCleared
  }

  /** The cookie is another session's by now, so it stays when this session ends. */
  keep(): void {
    this.#isPresent = false
  }

  /** Removes it, once. */
  clear(): void {
    if (this.#isCleared) return
    this.#transport.sendCookie(clearCookie(this.#settings.cookie))
    this.#isCleared = true
    this.#sent = undefined
  }

  /**
   * Returns the Set-Cookie header, which the caller must send: a second call takes it as sent. Undefined if neither the value
   * nor the kind of expiry is new, because a late response must not replace a newer cookie; not with an engine that
   * refreshes its cookie.
   *
   * @param value the value of the cookie; undefined to send none
   * @param loaded the session, for the age of the cookie
   * @throws SessionTooLargeError for a value that is too large
   */
  header(value: string | undefined, loaded: Loaded): string | undefined {
    if (value === undefined) return undefined
    const { cookie, engine, now = Date.now } = this.#settings
    const withBrowser = this.#withBrowser(loaded)
    const same = value === this.#sent?.value && withBrowser === this.#sent.withBrowser
    if (same && engine.refreshesCookie !== true) return undefined
    const at = now()
    const header = setCookie(cookie, value, withBrowser ? undefined : this.#maxAge(loaded, at), at)
    this.#sent = { value, withBrowser }
    this.#isPresent = true
    this.#isCleared = false
    return header
  }

  /** The server decides when a session expires; the browser keeps the cookie for the maximum time. */
  #maxAge(loaded: Loaded, now: number): number {
    if (this.#settings.engine.refreshesCookie !== true) return absoluteAge(this.#expiry, loaded.data) ?? MAX_COOKIE_AGE
    // One reading of the clock: a millisecond between two would cost a second of the age.
    return Math.trunc((deadline(this.#expiry, loaded.data, loaded.createdAt, now) - now) / 1000)
  }

  #withBrowser(loaded: Loaded): boolean {
    return closesWithBrowser(this.#expiry, loaded.data[EXPIRY_KEY])
  }

  get #expiry(): ExpiryPolicy {
    return this.#settings.engine.expiry ?? this.#settings.expiry
  }
}
