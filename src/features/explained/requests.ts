import { hash } from 'node:crypto'
import type { Context } from 'koa'
import type { SessionEvent } from '../../session/core/events.ts'
import { cookieValues } from '../../session/http/cookie.ts'
import type { Explanation } from '../../session/index.ts'
import { type ValueChange, valueChanges } from './values.ts'

/** What a request did to its session. Contains no cookie and no key; values as far as they are no secrets. */
export interface RequestRecord {
  /** Milliseconds since 1970. */
  readonly at: number
  readonly method: string
  readonly path: string
  /** Undefined until the response is ready. */
  readonly status: number | undefined
  readonly milliseconds: number
  readonly explanation: Explanation
  readonly changes: readonly ValueChange[]
  readonly events: readonly SessionEvent[]
  readonly received: Masked | undefined
  readonly sent: (Masked & { readonly attributes: readonly string[] }) | undefined
  readonly vary: string
  readonly cacheControl: string
}

/** A cookie without its value. */
export interface Masked {
  readonly hash: string
  /** Length of name and value. */
  readonly bytes: number
  readonly cleared: boolean
}

/** A request in progress. */
export class Request {
  readonly at = Date.now()
  readonly #start = performance.now()
  readonly #ctx: Context
  readonly #cookieName: string
  readonly events: SessionEvent[] = []
  explain: (() => Explanation) | undefined

  constructor(ctx: Context, cookieName: string) {
    this.#ctx = ctx
    this.#cookieName = cookieName
  }

  get milliseconds(): number {
    return performance.now() - this.#start
  }

  /** Undefined if the response was sent before the session middleware. */
  record(): RequestRecord | undefined {
    if (this.explain === undefined) return undefined
    const { method, path, response, req } = this.#ctx
    const explanation = this.explain()
    const received = cookieValues(req.headers.cookie, this.#cookieName)
    const [first] = received
    return {
      at: this.at,
      method,
      path,
      status: explanation.settled ? this.#ctx.status : undefined,
      milliseconds: this.milliseconds,
      explanation,
      changes: valueChanges(explanation.changes),
      events: this.events,
      received: received.length === 1 && first !== undefined ? this.#masked(first) : undefined,
      sent: this.#sent(),
      vary: String(response.headers['vary'] ?? ''),
      cacheControl: String(response.headers['cache-control'] ?? ''),
    }
  }

  #sent(): RequestRecord['sent'] {
    const lines = [this.#ctx.response.headers['set-cookie'] ?? []].flat()
    const line = lines.findLast((one) => one.startsWith(`${this.#cookieName}=`))
    if (line === undefined) return undefined
    const [pair = '', ...attributes] = line.split('; ')
    const value = pair.slice(this.#cookieName.length + 1)
    return { ...this.#masked(value), attributes }
  }

  #masked(value: string): Masked {
    return { hash: hash('sha256', value), bytes: this.#cookieName.length + value.length, cleared: value === '' }
  }
}

const MAX_COOKIES = 200
const MAX_REQUESTS = 10

/** The last requests of recent sessions, newest first. Sessions are identified by the hashes of their cookies. */
export class History {
  readonly #byCookie = new Map<string, RequestRecord[]>()

  of(cookie: Masked | undefined): readonly RequestRecord[] {
    return this.#byCookie.get(cookie?.hash ?? '') ?? []
  }

  add(record: RequestRecord): void {
    // A cleared cookie is empty, so its hash identifies nobody.
    const cookies = [record.received, record.sent].filter((cookie) => cookie !== undefined && !cookie.cleared)
    const hashes = cookies.flatMap((cookie) => cookie?.hash ?? [])
    const requests = hashes.map((hash) => this.#byCookie.get(hash)).find((known) => known !== undefined) ?? []
    requests.unshift(withoutData(record))
    requests.length = Math.min(requests.length, MAX_REQUESTS)
    for (const hash of hashes) {
      this.#byCookie.delete(hash)
      this.#byCookie.set(hash, requests)
    }
    for (const oldest of this.#byCookie.keys()) {
      if (this.#byCookie.size <= MAX_COOKIES) break
      this.#byCookie.delete(oldest)
    }
  }
}

/** Of earlier requests only the changes are shown, and the data of many would take much memory. */
function withoutData(record: RequestRecord): RequestRecord {
  return { ...record, explanation: { ...record.explanation, data: {}, changes: [] } }
}
