import { hash } from 'node:crypto'
import type { Context } from 'koa'
import type { SessionEvent } from '../../session/core/events.ts'
import { cookieValues } from '../../session/http/cookie.ts'
import type { Explanation } from '../../session/index.ts'

/** One request as far as its session goes. Holds no cookie, no key and no value. */
export interface RequestRecord {
  /** Milliseconds since 1970. */
  readonly at: number
  readonly method: string
  readonly path: string
  /** Undefined until it is answered, like everything else of the answer. */
  readonly status: number | undefined
  readonly milliseconds: number
  readonly explanation: Explanation
  readonly events: readonly SessionEvent[]
  readonly received: Masked | undefined
  readonly sent: (Masked & { readonly attributes: readonly string[] }) | undefined
  readonly vary: string
  readonly cacheControl: string
}

/** What is known of a cookie without its value. */
export interface Masked {
  readonly hash: string
  /** Of name and value. */
  readonly bytes: number
  readonly cleared: boolean
}

/** A request under way. */
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

  /** Undefined for what was answered without ever coming near a session. */
  tell(): RequestRecord | undefined {
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

const SESSIONS = 200
const REQUESTS = 10

/** The last requests of the last sessions, newest first. A session is known by the hashes of the cookies it has had. */
export class History {
  readonly #byCookie = new Map<string, RequestRecord[]>()

  of(cookie: Masked | undefined): readonly RequestRecord[] {
    return this.#byCookie.get(cookie?.hash ?? '') ?? []
  }

  add(record: RequestRecord): void {
    // A cookie that was taken back is empty, and so is everybody else's.
    const cookies = [record.received, record.sent].filter((cookie) => cookie !== undefined && !cookie.cleared)
    const hashes = cookies.flatMap((cookie) => cookie?.hash ?? [])
    const requests = hashes.map((one) => this.#byCookie.get(one)).find((known) => known !== undefined) ?? []
    requests.unshift(record)
    requests.length = Math.min(requests.length, REQUESTS)
    for (const one of hashes) {
      this.#byCookie.delete(one)
      this.#byCookie.set(one, requests)
    }
    for (const oldest of this.#byCookie.keys()) {
      if (this.#byCookie.size <= SESSIONS) break
      this.#byCookie.delete(oldest)
    }
  }
}
