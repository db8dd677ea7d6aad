import { emptyData, plainJson, type SessionData } from '../../../src/session/core/data.ts'
import type { OpenedSession } from '../../../src/session/http/opened-session.ts'
import type { Session } from '../../../src/session/session.ts'
import { applied, type Effect, type Exchange, type HistoryEvent, type Outcome, simple } from './history.ts'
import type { Op } from './programs.ts'
import type { World } from './world.ts'

type Commit = HistoryEvent & { kind: 'commit' }

/** Runs the program of a request and records the outcomes. */
export class Handler {
  readonly #world: World
  readonly #exchange: Exchange
  readonly #opened: OpenedSession
  readonly #process: number
  #effects: Effect[] = []
  #change: Commit['change'] = 'none'
  #next = 1
  /** Nothing was even tried: the last save failed. */
  #failed = false

  constructor(world: World, exchange: Exchange, opened: OpenedSession, process: number) {
    this.#world = world
    this.#exchange = exchange
    this.#opened = opened
    this.#process = process
  }

  get #session(): Session {
    return this.#opened.session
  }

  /** @throws what the session throws; the request is answered with that */
  async perform(op: Op): Promise<void> {
    const session = this.#session
    const { slices } = this.#world.engine
    const id = `${this.#exchange.name}.${this.#next++}`
    const note = (effect: Effect) => void this.#effects.push(effect)
    if (op === 'update') {
      session.update('items', (items) => [...(Array.isArray(items) ? items : []), id])
      note({ kind: 'append', key: 'items', id })
    } else if (op === 'push') {
      const items = session.get('items')
      if (!Array.isArray(items)) return
      items.push(id)
      note({ kind: 'append if there', key: 'items', id })
    } else if (op === 'set') {
      session.set('color', id)
      note({ kind: 'set', key: 'color', id })
    } else if (op === 'default') {
      if (session.has('shade')) return
      session.setDefault('shade', id)
      note({ kind: 'default', key: 'shade', id })
    } else if (op === 'delete') {
      if (session.delete('items')) note({ kind: 'delete', key: 'items' })
    } else if (op === 'drop') {
      session.drop('color')
      note({ kind: 'delete', key: 'color' })
    } else if (op === 'clear') {
      session.clear()
      this.#effects = [{ kind: 'clear' }]
    } else if (op === 'kept' || op === 'gone') {
      session.update(slices[op], (list) => [...list, id])
      note({ kind: 'append to slice', key: op, id })
    } else if (op === 'sign in') await this.#signIn('ada')
    else if (op === 'sign in as another') await this.#signIn('bob')
    else if (op === 'change key') {
      await session.cycleKey()
      if (this.#change === 'none') this.#change = 'key'
    } else if (op === 'logout') await this.#end()
    else if (op === 'end others' || op === 'end one') await this.#endOthers(op)
    else if (op === 'save') await this.#save()
    else if (op === 'save twice') await this.#saveTwice()
  }

  /** What the middleware does when the handler is through. */
  async settle(active: boolean): Promise<void> {
    await this.#handle('settle')
    const decision = this.#opened.decide(200, active)
    const done = () => {
      const carriedOut = this.#opened.apply(decision)
      this.#opened.state.close()
      return carriedOut
    }
    if (decision.write === 'none' || decision.write === 'touch') await done()
    else await this.#commit(done)
  }

  /** A change after the answer, which must not be taken and then forgotten. */
  tooLate(): void {
    const id = `${this.#exchange.name}.late`
    try {
      this.#session.update('items', (items) => [...(Array.isArray(items) ? items : []), id])
    } catch {
      return
    }
    const effects = [{ kind: 'append', key: 'items', id }] as const
    this.#exchange.events.push({ ...this.#begun(), effects, outcome: 'acknowledged', ...this.#after() })
  }

  async #signIn(user: string): Promise<void> {
    const session = this.#session
    const signedIn = session.userId
    const work = () => this.#world.engine.signIn(session, user)
    if (signedIn !== null && signedIn !== user) {
      await this.#handle('end')
      await this.#ending(work)
    } else await work()
    this.#effects.push({ kind: 'sign in', user })
    this.#change = 'sign-in'
  }

  async #save(): Promise<void> {
    await this.#handle('save')
    await this.#commit(() => this.#session.save())
  }

  /** Tries again after an unknown result. */
  async #saveTwice(): Promise<void> {
    try {
      await this.#save()
    } catch (error) {
      if (this.#outcomeOf(error) === 'refused') throw error
      await this.#session.save().catch(() => {})
    }
  }

  async #commit(work: () => Promise<void>): Promise<void> {
    const commit = this.#begun()
    this.#effects = []
    this.#change = 'none'
    let outcome: Outcome = 'unknown'
    try {
      await work()
      outcome = 'acknowledged'
    } catch (error) {
      outcome = this.#outcomeOf(error)
      // A handler that goes on after a refusal still has its changes.
      if (outcome === 'refused') {
        this.#effects = [...commit.effects, ...this.#effects]
        this.#change = commit.change
      }
      throw error
    } finally {
      // Nothing was done, or nothing is what there was before and afterwards.
      const nothing = Object.keys(applied(commit.effects, emptyData())).length === 0
      const idle = commit.change === 'none' && (commit.effects.length === 0 || (commit.key === undefined && nothing))
      if (!idle && !this.#failed) {
        this.#exchange.events.push({ ...commit, outcome, ...(outcome === 'acknowledged' ? this.#after() : {}) })
      }
    }
  }

  async #end(): Promise<void> {
    await this.#handle('end')
    await this.#ending(() => this.#session.flush())
  }

  async #ending(work: () => Promise<void>): Promise<void> {
    const { key } = this.#session
    let outcome: Outcome = 'acknowledged'
    try {
      await work()
      this.#effects = []
      this.#change = 'none'
    } catch (error) {
      outcome = this.#outcomeOf(error)
      throw error
    } finally {
      if (key !== null && outcome !== 'refused') this.#exchange.events.push({ kind: 'end', key, outcome })
    }
  }

  async #endOthers(op: 'end others' | 'end one'): Promise<void> {
    const { userId: user, id: own } = this.#session
    const others = this.#world.deviceIds.filter((id) => id !== own)
    const [first] = others
    if (user === null || own === null || first === undefined) return
    await this.#handle(op)
    let outcome: Outcome = 'acknowledged'
    try {
      const engine = this.#world.engineOf(this.#process)
      if (op === 'end others') await engine.endUser(user, own)
      else await engine.endOne(user, first)
    } catch (error) {
      outcome = this.#outcomeOf(error)
      throw error
    } finally {
      const id = op === 'end one' ? first : undefined
      this.#exchange.events.push({ kind: 'end others', user, id, own, outcome })
    }
  }

  #begun(): Omit<Commit, 'outcome' | 'after'> {
    const key = this.#session.key ?? undefined
    return { kind: 'commit', key, effects: this.#effects, change: this.#change }
  }

  #after(): Pick<Commit, 'after'> {
    const { id, key } = this.#session
    return id === null || key === null ? {} : { after: { id, key } }
  }

  #outcomeOf(error: unknown): Outcome {
    const status = this.#world.statusOf(error)
    this.#failed ||= status === 500
    return status === 503 ? 'unknown' : 'refused'
  }

  async #handle(label: string): Promise<void> {
    await this.#world.schedule.wait({ actor: this.#exchange.name, kind: 'handle', label, process: this.#process })
  }
}

/** What a request found where its cookie led. */
export function readOf(
  sent: string | undefined,
  found: Awaited<ReturnType<World['engine']['openCookies']>>,
): HistoryEvent[] {
  if (sent === undefined) return []
  if (!found.live) return [{ kind: 'read', key: sent, found: undefined, forwarded: false }]
  return [
    {
      kind: 'read',
      key: sent,
      found: simple(plainJson(found.loaded.data) as SessionData),
      forwarded: found.loaded.forwarded === true,
    },
  ]
}
