import { isIP } from 'node:net'
import type { Context, Middleware } from 'koa'
import { type CookieSettings, checkCookieSettings, clearCookie, cookieValues, setCookie } from './cookie.ts'
import type { Client, Engine, Loaded, Opened } from './engines/engine.ts'
import { SessionEndedError } from './errors.ts'
import { closesWithBrowser, deadline, EXPIRY_KEY, type ExpiryPolicy, touchDue } from './expiry.ts'
import type { Observer } from './observe/events.ts'
import { type Explanation, Trace } from './observe/explanation.ts'
import { Session } from './session.ts'
import { type Decision, settle } from './settle.ts'

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

/** What {@link sessions} needs. */
export interface SessionsOptions {
  readonly engine: Engine
  readonly cookie: CookieSettings
  readonly expiry: ExpiryPolicy
  /**
   * Treat every request that carries the cookie as activity, even if the handler never asks (Django's setting). What is
   * marked as none, by a handler or a prefetching browser, stays none.
   */
  readonly saveEveryRequest?: boolean
  readonly observe?: Observer
  /**
   * Handed, as each request begins, what explains its session whenever it is called, and throws where saving would.
   * For development; without it nothing is recorded.
   */
  readonly explain?: ((ctx: Context, explanation: () => Explanation) => void) | undefined
  /** Milliseconds since 1970. */
  readonly now?: () => number
}

const USER_AGENT_LENGTH = 256

/**
 * Koa middleware that gives every handler `ctx.session()` and saves the session before the first byte of the
 * answer. Requests that never ask for it cost nothing.
 *
 * @throws RangeError at once for cookie settings that no browser would accept
 */
export function sessions(options: SessionsOptions): Middleware {
  checkCookieSettings(options.cookie)
  return async function session(ctx, next) {
    const visit = new Visit(ctx, options)
    ctx.session = (open) => visit.session(open)
    try {
      await next()
      await visit.settle()
    } finally {
      visit.leave()
    }
  }
}

/** One request's dealings with its session. */
class Visit {
  readonly #ctx: Context
  readonly #options: SessionsOptions
  readonly #expiry: ExpiryPolicy
  readonly #observe: Observer
  readonly #now: () => number
  readonly #trace: Trace | undefined
  #opening: Promise<Session> | undefined
  #hadCookie = false
  #activity = false
  #left = false

  constructor(ctx: Context, options: SessionsOptions) {
    this.#ctx = ctx
    this.#options = options
    this.#expiry = options.engine.expiry ?? options.expiry
    this.#observe = options.observe ?? (() => {})
    this.#now = options.now ?? Date.now
    if (options.explain === undefined) return
    const trace = new Trace()
    this.#trace = trace
    options.explain(ctx, () => this.#explain(trace))
  }

  session(options: OpenOptions = {}): Promise<Session> {
    // A browser that fetches ahead is not its user (Sec-Purpose, from the Fetch standard).
    if (options.activity !== false && !this.#ctx.get('Sec-Purpose').startsWith('prefetch')) this.#activity = true
    this.#opening ??= this.#open()
    return this.#opening
  }

  async settle(): Promise<void> {
    const ctx = this.#ctx
    const { saveEveryRequest } = this.#options
    // A page that did not ask for the session must not fail because its store is out.
    const unasked = this.#opening === undefined && ctx.status < 500 && this.#values().length > 0
    if (saveEveryRequest && unasked) await this.session().catch(() => {})
    const session = await this.#opening?.catch(() => undefined)
    // Nobody asked, or the handler has answered without it (the store was out): there is nothing to save.
    if (session === undefined) return
    const decision = settle(this.#facts(session))
    if (decision.personal && (decision.cookie !== 'none' || !ctx.response.get('Cache-Control'))) {
      ctx.set('Cache-Control', 'private, no-store')
    }
    if (this.#trace === undefined) await this.#carryOut(decision, session)
    else await this.#trace.carryOut(decision, () => this.#carryOut(decision, session))
  }

  /** However it ended: an error page, too, depends on the cookie, and a change that comes even later is an error. */
  leave(): void {
    this.#left = true
    if (this.#opening === undefined) return
    this.#ctx.vary('Cookie')
    this.#opening.then(
      (session) => session.close(),
      () => {},
    )
  }

  async #open(): Promise<Session> {
    const values = this.#values()
    const trace = this.#trace
    const opened = await (trace === undefined
      ? this.#follow(values)
      : trace.open(values.length, () => this.#follow(values)))
    if (!opened.live && opened.suspicion !== undefined) {
      const { suspicion: kind, detail } = opened
      this.#observe({ type: 'security', kind, ...(detail === undefined ? {} : { detail }) })
    }
    const session = new Session(opened.live ? opened.loaded : undefined, {
      expiry: this.#options.expiry,
      now: this.#now,
      observe: this.#observe,
      end: (loaded) => this.#options.engine.end(loaded),
    })
    trace?.hold(session)
    if (this.#left) session.close()
    return session
  }

  async #follow(values: readonly string[]): Promise<Opened> {
    this.#hadCookie = values.length > 0
    const [value] = values
    if (value === undefined) return { live: false }
    // The order of cookies of one name is the attacker's choice, so none of them counts.
    if (values.length > 1) return { live: false, suspicion: 'duplicate-cookie' }
    return await this.#options.engine.open(value)
  }

  #values(): string[] {
    return cookieValues(this.#ctx.req.headers.cookie, this.#options.cookie.name)
  }

  #facts(session: Session) {
    const { loaded, changed, empty, flushed, cycled } = session.state()
    return {
      status: this.#ctx.status,
      asked: true,
      hadCookie: this.#hadCookie,
      live: loaded !== undefined,
      flushed,
      changed,
      empty,
      cycled,
      touchDue: loaded !== undefined && this.#touchDue(loaded),
    }
  }

  #touchDue(loaded: Loaded): boolean {
    if (!this.#activity) return false
    return (
      this.#options.saveEveryRequest === true || touchDue(this.#expiry, loaded.data[EXPIRY_KEY], loaded, this.#now())
    )
  }

  #explain(trace: Trace): Explanation {
    return trace.explain({
      engine: this.#options.engine.name,
      expiry: this.#expiry,
      settled: this.#left,
      decide: (session) => settle(this.#facts(session)),
    })
  }

  async #carryOut(decision: Decision, session: Session): Promise<void> {
    const { loaded, data, changes, restartClock } = session.state()
    const { engine, cookie } = this.#options
    if (decision.cookie === 'clear') this.#ctx.append('Set-Cookie', clearCookie(cookie))
    if (decision.write === 'none') return
    if (decision.write === 'touch') {
      const touched = loaded && (await engine.touch(loaded))
      if (touched) this.#sendCookie(touched.cookie, touched.loaded)
      return
    }
    const committed = await engine.commit({
      write: decision.write,
      loaded,
      data,
      changes,
      client: client(this.#ctx),
      restartClock,
    })
    if (committed.outcome === 'ended') {
      this.#observe({ type: 'ended' })
      throw new SessionEndedError()
    }
    session.close(committed.loaded)
    if (committed.replayed) this.#observe({ type: 'replayed' })
    // A store tells of what it keeps by itself.
    if (committed.loaded.key === null) this.#observe({ type: 'size', bytes: committed.cookie.length })
    if (committed.dropped !== undefined) this.#ctx.state['sessionDropped'] = committed.dropped
    this.#sendCookie(committed.cookie, committed.loaded)
  }

  #sendCookie(value: string, loaded: Loaded): void {
    const { cookie } = this.#options
    const expiry = this.#expiry
    const now = this.#now()
    const stored = loaded.data[EXPIRY_KEY]
    const left = deadline(expiry, stored, loaded.createdAt, now) - now
    const maxAge = closesWithBrowser(expiry, stored) ? undefined : Math.trunc(left / 1000)
    this.#ctx.append('Set-Cookie', setCookie(cookie, value, maxAge, now))
  }
}

function client(ctx: Context): Client {
  const text = ctx.get('User-Agent').replace(/\p{Cc}/gu, '')
  // Between characters, not within one; almost no browser's name is so long.
  const userAgent = text.length > USER_AGENT_LENGTH ? [...text].slice(0, USER_AGENT_LENGTH).join('') : text
  return { ipAddress: isIP(ctx.ip) ? ctx.ip : null, userAgent: userAgent || null }
}
