import { isIP } from 'node:net'
import type { Context, Middleware } from 'koa'
import type { Client } from '../engines/engine.ts'
import type { Session } from '../session.ts'
import { checkCookieSettings, cookieValues, leftoverCookies } from './cookie.ts'
import { type Explanation, Trace } from './explanation.ts'
import { type Found, openCookies } from './open-cookies.ts'
import { OpenedSession, type SessionSettings } from './opened-session.ts'
import type { Decision } from './settle.ts'

/** How `ctx.session()` opens the session. */
export interface OpenOptions {
  /** `false` for polling and the like: reading then does not prolong the session. */
  readonly activity?: boolean
}

declare module 'koa' {
  interface DefaultContext {
    /** The visitor's session, loaded on the first call and once per request. */
    session: (options?: OpenOptions) => Promise<Session>
  }
}

/** Options for {@link sessions}. */
export interface SessionsOptions extends SessionSettings {
  /**
   * Treat every request that carries the cookie as activity, even if the handler never asks (Django's setting). What is
   * marked as none, by a handler or a prefetching browser, stays none.
   */
  readonly saveEveryRequest?: boolean
  /**
   * Handed, as each request begins, what explains its session whenever it is called, and throws where saving would.
   * For development; without it nothing is recorded.
   */
  readonly explain?: ((ctx: Context, explanation: () => Explanation) => void) | undefined
}

const USER_AGENT_LENGTH = 256

/**
 * Koa middleware that gives every handler `ctx.session()` and saves the session before the first byte of the
 * answer. Requests that never ask for it cost nothing.
 *
 * @throws TypeError at once, naming the setting, for a cookie that no browser would accept
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
    // A browser that fetches ahead is not its user (Sec-Purpose, from the Fetch standard).
    if (options.activity !== false && !this.#ctx.get('Sec-Purpose').startsWith('prefetch')) this.#active = true
    this.#opening ??= this.#open()
    return this.#opening
  }

  async settle(): Promise<void> {
    const ctx = this.#ctx
    const unasked = this.#opening === undefined && ctx.status < 500 && this.#values().length > 0
    // A page that did not ask for the session must not fail because its store is down.
    if (this.#options.saveEveryRequest && unasked) await this.session().catch(() => {})
    await this.#opening?.catch(() => {})
    const opened = this.#opened
    // Nobody asked, or the handler has answered without it (the store was down): there is nothing to save.
    if (opened === undefined) return
    await opened.state.idle()
    const decision = opened.decide(ctx.status, this.#active)
    if (decision.personal && (decision.cookie !== 'none' || !ctx.response.get('Cache-Control'))) {
      ctx.set('Cache-Control', 'private, no-store')
    }
    if (this.#trace === undefined) await this.#carryOut(decision, opened)
    else await this.#trace.carryOut(decision, () => this.#carryOut(decision, opened))
  }

  /** However it ended: an error page, too, depends on the cookie, and a change that comes even later is an error. */
  close(): void {
    this.#closed = true
    if (this.#opening === undefined) return
    this.#ctx.vary('Cookie')
    this.#opening.then(
      () => this.#opened?.state.close(),
      () => {},
    )
  }

  /** What turns an error into a page within this middleware drops the headers that were set before it, too. */
  restoreCookies(): void {
    const sent = new Set([this.#ctx.response.get('Set-Cookie')].flat())
    for (const header of this.#cookies) if (!sent.has(header)) this.#ctx.append('Set-Cookie', header)
  }

  /** Koa answers an error without the headers that were set before; the cookie of an early save must not be lost. */
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

  async #carryOut(decision: Decision, opened: OpenedSession): Promise<void> {
    const done = opened.carryOut(decision)
    // What the handler left running may go on reading; a change from now on would be in no save.
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
  // Between characters, not within one; almost no browser's name is so long.
  const userAgent = text.length > USER_AGENT_LENGTH ? [...text].slice(0, USER_AGENT_LENGTH).join('') : text
  return { ipAddress: isIP(ctx.ip) ? ctx.ip : null, userAgent: userAgent || null }
}
