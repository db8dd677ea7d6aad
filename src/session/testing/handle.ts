import { randomBytes } from 'node:crypto'
import { createServer, type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http'
import { duplexPair } from 'node:stream'
import Koa, { type Context, type Next } from 'koa'
import { sealedCodec } from '../codec/sealed/sealed.ts'
import { StoredEngine } from '../engines/stored.ts'
import { openSession } from '../http/detached.ts'
import { type SessionsOptions, sessions } from '../http/middleware.ts'
import type { Session } from '../session.ts'
import { signIn } from '../sign-in.ts'
import { MemoryStore } from '../stores/memory.ts'

/** A Koa middleware. Typed as a method, so that handlers of routers, with a richer context, are accepted. */
export type Handler = { call(ctx: Context, next: Next): unknown }['call']

/** A request to a handler. */
export interface TestRequest {
  /** GET by default, or POST with a body. */
  readonly method?: string
  /** Path with query; `/` by default. */
  readonly path?: string
  /** A Cookie header is added to the visitor's cookies. */
  readonly headers?: Readonly<Record<string, string>>
  /** URLSearchParams are sent as a form, other objects as JSON; a body parser must be among the middlewares. */
  readonly body?: string | Buffer | URLSearchParams | object
}

/** The first request of a visitor, and the session before it. */
export interface TestVisit extends TestRequest {
  /** The id of the signed-in user; anonymous by default. */
  readonly user?: string
  /** The session's data; a function for slices: `(session) => session.set(cart, items)`. */
  readonly session?: Readonly<Record<string, unknown>> | ((session: Session) => void)
  /** Settings; by default an engine with a MemoryStore and a cookie named `sessionid`. */
  readonly settings?: Partial<SessionsOptions>
}

/** The response of a handler, with its context and session. */
export interface TestResponse {
  /** The context after the handler. */
  readonly ctx: Context
  /** The stored session, read-only; empty if it has ended. */
  readonly session: Session
  readonly status: number
  readonly headers: IncomingHttpHeaders
  /** The body. */
  readonly text: string
  /** The Cookie header of the visitor's next request; may be empty. */
  readonly cookie: string
  /** Sends the visitor's next request, to this or another handler. */
  again(handler: Handler | readonly Handler[], request?: TestRequest): Promise<TestResponse>
}

/**
 * Calls a handler like Koa, behind the real session middleware, for tests without a server and a browser.
 *
 * @param handler the handler, or several middlewares in order
 * @param visit the request, user and session; an anonymous GET of `/` by default
 * @throws an error of the handler without an HTTP status; one with a status becomes the response
 * @example
 * const greet = async (ctx: Context) => {
 *   ctx.body = (await ctx.session()).get('name')
 * }
 * const { text } = await handle(greet, { session: { name: 'Ada' } })
 */
export async function handle(handler: Handler | readonly Handler[], visit: TestVisit = {}): Promise<TestResponse> {
  const { user, session: content, settings, ...first } = visit
  const visitor = new Visitor(withDefaults(settings))
  if (user !== undefined || content !== undefined) {
    await visitor.send(async (ctx) => {
      const session = await ctx.session()
      if (user !== undefined) await signIn(session, user)
      if (typeof content === 'function') content(session)
      else session.assign(content ?? {})
      ctx.status = 204
    })
  }
  return await visitor.send(handler, first)
}

function withDefaults(settings: Partial<SessionsOptions> = {}): SessionsOptions {
  const expiry = settings.expiry ?? { cookieAge: 1_209_600, atBrowserClose: false, touchAfter: 0.1 }
  const cookie = {
    name: 'sessionid',
    path: '/',
    secure: false,
    httpOnly: true,
    sameSite: 'Lax',
    maxSize: 4096,
  } as const
  const { now, observe } = settings
  const codec = sealedCodec({ secrets: [randomBytes(32).toString('hex')], namespace: cookie.name })
  const store = new MemoryStore(now === undefined ? {} : { now })
  const options = { store, codec, expiry, ...(now && { now }), ...(observe && { observe }) }
  return { cookie, expiry, ...settings, engine: settings.engine ?? new StoredEngine(options) }
}

/** A visitor with cookies, who sends one request after the other. */
class Visitor {
  readonly #settings: SessionsOptions
  readonly #cookies = new Map<string, string>()

  constructor(settings: SessionsOptions) {
    this.#settings = settings
  }

  async send(handler: Handler | readonly Handler[], request: TestRequest = {}): Promise<TestResponse> {
    const app = new Koa()
    let seen: Context | undefined
    let failure: unknown
    // Checked here, because Koa sets a status on every error after this event.
    app.on('error', (error: unknown) => {
      if (!hasStatus(error)) failure = error
    })
    app.use((ctx, next) => {
      seen = ctx
      return next()
    })
    app.use(sessions(this.#settings))
    for (const middleware of [handler].flat()) app.use(middleware)
    const { response, text } = await exchange(app, request, this.#cookie)
    if (seen === undefined) throw new Error(`Node answered this request itself, with ${response.statusCode}`)
    if (failure !== undefined) throw failure
    for (const line of response.headers['set-cookie'] ?? []) this.#keep(line)
    const stored = await openSession(this.#settings, this.#cookie)
    stored.close()
    return {
      ctx: seen,
      session: stored.session,
      status: response.statusCode ?? 0,
      headers: response.headers,
      text,
      cookie: this.#cookie,
      again: (next, another) => this.send(next, another),
    }
  }

  get #cookie(): string {
    return [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ')
  }

  #keep(line: string): void {
    const [pair = '', ...attributes] = line.split('; ')
    const [name = '', value = ''] = [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]
    if (attributes.some((one) => /^max-age=(0|-\d+)$/i.test(one))) this.#cookies.delete(name)
    else this.#cookies.set(name, value)
  }
}

/** A request with Node's client and server over a pair of streams instead of a socket. */
async function exchange(app: Koa, sent: TestRequest, cookie: string) {
  const [near, far] = duplexPair()
  const server = createServer(app.callback())
  server.emit('connection', far)
  const { body, type } = encoded(sent.body)
  const { cookie: more, ...others } = lowerCase(sent.headers)
  const cookies = [cookie, more].filter(Boolean).join('; ')
  const headers = {
    host: 'localhost',
    connection: 'close',
    ...(cookies === '' ? {} : { cookie: cookies }),
    ...(type === undefined ? {} : { 'content-type': type }),
    ...(body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) }),
    ...others,
  }
  const method = sent.method ?? (body === undefined ? 'GET' : 'POST')
  try {
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      request({ method, path: sent.path ?? '/', headers, createConnection: () => near }, resolve)
        .on('error', reject)
        .end(body)
    })
    const pieces: Buffer[] = []
    for await (const piece of response) pieces.push(piece)
    return { response, text: Buffer.concat(pieces).toString() }
  } finally {
    near.destroy()
    far.destroy()
  }
}

function encoded(body: TestRequest['body']): { body?: string | Buffer; type?: string } {
  if (body === undefined) return {}
  if (typeof body === 'string') return { body, type: 'text/plain' }
  if (Buffer.isBuffer(body)) return { body, type: 'application/octet-stream' }
  if (body instanceof URLSearchParams) return { body: String(body), type: 'application/x-www-form-urlencoded' }
  return { body: JSON.stringify(body), type: 'application/json' }
}

function lowerCase(headers: TestRequest['headers'] = {}): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
}

function hasStatus(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'status' in error && typeof error.status === 'number'
}
