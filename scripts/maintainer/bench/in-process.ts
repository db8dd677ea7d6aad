import { EventEmitter } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type Koa from 'koa'
import { BODY, type Kind } from './session-pages.ts'
import { cookieHeader } from './visitors.ts'

/** Requests one page without HTTP: the CPU time of the application and its storage alone. */
export interface InProcessRequest {
  readonly kind: Kind
  readonly sessions: number
  readonly connections: number
  readonly seconds: number
}

export interface InProcessAnswer {
  readonly requests: number
  /** Microseconds of CPU time per request. */
  readonly cpu: number
}

/** Whom the requests of {@link measureInProcess} come from; kept between measurements. */
export interface InProcessVisitor {
  cookie: string
}

/**
 * Calls the application as often as possible, with so many requests at once.
 *
 * @param visitors kept by the caller; begun if there are too few, and all of them again after a wrong answer
 * @throws Error for a wrong answer
 */
export async function measureInProcess(
  app: Koa,
  { kind, sessions, connections, seconds }: InProcessRequest,
  visitors: InProcessVisitor[],
): Promise<InProcessAnswer> {
  const handle = app.callback() as unknown as (request: IncomingMessage, response: ServerResponse) => Promise<void>
  while (visitors.length < sessions) {
    const visitor = { cookie: '' }
    await send(handle, 'begin', visitor)
    visitors.push(visitor)
  }
  const before = process.cpuUsage()
  const end = performance.now() + seconds * 1000
  let requests = 0
  let failed = false
  const client = async (first: number) => {
    for (let turn = first; !failed && performance.now() < end; turn += connections) {
      // Connections do not share sessions.
      const visitor = visitors[turn % (sessions - (sessions % connections))]
      if (visitor !== undefined) await send(handle, kind, visitor)
      requests++
      // Work that never waits would keep the timers and the other connections from their turn.
      if (requests % (connections * 8) === 0) await new Promise(setImmediate)
    }
  }
  const clients = Array.from({ length: connections }, (_, first) =>
    client(first).catch((error: unknown) => {
      failed = true
      throw error
    }),
  )
  const ended = await Promise.allSettled(clients)
  const failure = ended.find((one) => one.status === 'rejected')
  if (failure !== undefined) {
    // Without the response a visitor has not got its new key, and the old one does not serve for long.
    visitors.length = 0
    throw failure.reason
  }
  const { user, system } = process.cpuUsage(before)
  return { requests, cpu: (user + system) / requests }
}

async function send(
  handle: (request: IncomingMessage, response: ServerResponse) => Promise<void>,
  page: string,
  visitor: InProcessVisitor,
): Promise<void> {
  const response = new Response()
  await handle(new Request(`/${page}`, visitor.cookie) as never, response as never)
  if (response.statusCode !== 200 || response.body !== BODY) {
    throw new Error(`The page ${page} answered ${response.statusCode}: ${response.body}`)
  }
  const lines = response.getHeader('set-cookie')
  if (lines !== undefined) visitor.cookie = cookieHeader([lines].flat().map(String))
}

const SOCKET = { readable: true, writable: true, remoteAddress: '127.0.0.1', on() {}, removeListener() {} }

/** What Koa and the middleware use of a request. */
class Request {
  readonly method = 'GET'
  readonly url: string
  readonly headers: Record<string, string>
  readonly socket = SOCKET
  readonly httpVersionMajor = 1
  readonly complete = true

  constructor(url: string, cookie: string) {
    this.url = url
    this.headers = { host: 'localhost', 'user-agent': 'bench', connection: 'keep-alive', cookie }
  }
}

/** What Koa and the middleware use of a response. */
class Response extends EventEmitter {
  statusCode = 404
  statusMessage = ''
  headersSent = false
  writableEnded = false
  readonly socket = SOCKET
  readonly req = { httpVersionMajor: 1 }
  body = ''
  readonly #headers = new Map<string, string | number | readonly string[]>()

  getHeader(name: string) {
    return this.#headers.get(name.toLowerCase())
  }
  setHeader(name: string, value: string | number | readonly string[]): void {
    this.#headers.set(name.toLowerCase(), value)
  }
  removeHeader(name: string): void {
    this.#headers.delete(name.toLowerCase())
  }
  hasHeader(name: string): boolean {
    return this.#headers.has(name.toLowerCase())
  }
  getHeaders() {
    return Object.fromEntries(this.#headers)
  }
  end(body = ''): void {
    this.headersSent = this.writableEnded = true
    this.body = body
    this.emit('finish')
  }
}
