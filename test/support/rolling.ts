import { setTimeout as sleep } from 'node:timers/promises'
import { startProcess, TYPESCRIPT } from './processes.ts'

type Env = Readonly<Record<string, string>>

/** A process of the site, and how many requests it is serving. */
interface Server {
  readonly origin: string
  serving: number
  stop(): Promise<void>
}

/** What went wrong; all empty if nothing did. */
export interface Wrong {
  readonly lost: string[]
  readonly signedOut: string[]
  readonly revived: string[]
  readonly refused: string[]
}

/** Options for {@link Rolling}. */
export interface RollingOptions {
  /** Settings of both processes in every step. */
  readonly env: Env
  /** Whether requests of one session may overlap without losing changes. */
  readonly overlapping: boolean
  readonly visitors?: number
}

/**
 * Two processes of a site whose settings change one after the other, and visitors who change their sessions, their keys,
 * sign out and in again meanwhile, each request at any of the two processes.
 */
export class Rolling {
  readonly wrong: Wrong = { lost: [], signedOut: [], revived: [], refused: [] }
  /** Acknowledged changes. */
  changes = 0
  /** Requests that were answered with 5xx, whose outcome is unknown. */
  unknown = 0
  /** Acknowledged logouts. */
  endings = 0
  readonly #options: RollingOptions
  readonly #visitors: Visitor[]
  #servers: [Server, Server] | undefined
  #step: Env = {}

  constructor(options: RollingOptions) {
    this.#options = options
    this.#visitors = Array.from({ length: options.visitors ?? 12 }, (_, n) => new Visitor(`${n + 1}`, this))
  }

  get overlapping(): boolean {
    return this.#options.overlapping
  }

  /** Both processes with the settings of the first step, and a session for every visitor. */
  async start(step: Env): Promise<void> {
    this.#step = step
    this.#servers = await Promise.all([this.#open(step), this.#open(step)])
    await Promise.all(this.#visitors.map((visitor) => visitor.signIn()))
  }

  /** Replaces one process after the other under load; in between they are in neighbouring steps for these milliseconds. */
  async roll(step: Env, milliseconds: number): Promise<void> {
    let over = false
    const idle = this.#visitors.length / 4
    const load = this.#visitors.slice(idle).map(async (visitor) => {
      while (!over) await visitor.act()
    })
    this.#step = step
    await this.#replace(0)
    // Visitors who only read must be found as well.
    await Promise.race([sleep(milliseconds), Promise.all(load)])
    await this.check()
    await this.#replace(1)
    await sleep(milliseconds / 4)
    over = true
    await Promise.all(load)
    await this.check()
  }

  /** One change of every session. */
  async touchAll(): Promise<void> {
    for (const visitor of this.#visitors) await visitor.append(0)
  }

  /** What every visitor sees at both processes. */
  async check(): Promise<void> {
    await Promise.all(this.#visitors.map((visitor) => visitor.check()))
  }

  async close(): Promise<void> {
    await Promise.all((this.#servers ?? []).map((server) => server.stop()))
  }

  /** Sends a request to the process with this number. */
  async send(at: number, path: string, cookie: string | undefined) {
    const server = this.#servers?.[at]
    if (server === undefined) throw new Error('The site is not open')
    server.serving++
    try {
      const headers = cookie === undefined ? {} : { cookie: `sessionid=${cookie}` }
      const response = await fetch(server.origin + path, { headers })
      const text = await response.text()
      const [set] = response.headers.getSetCookie()
      const value = set === undefined ? undefined : (/^sessionid=([^;]*)/.exec(set)?.[1] ?? '')
      const body = response.status === 200 ? (JSON.parse(text) as [string | null, unknown]) : undefined
      return { status: response.status, set: value, body }
    } finally {
      server.serving--
    }
  }

  async #replace(at: 0 | 1): Promise<void> {
    const [old, next] = [this.#servers?.[at], await this.#open(this.#step)]
    if (this.#servers !== undefined) this.#servers[at] = next
    while (old !== undefined && old.serving > 0) await sleep(5)
    await old?.stop()
  }

  async #open(step: Env): Promise<Server> {
    const env = { ...this.#options.env, ...step }
    const child = startProcess([TYPESCRIPT, 'test/support/session-site.ts'], { env })
    const [, origin = ''] = await child.printed(/on (http:\S+)/)
    return { origin, serving: 0, stop: async () => void (await child.stop('SIGKILL')) }
  }
}

class Visitor {
  readonly #user: string
  readonly #site: Rolling
  readonly #ended: string[] = []
  #cookie: string | undefined
  #ids: string[] = []
  #count = 0
  #isUnknown = false
  #turn: Promise<unknown> = Promise.resolve()

  constructor(user: string, site: Rolling) {
    this.#user = user
    this.#site = site
  }

  async signIn(): Promise<void> {
    do {
      this.#isUnknown = false
      this.#cookie = undefined
      const { status } = await this.#send(`/sign-in?user=${this.#user}`)
      if (status < 500 && status !== 200) this.#site.wrong.refused.push(`user ${this.#user} cannot sign in`)
    } while (this.#isUnknown)
    this.#ids = []
  }

  /** Something a visitor does; one thing after the other, each with several requests. */
  async act(): Promise<void> {
    await this.#alone(async () => {
      if (this.#isUnknown) await this.signIn()
      const dice = Math.random()
      if (dice < 0.1) return await this.#leave()
      const at = pick()
      if (dice < 0.25) {
        if (!this.#site.overlapping) return void (await this.#send('/rotate', at))
        await Promise.all([this.#send('/rotate', at), this.#append(1 - at)])
      } else if (this.#site.overlapping) await Promise.all([this.#append(at), this.#append(1 - at), this.#append(at)])
      else await this.#append(at)
    })
  }

  async append(at: number): Promise<void> {
    await this.#alone(() => this.#append(at))
  }

  async check(): Promise<void> {
    await this.#alone(async () => {
      if (this.#isUnknown) await this.signIn()
      for (const at of [0, 1]) {
        const { status, set, body } = await this.#site.send(at, '/ids', this.#cookie)
        if (status >= 500) continue
        // As a browser does: reading may bring the session under the new secret.
        if (set !== undefined) this.#cookie = set || undefined
        const found = Array.isArray(body?.[1]) ? body[1] : []
        if (body?.[0] !== this.#user) this.#site.wrong.signedOut.push(`user ${this.#user} at ${at}`)
        else if (this.#ids.some((id) => found.filter((one) => one === id).length !== 1))
          this.#site.wrong.lost.push(`user ${this.#user} at ${at}`)
        for (const cookie of this.#ended) {
          const { body: late } = await this.#site.send(at, '/ids', cookie)
          if (late !== undefined && late[0] !== null) this.#site.wrong.revived.push(`user ${this.#user} at ${at}`)
        }
      }
    })
  }

  async #append(at: number): Promise<void> {
    const id = `${this.#user}.${++this.#count}`
    const { status, body } = await this.#send(`/append?id=${id}`, at)
    if (status >= 500 || this.#isUnknown) return
    if (status !== 200) return void this.#site.wrong.refused.push(`${status} for user ${this.#user}`)
    if (body?.[0] !== this.#user) this.#site.wrong.signedOut.push(`a change of user ${this.#user} at ${at}`)
    this.#site.changes++
    this.#ids.push(id)
  }

  async #leave(): Promise<void> {
    const left = this.#cookie
    const at = pick()
    // One that is under way beside the logout.
    const change = this.#site.overlapping ? this.#site.send(1 - at, '/append?id=late', left) : undefined
    const { status } = await this.#send('/end', at)
    if (status < 500 && status !== 200) this.#site.wrong.refused.push(`${status} for a logout`)
    await change
    if (status === 200) this.#site.endings++
    if (left !== undefined && status === 200) this.#ended.push(left)
    if (this.#ended.length > 5) this.#ended.shift()
    this.#cookie = undefined
    await this.signIn()
  }

  async #send(path: string, at = pick()) {
    const answer = await this.#site.send(at, path, this.#cookie)
    if (answer.status >= 500) {
      this.#isUnknown = true
      this.#site.unknown++
    }
    if (answer.set !== undefined) this.#cookie = answer.set || undefined
    return answer
  }

  #alone<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(work)
    this.#turn = turn.catch(() => {})
    return turn
  }
}

function pick(): number {
  return Math.random() < 0.5 ? 0 : 1
}
