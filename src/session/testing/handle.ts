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

/** A middleware of Koa; as a method, so that those of routers, which expect more of the context, are some, too. */
export type Handler = { call(ctx: Context, next: Next): unknown }['call']

/** One request to a handler. */
export interface TestRequest {
  /** GET by default, POST with a body. */
  readonly method?: string
  /** With the query; `/` by default. */
  readonly path?: string
  /** A Cookie header is sent beside the visitor's own cookies. */
  readonly headers?: Readonly<Record<string, string>>
  /** URLSearchParams are sent as a form, other objects as JSON; what reads them must be among the middlewares. */
  readonly body?: string | Buffer | URLSearchParams | object
}

/** A first request, and what was there before it. */
export interface TestVisit extends TestRequest {
  /** The id of the user who is signed in; nobody by default. */
  readonly user?: string
  /** What the session holds; a function for slices: `(session) => session.set(cart, items)`. */
  readonly session?: Readonly<Record<string, unknown>> | ((session: Session) => void)
  /** Settings that differ from those of the helper: an engine over memory, and a cookie named `sessionid`. */
  readonly settings?: Partial<SessionsOptions>
}

/** What became of a request. */
export interface Handled {
  /** As the handler left it. */
  readonly ctx: Context
  /** As it is stored now, to be read; without data where it has ended. */
  readonly session: Session
  readonly status: number
  readonly headers: IncomingHttpHeaders
  /** The body of the answer. */
  readonly text: string
  /** The Cookie header of the visitor's next request; empty where there is none. */
  readonly cookie: string
  /** Sends the same visitor's next request, to this handler or another one. */
  again(handler: Handler | readonly Handler[], request?: TestRequest): Promise<Handled>
}

/**
 * Calls a handler as Koa would, behind the real session middleware: for tests, without a server and a browser.
 *
 *     const { ctx, session } = await handle(addToCart, { user: 'ada', session: { cart: [1] }, path: '/cart?id=2' })
 *     t.deepEqual(session.get('cart'), [1, 2])
 *
 * @param handler the handler, or several middlewares in their order
 * @param visit who is asking for what; a stranger for `/` by default
 * @throws what the handler throws, where it has no HTTP status; where it has one, it is the answer's
 */
export async function handle(handler: Handler | readonly Handler[], visit: TestVisit = {}): Promise<Handled> {
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
  const own = { store, codec, expiry, ...(now && { now }), ...(observe && { observe }) }
  return { cookie, expiry, ...settings, engine: settings.engine ?? new StoredEngine(own) }
}

/** Somebody with cookies, whose requests come one after the other. */
class Visitor {
  readonly #settings: SessionsOptions
  readonly #cookies = new Map<string, string>()

  constructor(settings: SessionsOptions) {
    this.#settings = settings
  }

  async send(handler: Handler | readonly Handler[], request: TestRequest = {}): Promise<Handled> {
    const app = new Koa()
    let seen: Context | undefined
    let failure: unknown
    // Now, because Koa gives every error a status once it has told of it.
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

/** Node's own client and server, over a pair of streams instead of a socket. */
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
