import type { Context, Middleware } from 'koa'
import type { Client } from '../engines/engine.ts'
import type { Session } from '../session.ts'
import { clientOf } from './client.ts'
import { checkCookieSettings, cookieValues, leftoverCookies } from './cookie.ts'
import { type Explanation, Trace } from './explanation.ts'
import { type Found, openCookies } from './open-cookies.ts'
import { OpenedSession } from './opened-session.ts'
import type { SessionSettings, SessionTransport } from './session-settings.ts'
import type { Decision } from './settle.ts'

/**
 * Options for `ctx.session()`.
 *
 * @example
 * const polling: OpenOptions = { activity: false }
 */
export interface OpenOptions {
  /** Whether reading extends the session; true by default. Use false for polling. */
  readonly activity?: boolean
}

declare module 'koa' {
  interface DefaultContext {
    /** Returns the visitor's session, loaded on the first call. */
    session: (options?: OpenOptions) => Promise<Session>
  }
}

/**
 * Options for {@link sessions}.
 *
 * @example
 * const options: SessionsOptions = { ...settings, saveEveryRequest: true }
 */
export interface SessionsOptions extends SessionSettings {
  /**
   * Whether every request with the cookie counts as activity, even if the handler does not use the session, as in Django;
   * false by default. Requests with `activity: false` and prefetches never count.
   */
  readonly saveEveryRequest?: boolean
  /**
   * Called at the beginning of each request with a function that explains its session; that function throws where saving
   * would. For development; without it nothing is recorded.
   */
  readonly explain?: ((ctx: Context, explanation: () => Explanation) => void) | undefined
}

/**
 * Koa middleware that adds `ctx.session()` and saves the session before the first byte of the response. Requests that do
 * not use it cost one function.
 *
 * @throws TypeError for cookie settings that browsers would refuse
 * @example
 * app.use(sessions(settings))
 * app.use(async (ctx) => {
 *   const session = await ctx.session()
 *   session.update('visits', (n) => Number(n ?? 0) + 1)
 *   ctx.body = session.get('visits')
 * })
 */
export function sessions(options: SessionsOptions): Middleware {
  checkCookieSettings(options.cookie)
  const { explain, saveEveryRequest } = options
  return async function session(ctx, next) {
    // Made when it is needed: a page that does not use the session costs one function.
    let request: RequestSession | undefined
    let isOver = false
    const requestSession = () => {
      request ??= new RequestSession(ctx, options, isOver)
      return request
    }
    // Two steps: V8 makes a function that is written where it is assigned to a property in the old generation, where it would
    // keep the request in memory until the next full collection.
    const openSession: Context['session'] = (openOptions) => requestSession().session(openOptions)
    ctx.session = openSession
    if (explain !== undefined) requestSession()
    try {
      await next()
      if (saveEveryRequest) requestSession()
      if (request !== undefined) await request.settle()
    } catch (error) {
      request?.keepCookies(error)
      throw error
    } finally {
      isOver = true
      request?.close()
    }
  }
}

/** One request and its session. */
class RequestSession implements SessionTransport {
  cookies = 0
  readonly #ctx: Context
  readonly #options: SessionsOptions
  readonly #trace: Trace | undefined
  readonly #sent: string[] = []
  #opening: Promise<Session> | undefined
  #opened: OpenedSession | undefined
  /** Read at once: a client that has disconnected has no address any more. */
  #ip = ''
  #active = false
  #closed: boolean

  /** @param closed whether the response has been settled: a session that is opened after that is read-only */
  constructor(ctx: Context, options: SessionsOptions, closed: boolean) {
    this.#ctx = ctx
    this.#options = options
    this.#closed = closed
    if (options.explain === undefined) return
    const trace = new Trace()
    this.#trace = trace
    options.explain(ctx, () => this.#explain(trace))
  }

  session(options: OpenOptions = {}): Promise<Session> {
    if (options.activity !== false && !isPrefetch(this.#ctx)) this.#active = true
    this.#opening ??= this.#open()
    return this.#opening
  }

  async settle(): Promise<void> {
    const ctx = this.#ctx
    this.#restoreCookies()
    // A page that does not use the session must not fail because its store is down.
    if (this.#isActivity(ctx.status)) await this.session().catch(() => {})
    if (this.#opened === undefined) await this.#opening?.catch(() => {})
    const opened = this.#opened
    // It was not used, or the handler has answered without it because the store is down.
    if (opened === undefined) return
    const saving = opened.state.idle()
    if (saving !== undefined) await saving
    const decision = opened.decide(ctx.status, this.#active)
    if (decision.personal && (decision.cookie !== 'none' || !ctx.res.getHeader('Cache-Control'))) {
      ctx.set('Cache-Control', 'private, no-store')
    }
    if (this.#trace === undefined) await this.#apply(decision, opened)
    else await this.#trace.apply(decision, () => this.#apply(decision, opened))
  }

  get client(): Client {
    return clientOf(this.#ctx, this.#ip)
  }

  canSendCookie(): boolean {
    return !this.#ctx.headerSent
  }

  sendCookie(header: string): void {
    this.#sent.push(header)
    this.#ctx.append('Set-Cookie', header)
  }

  dropped(keys: readonly string[]): void {
    this.#ctx.state['sessionDropped'] = keys
  }

  /** Runs after errors too: an error page also depends on the cookie, and later changes must throw. */
  close(): void {
    this.#closed = true
    if (this.#opening === undefined) return
    this.#ctx.vary('Cookie')
    // One that is still being opened is closed then; nobody may wait for it any more.
    if (this.#opened === undefined) this.#opening.catch(() => {})
    else this.#opened.state.close()
  }

  /** Whether a request that did not use the session counts as activity. */
  #isActivity(status: number): boolean {
    const isUnasked = this.#opening === undefined && status < 500
    return isUnasked && this.#options.saveEveryRequest === true && this.#values().length > 0
  }

  /** An error page inside this middleware may have dropped the headers that were set before. */
  #restoreCookies(): void {
    if (this.#sent.length === 0) return
    const sent = new Set([this.#ctx.response.get('Set-Cookie')].flat())
    for (const header of this.#sent) if (!sent.has(header)) this.#ctx.append('Set-Cookie', header)
  }

  /** Koa drops headers that were set before an error; the cookie of an early save must not be lost. */
  keepCookies(error: unknown): void {
    if (this.#sent.length === 0 || !(error instanceof Error)) return
    const headers = 'headers' in error && typeof error.headers === 'object' ? error.headers : {}
    Object.assign(error, { headers: { ...headers, 'Set-Cookie': this.#sent } })
  }

  async #open(): Promise<Session> {
    const ctx = this.#ctx
    const values = this.#values()
    const options = this.#options
    const found: Found = await (this.#trace === undefined
      ? openCookies(options, values)
      : this.#trace.open(values.length, () => openCookies(options, values)))
    this.cookies = values.length
    if (values.length > 1) this.#clearLeftovers()
    this.#ip = ctx.ip
    const opened = new OpenedSession(found, options, this)
    this.#trace?.hold(opened.state, () => opened.decide(ctx.status, this.#active))
    if (this.#closed) opened.state.close()
    this.#opened = opened
    return opened.session
  }

  #clearLeftovers(): void {
    const { path, hostname } = this.#ctx
    for (const header of leftoverCookies(this.#options.cookie, path, hostname)) this.sendCookie(header)
  }

  #apply(decision: Decision, opened: OpenedSession): Promise<void> {
    const done = opened.apply(decision)
    // Work that the handler left running may still read; later changes would not be saved.
    opened.state.close()
    return done
  }

  #values(): string[] {
    return cookieValues(this.#ctx.req.headers.cookie, this.#options.cookie.name)
  }

  #explain(trace: Trace): Explanation {
    const { engine, expiry } = this.#options
    return trace.explain({ engine: engine.name, expiry: engine.expiry ?? expiry, settled: this.#closed })
  }
}

/** A prefetch is not activity of the user (Sec-Purpose, Fetch standard). */
function isPrefetch({ req }: Context): boolean {
  return req.headers['sec-purpose']?.toString().startsWith('prefetch') === true
}
