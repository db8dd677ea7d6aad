import type { StoredEngine } from '../../../src/session/engines/stored.ts'
import type { SessionSettings } from '../../../src/session/http/session-settings.ts'
import { Handler, readOf } from './handler.ts'
import type { Exchange } from './history.ts'
import type { Implementation } from './implementation.ts'
import { CLEAR, ModelStore, parsed, Records } from './model-store.ts'
import type { Program, Request, Start } from './programs.ts'
import { currentActor, Schedule, type Step } from './schedule.ts'

const COOKIE = { name: 's', path: '/', secure: false, httpOnly: true, sameSite: 'Lax', maxSize: 4096 } as const
const EXPIRY = { cookieAge: 86_400, atBrowserClose: false, touchAfter: 0.1 }
/** Seconds; longer than the minute that a successor lives until it is confirmed. */
export const FORWARD_FOR = 120
const AFTER_A_FAILURE = 'The last save failed, so nothing more can be stored'
const NO_CLIENT = { ipAddress: null, userAgent: null }

/** A storage with sessions in it, and browsers that hold their cookies. */
export interface Snapshot {
  readonly records: Records
  readonly jars: ReadonlyMap<string, string>
  /** The public id that each session key was given to. */
  readonly idOf: ReadonlyMap<string, string>
}

/** One run of a program: its storage, processes and browsers. */
export class World {
  readonly engine: Implementation
  readonly schedule: Schedule
  readonly records: Records
  readonly jars: Map<string, string>
  readonly idOf: Map<string, string>
  readonly exchanges: Exchange[] = []
  /** What went wrong that no application should see. */
  readonly unexpected: string[] = []
  /** The sessions that were there before. */
  readonly deviceIds: readonly string[]
  readonly #engines = new Map<number, StoredEngine>()

  constructor(engine: Implementation, from: Snapshot, program: Program) {
    this.engine = engine
    this.records = new Records(from.records)
    this.jars = new Map(from.jars)
    this.idOf = new Map(from.idOf)
    this.deviceIds = [...new Set(from.idOf.values())]
    this.schedule = new Schedule(program.faults, program.evicts ? this.#evictions() : undefined)
    for (const [at, request] of program.requests.entries()) {
      const name = `R${at + 1}`
      currentActor.run(name, () => void this.#send(name, request))
    }
  }

  engineOf(process: number): StoredEngine {
    const known = this.#engines.get(process)
    if (known !== undefined) return known
    const store = new ModelStore({
      records: this.records,
      errors: this.engine.errors,
      schedule: this.schedule,
      process,
    })
    const engine = engineOn(this.engine, store, this.records)
    this.#engines.set(process, engine)
    return engine
  }

  statusOf(error: unknown): number {
    if (error instanceof Error && 'status' in error) return Number(error.status)
    if (error instanceof Error && error.message === AFTER_A_FAILURE) return 500
    this.unexpected.push(error instanceof Error ? String(error.stack) : String(error))
    return 500
  }

  async #send(name: string, { browser, process, ops }: Request): Promise<void> {
    const { schedule, engine } = this
    await schedule.wait({ actor: name, kind: 'begin', label: `${browser} sends: ${ops.join(', ')}`, process })
    const sent = this.jars.get(browser)
    const begun = schedule.log.length
    const exchange: Exchange = { name, browser, sent, begun, arrived: Infinity, status: 200, cookies: [], events: [] }
    this.exchanges.push(exchange)
    const settings = settingsOf(this.engineOf(process), this.records, ops.includes('touch'))
    try {
      const found = await engine.openCookies(settings, sent === undefined ? [] : [sent])
      exchange.events.push(...readOf(sent, found))
      const opened = new engine.OpenedSession(found, settings, {
        client: NO_CLIENT,
        cookies: sent === undefined ? 0 : 1,
        canSendCookie: () => true,
        sendCookie: (header) => {
          const key = /^s=([^;]*)/.exec(header)?.[1] ?? ''
          exchange.cookies.push(key)
          const record = this.records.byKey.get(key)
          if (record !== undefined && parsed(record.data).successor !== undefined) {
            this.unexpected.push(`${name} sends ${this.records.nameOf(key)}, which was changed before`)
          }
          const { id } = opened.session
          if (id !== null) this.idOf.set(key, id)
        },
      })
      const handler = new Handler(this, exchange, opened, process)
      try {
        for (const op of ops) await handler.perform(op)
        await handler.settle(ops.includes('touch'))
      } finally {
        opened.state.close()
      }
      if (ops.includes('too late')) handler.tooLate()
    } catch (error) {
      exchange.status = this.statusOf(error)
    }
    await schedule.wait({ actor: name, kind: 'arrive', label: `${exchange.status} arrives`, browser, process })
    exchange.arrived = schedule.log.length
    for (const key of exchange.cookies) {
      if (key === '') this.jars.delete(browser)
      else this.jars.set(browser, key)
    }
  }

  #evictions() {
    const { records, exchanges } = this
    return {
      all: (): Step[] =>
        [...records.byKey.keys()].map((key) => {
          const label = `evict ${records.nameOf(key)}`
          return { actor: 'cache', kind: 'evict', label, record: key, writes: true, process: -1 }
        }),
      apply: ({ record: key = '' }: Step) => {
        const record = records.byKey.get(key)
        if (record === undefined) return
        records.byKey.delete(key)
        const forward = parsed(record.data).successor !== undefined
        const event = { kind: 'evicted', key, id: record.sessionId ?? '', forward } as const
        const begun = this.schedule.log.length
        const origin = { name: 'cache', browser: '', sent: undefined, status: 200, cookies: [] }
        exchanges.push({ ...origin, begun, arrived: Infinity, events: [event] })
      },
    }
  }
}

/** An engine that is not held up by a schedule. */
export function engineOn(engine: Implementation, store: ModelStore, records: Records): StoredEngine {
  const now = () => records.now
  return new engine.StoredEngine({ store, codec: CLEAR, expiry: EXPIRY, forwardSeconds: FORWARD_FOR, now })
}

function settingsOf(engine: StoredEngine, records: Records, touching: boolean): SessionSettings {
  // The schedule decides how long a request waits. A program that is given up leaves requests that wait for ever.
  const storeTimeout = Number.POSITIVE_INFINITY
  return { engine, cookie: COOKIE, expiry: EXPIRY, saveEveryRequest: touching, storeTimeout, now: () => records.now }
}

/** What programs start from, made once for an engine. */
export async function snapshot(engine: Implementation, start: Start): Promise<Snapshot> {
  const records = new Records()
  const jars = new Map<string, string>()
  const idOf = new Map<string, string>()
  const browsers = start === 'no session' ? [] : start === 'two devices' ? ['A', 'B'] : ['A']
  for (const browser of browsers) {
    const settings = settingsOf(
      engineOn(engine, new ModelStore({ records, errors: engine.errors }), records),
      records,
      false,
    )
    const opened = new engine.OpenedSession({ live: false }, settings, {
      client: NO_CLIENT,
      cookies: 0,
      canSendCookie: () => true,
      sendCookie: () => {},
    })
    const { session } = opened
    session.set('items', [`${browser}.0`])
    session.set('color', `${browser}.0`)
    if (start !== 'anonymous') await engine.signIn(session, 'ada')
    session.set(engine.slices.gone, [`${browser}.0`])
    await session.save()
    if (session.key === null || session.id === null) throw new Error('Nothing was stored')
    records.nameOf(session.key)
    jars.set(browser, session.key)
    idOf.set(session.key, session.id)
  }
  return { records, jars, idOf }
}
