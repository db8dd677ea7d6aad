import { isIP } from 'node:net'
import type { Context, Middleware } from 'koa'
import type { Client } from '../engines/engine.ts'
import type { Session } from '../session.ts'
import { checkCookieSettings, cookieValues, leftoverCookies } from './cookie.ts'
import { type Explanation, Trace } from './explanation.ts'
import { type Found, openCookies } from './open-cookies.ts'
import { OpenedSession, type SessionSettings } from './opened-session.ts'
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

const USER_AGENT_LENGTH = 256

/**
 * Koa middleware that adds `ctx.session()` and saves the session before the first byte of the response. Requests that do
 * not use it cost nothing.
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
  return async function session(ctx, next) {
    const request = new RequestSession(ctx, options)
    ctx.session = (open) => request.session(open)
    try {
      await next()
      request.restoreCookies()
      await request.settle()
    } catch (error) {
      request.keepCookies(error)
      throw error
    } finally {
      request.close()
    }
  }
}

/** One request and its session. */
class RequestSession {
  readonly #ctx: Context
  readonly #options: SessionsOptions
  readonly #trace: Trace | undefined
  readonly #cookies: string[] = []
  #opening: Promise<Session> | undefined
  #opened: OpenedSession | undefined
  #active = false
  #closed = false

  constructor(ctx: Context, options: SessionsOptions) {
    this.#ctx = ctx
    this.#options = options
    if (options.explain === undefined) return
    const trace = new Trace()
    this.#trace = trace
    options.explain(ctx, () => this.#explain(trace))
  }

  session(options: OpenOptions = {}): Promise<Session> {
    // A prefetch is not activity of the user (Sec-Purpose, Fetch standard).
    if (options.activity !== false && !this.#ctx.get('Sec-Purpose').startsWith('prefetch')) this.#active = true
    this.#opening ??= this.#open()
    return this.#opening
  }

  async settle(): Promise<void> {
    const ctx = this.#ctx
    const unasked = this.#opening === undefined && ctx.status < 500 && this.#values().length > 0
    // A page that does not use the session must not fail because its store is down.
    if (this.#options.saveEveryRequest && unasked) await this.session().catch(() => {})
    await this.#opening?.catch(() => {})
    const opened = this.#opened
    // It was not used, or the handler has answered without it because the store is down.
    if (opened === undefined) return
    await opened.state.idle()
    const decision = opened.decide(ctx.status, this.#active)
    if (decision.personal && (decision.cookie !== 'none' || !ctx.response.get('Cache-Control'))) {
      ctx.set('Cache-Control', 'private, no-store')
    }
    if (this.#trace === undefined) await this.#apply(decision, opened)
    else await this.#trace.apply(decision, () => this.#apply(decision, opened))
  }

  /** Runs after errors too: an error page also depends on the cookie, and later changes must throw. */
  close(): void {
    this.#closed = true
    if (this.#opening === undefined) return
    this.#ctx.vary('Cookie')
    this.#opening.then(
      () => this.#opened?.state.close(),
      () => {},
    )
  }

  /** An error page inside this middleware may have dropped the headers that were set before. */
  restoreCookies(): void {
    const sent = new Set([this.#ctx.response.get('Set-Cookie')].flat())
    for (const header of this.#cookies) if (!sent.has(header)) this.#ctx.append('Set-Cookie', header)
  }

  /** Koa drops headers that were set before an error; the cookie of an early save must not be lost. */
  keepCookies(error: unknown): void {
    if (this.#cookies.length === 0 || !(error instanceof Error)) return
    const headers = 'headers' in error && typeof error.headers === 'object' ? error.headers : {}
    Object.assign(error, { headers: { ...headers, 'Set-Cookie': this.#cookies } })
  }

  async #open(): Promise<Session> {
    const ctx = this.#ctx
    const values = this.#values()
    const { cookie } = this.#options
    const work = (): Promise<Found> => openCookies(this.#options, values)
    const found = await (this.#trace === undefined ? work() : this.#trace.open(values.length, work))
    if (values.length > 1) for (const header of leftoverCookies(cookie, ctx.path, ctx.hostname)) this.#send(header)
    const opened = new OpenedSession(found, this.#options, {
      client: client(ctx),
      cookies: values.length,
      canSendCookie: () => !ctx.headerSent,
      sendCookie: (header) => this.#send(header),
      dropped: (keys) => {
        ctx.state['sessionDropped'] = keys
      },
    })
    this.#trace?.hold(opened.state, () => opened.decide(ctx.status, this.#active))
    if (this.#closed) opened.state.close()
    this.#opened = opened
    return opened.session
  }

  async #apply(decision: Decision, opened: OpenedSession): Promise<void> {
    const done = opened.apply(decision)
    // Work that the handler left running may still read; later changes would not be saved.
    opened.state.close()
    await done
  }

  #send(header: string): void {
    this.#cookies.push(header)
    this.#ctx.append('Set-Cookie', header)
  }

  #values(): string[] {
    return cookieValues(this.#ctx.req.headers.cookie, this.#options.cookie.name)
  }

  #explain(trace: Trace): Explanation {
    const { engine, expiry } = this.#options
    return trace.explain({ engine: engine.name, expiry: engine.expiry ?? expiry, settled: this.#closed })
  }
}

function client(ctx: Context): Client {
  const text = ctx.get('User-Agent').replace(/\p{Cc}/gu, '')
  // Cut between characters, not inside a surrogate pair.
  const userAgent = text.length > USER_AGENT_LENGTH ? [...text].slice(0, USER_AGENT_LENGTH).join('') : text
  return { ipAddress: isIP(ctx.ip) ? ctx.ip : null, userAgent: userAgent || null }
}
