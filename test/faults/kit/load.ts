import { setTimeout as pause } from 'node:timers/promises'
import { z } from 'zod'
import { ask, type Reply } from './ask.ts'
import type { HistoryEvent, Observed, Op } from './history.ts'
import { Visitor } from './visitor.ts'

const GAP_MS = 25
const TIMEOUT_MS = 3000
const MAX_REPEATS = 3
const MAX_SIGN_INS = 20
const MAX_GHOSTS = 20
const HEALTHY = 16
/** The client of what no request has done. */
export const ANYBODY = 'nobody'
/** Refused before anything was written. */
const REFUSALS = [409, 413, 429]
const UNREADABLE: Observed = { session: 'unreadable', user: 'unreadable', items: [], prefs: {} }

const shown = z.object({
  username: z.string().nullable(),
  session: z.string().nullable(),
  items: z.array(z.string()),
  prefs: z.record(z.string(), z.number()),
})

/** Options for {@link Load}. */
export interface LoadOptions {
  /** Where the processes listen. */
  readonly ports: readonly number[]
  /** Names of users, one for each visitor. */
  readonly users: readonly string[]
  /** Clients of each visitor. */
  readonly tabs: number
  /** Precedes the names of sessions, so that no two loads have the same. */
  readonly name: string
  /** As for the checker; none by default. */
  readonly unsettledMs?: number
}

/** What a request of the load was about. */
interface Asked {
  readonly visitor: Visitor
  readonly client: string
  readonly process: number
  readonly session: string
  readonly cookie: string
}

/** Visitors who read, add, choose, sign in and out at all processes, and the history of it. */
export class Load {
  readonly history: HistoryEvent[] = []
  readonly visitors: readonly Visitor[]
  /** The share of requests whose client goes away within a few milliseconds. */
  abortShare = 0
  readonly #options: LoadOptions
  #running: Promise<unknown> = Promise.resolve()
  #isOn = false
  #count = 0

  constructor(options: LoadOptions) {
    this.#options = options
    this.visitors = options.users.map((user) => new Visitor(user))
  }

  start(): void {
    this.#isOn = true
    const clients = this.visitors.flatMap((visitor) =>
      Array.from({ length: this.#options.tabs }, (_, tab) => this.#visit(visitor, tab)),
    )
    this.#running = Promise.all(clients)
  }

  async stop(): Promise<void> {
    this.#isOn = false
    await this.#running
  }

  /**
   * Waits, while the load goes on, until every process answers well.
   *
   * @returns seconds from `since` to the end of the last request that failed
   */
  async recovery(since: number, maxSeconds = 20): Promise<number> {
    const last = () => {
      const after = this.history.filter(({ end }) => end > since)
      const bad = after.findLastIndex(isBad)
      const good = after.slice(bad + 1)
      const everywhere = new Set(good.map(({ process }) => process)).size === this.#options.ports.length
      const seconds = ((after[bad]?.end ?? since) - since) / 1000
      return { healthy: everywhere && good.length >= HEALTHY, seconds }
    }
    while (!last().healthy && performance.now() - since < maxSeconds * 1000) await pause(20)
    return last().healthy ? last().seconds : Number.POSITIVE_INFINITY
  }

  /** Reads every live session and every ended one once at each process, when every item must be there. */
  async readAll(): Promise<void> {
    const unknown = this.history.findLast(({ op, outcome }) => op.kind === 'add' && outcome === 'unknown')
    const settled = (unknown?.end ?? 0) + (this.#options.unsettledMs ?? 0)
    while (performance.now() <= settled) await pause(settled - performance.now())
    for (const visitor of this.visitors) {
      for (const [process] of this.#options.ports.entries()) {
        if (visitor.session !== null) await this.read(visitor, process)
        for (const ghost of visitor.ghosts.slice(-MAX_GHOSTS)) await this.readWith(visitor, process, ghost)
      }
    }
  }

  async login(visitor: Visitor, process: number): Promise<HistoryEvent> {
    const session = this.#next(`${this.#options.name}.${visitor.user}`)
    const body = { username: visitor.user, session }
    const asked = { visitor, client: visitor.user, process, session, cookie: visitor.cookie }
    const { event, reply } = await this.#send(asked, { kind: 'login' }, '/sign-in', body)
    if (event.outcome === 'ok') {
      visitor.keep(reply)
      visitor.session = session
      visitor.ending = false
    }
    return event
  }

  /** Signs in, again while the application is too busy. @throws Error if it does not work at all */
  async signIn(visitor: Visitor, process: number): Promise<void> {
    for (let attempt = 0; attempt < MAX_SIGN_INS; attempt++) {
      if ((await this.login(visitor, process)).outcome === 'ok') return
      await pause(GAP_MS)
    }
    throw new Error(`${visitor.user} cannot sign in`)
  }

  async logout(visitor: Visitor, process: number, client = visitor.user): Promise<HistoryEvent> {
    const asked = this.#asked(visitor, process, client)
    visitor.ending = true
    const { event } = await this.#send(asked, { kind: 'logout' }, '/sign-out', {})
    if (event.outcome === 'ok') visitor.over(asked.session)
    if (event.outcome === 'fail') visitor.ending = false
    return event
  }

  async read(visitor: Visitor, process: number, client = visitor.user): Promise<HistoryEvent> {
    return await this.#change(this.#asked(visitor, process, client), { kind: 'read' }, '/state')
  }

  async add(visitor: Visitor, process: number, client = visitor.user, once = false): Promise<HistoryEvent> {
    const asked = this.#asked(visitor, process, client)
    const item = this.#next(asked.session)
    for (let attempt = 0; ; attempt++) {
      const event = await this.#change(asked, { kind: 'add', item, once }, '/add', { item, once })
      if (!once || event.outcome !== 'unknown' || attempt === MAX_REPEATS) return event
    }
  }

  async setPref(visitor: Visitor, process: number, client = visitor.user): Promise<HistoryEvent> {
    const asked = this.#asked(visitor, process, client)
    const [name, value] = [Math.random() < 0.5 ? 'a' : 'b', ++this.#count]
    return await this.#change(asked, { kind: 'setPref', name, value }, '/pref', { name, value })
  }

  /** Changes the key; to the history it is a read. */
  async rotate(visitor: Visitor, process: number, client: string): Promise<HistoryEvent> {
    return await this.#change(this.#asked(visitor, process, client), { kind: 'read' }, '/rotate', {})
  }

  /** Notes that something else than a logout has ended a session. */
  noteEnding(session: string, user: string, begin: number, outcome: 'ok' | 'unknown'): void {
    const end = performance.now()
    this.history.push({ begin, end, process: 0, client: ANYBODY, session, user, op: { kind: 'logout' }, outcome })
  }

  async #visit(visitor: Visitor, tab: number): Promise<void> {
    const client = `${visitor.user}/${tab}`
    while (this.#isOn) {
      await pause(Math.random() * 2 * GAP_MS)
      const process = Math.trunc(Math.random() * this.#options.ports.length)
      const dice = Math.random()
      if (visitor.session === null || visitor.ending) {
        if (tab !== 0) continue
        if (visitor.session === null) await this.login(visitor, process)
        else await this.logout(visitor, process, client)
      } else if (dice < 0.04 && tab === 0) await this.logout(visitor, process, client)
      else if (dice < 0.14) await this.setPref(visitor, process, client)
      else if (dice < 0.4) await this.add(visitor, process, client, Math.random() < 0.5)
      else if (dice < 0.9) await this.read(visitor, process, client)
      else {
        const ghost = visitor.ghosts.at(-1)
        if (ghost !== undefined) await this.readWith(visitor, process, ghost)
      }
    }
  }

  /** Reads with a cookie that is not, or no longer, the visitor's. */
  async readWith(visitor: Visitor, process: number, ghost: Visitor['ghosts'][number]): Promise<HistoryEvent> {
    const { event } = await this.#send(
      { visitor, client: `${visitor.user}/ghost`, process, ...ghost },
      { kind: 'read' },
      '/state',
    )
    return event
  }

  #asked(visitor: Visitor, process: number, client: string): Asked {
    const { session, cookie } = visitor
    if (session === null) throw new Error(`${visitor.user} is not signed in`)
    return { visitor, client, process, session, cookie }
  }

  async #change(asked: Asked, op: Op, path: string, body?: object): Promise<HistoryEvent> {
    const { event, reply } = await this.#send(asked, op, path, body)
    const { visitor, session } = asked
    if (event.observed === null) visitor.over(session)
    else if (visitor.session === session && event.outcome === 'ok') visitor.keep(reply)
    return event
  }

  async #send(asked: Asked, op: Op, path: string, body?: object): Promise<{ event: HistoryEvent; reply: Reply }> {
    const { visitor, client, process, session, cookie } = asked
    const port = this.#options.ports[process] ?? 0
    const begin = performance.now()
    const reply = await ask({
      port,
      method: body === undefined ? 'GET' : 'POST',
      path: `/load${path}`,
      cookie,
      ...(body === undefined ? {} : { body }),
      timeout: Math.random() < this.abortShare ? Math.random() * 10 : TIMEOUT_MS,
    })
    const end = performance.now()
    const event = {
      begin,
      end,
      process,
      client,
      session,
      user: visitor.user,
      op,
      ...judge(reply, op),
      ...statusOf(reply),
    }
    this.history.push(event)
    return { event, reply }
  }

  #next(prefix: string): string {
    return `${prefix}.${++this.#count}`
  }
}

function judge(reply: Reply, op: Op): Pick<HistoryEvent, 'outcome' | 'observed'> {
  if (reply === 'refused') return { outcome: 'fail' }
  if (reply === 'cut' || reply.status >= 500) return { outcome: 'unknown' }
  if (reply.status === 401) return { outcome: 'fail', observed: null }
  if (REFUSALS.includes(reply.status)) return { outcome: 'fail' }
  if (reply.status !== 200) throw new Error(`${op.kind} was answered with ${reply.status}: ${reply.text}`)
  return op.kind === 'logout' ? { outcome: 'ok' } : { outcome: 'ok', observed: observedIn(reply.text) }
}

function statusOf(reply: Reply): Pick<HistoryEvent, 'status'> {
  return typeof reply === 'string' ? {} : { status: reply.status }
}

/** Whether a visitor noticed a fault. */
function isBad({ outcome, status }: HistoryEvent): boolean {
  return outcome === 'unknown' || status === undefined
}

function observedIn(text: string): Observed {
  const parsed = shown.safeParse(parsedJson(text))
  if (!parsed.success) return UNREADABLE
  const { username, session, items, prefs } = parsed.data
  return username === null ? null : { user: username, session: session ?? 'none', items, prefs }
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
