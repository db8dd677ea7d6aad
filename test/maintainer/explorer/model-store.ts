import type { Codec } from '../../../src/session/codec/codec.ts'
import { emptyData, type SessionData } from '../../../src/session/core/data.ts'
import type { Outcome } from '../../../src/session/core/outcome.ts'
import type {
  SaveOutcome,
  SessionRecord,
  SessionStore,
  StoredRecord,
  UserSession,
  UserSessionStore,
  Version,
} from '../../../src/session/stores/store.ts'
import type { Implementation } from './implementation.ts'
import { currentActor, type Schedule } from './schedule.ts'

type Kept = StoredRecord & { version: number }

/** What the store holds, and the time: shared by all processes, and copied to begin again from there. */
export class Records {
  readonly byKey: Map<string, Kept>
  /** Milliseconds since 1970. */
  now: number
  /** Every record key in the order of creation, so that a printed schedule names it alike in each run. */
  readonly #names: string[]

  constructor(from?: Records) {
    this.byKey = new Map([...(from?.byKey ?? [])].map(([key, record]) => [key, { ...record }]))
    this.now = from?.now ?? Date.parse('2026-03-01T12:00:00Z')
    this.#names = [...(from?.nameList ?? [])]
  }

  get nameList(): readonly string[] {
    return this.#names
  }

  /** `K1` for the first key that was created or asked for, and so on. */
  nameOf(key: string): string {
    if (!this.#names.includes(key)) this.#names.push(key)
    return `K${this.#names.indexOf(key) + 1}`
  }

  live(key: string): Kept | undefined {
    const record = this.byKey.get(key)
    return record !== undefined && record.expires > this.now ? record : undefined
  }
}

/**
 * The contract of stores and nothing else: each call waits for the schedule, which also decides whether it is lost.
 *
 * @param options.schedule none: every call is carried out at once
 */
export class ModelStore implements SessionStore, UserSessionStore {
  readonly name = 'model'
  readonly #records: Records
  readonly #schedule: Schedule | undefined
  readonly #process: number
  readonly #errors: Implementation['errors']

  constructor(options: { records: Records; errors: Implementation['errors']; schedule?: Schedule; process?: number }) {
    this.#records = options.records
    this.#errors = options.errors
    this.#schedule = options.schedule
    this.#process = options.process ?? 0
  }

  load(key: string): Promise<StoredRecord | undefined> {
    return this.#call(`load ${this.#records.nameOf(key)}`, key, false, () => {
      const record = this.#records.live(key)
      return record && { ...record }
    })
  }

  create(key: string, record: SessionRecord): Promise<Version> {
    return this.#call(`create ${this.#records.nameOf(key)}`, key, true, () => {
      if (this.#records.byKey.has(key)) throw new this.#errors.KeyTakenError()
      this.#records.byKey.set(key, { ...record, version: 1 })
      return 1
    })
  }

  save(key: string, version: Version, record: SessionRecord): Promise<SaveOutcome> {
    const label = `save ${record.sessionId === '' ? 'a forward over ' : ''}${this.#records.nameOf(key)} at ${version}`
    return this.#call(label, key, true, () => {
      const current = this.#records.live(key)
      if (current === undefined) return { outcome: 'missing' }
      if (current.version !== version) return { outcome: 'conflict' }
      this.#records.byKey.set(key, { ...record, createdAt: current.createdAt, version: version + 1 })
      return { outcome: 'saved', version: version + 1 }
    })
  }

  touch(key: string, version: Version, times: { expires: number; lastActivity: number }): Promise<Outcome> {
    return this.#call(`touch ${this.#records.nameOf(key)} at ${version}`, key, true, () => {
      const current = this.#records.live(key)
      if (current === undefined) return 'missing'
      if (current.version !== version) return 'conflict'
      Object.assign(current, { expires: times.expires, lastActivity: times.lastActivity })
      return 'done'
    })
  }

  delete(key: string, version?: Version): Promise<Outcome> {
    const at = version === undefined ? '' : ` at ${version}`
    return this.#call(`delete ${this.#records.nameOf(key)}${at}`, key, true, () => {
      if (version !== undefined) {
        const current = this.#records.live(key)
        if (current === undefined) return 'missing'
        if (current.version !== version) return 'conflict'
      }
      return this.#records.byKey.delete(key) ? 'done' : 'missing'
    })
  }

  listByUser(userId: string): Promise<UserSession[]> {
    return this.#call(`list the sessions of ${userId}`, '*', false, () =>
      [...this.#records.byKey]
        .filter(([key, record]) => record.userId === userId && this.#records.live(key) !== undefined)
        .map(([key, { sessionId, createdAt, lastActivity, expires, ipAddress, userAgent }]) => {
          return { key, id: sessionId ?? key, createdAt, lastActivity, expires, ipAddress, userAgent }
        }),
    )
  }

  /** One after the other, as a cache does: what comes while it is at work may be left. */
  async endByUser(userId: string, exceptId?: string): Promise<number> {
    let ended = 0
    for (const { key, id } of await this.listByUser(userId)) {
      if (id !== exceptId && (await this.delete(key)) === 'done') ended++
    }
    return ended
  }

  async #call<T>(label: string, record: string, writes: boolean, work: () => T): Promise<T> {
    if (this.#schedule === undefined) return work()
    const actor = currentActor.getStore()
    if (actor === undefined) throw new Error(`No call to ${label} is pending`)
    const answer = await this.#schedule.wait({ actor, kind: 'call', label, record, writes, process: this.#process })
    if (answer === 'lost before') throw new this.#errors.StoreUnavailableError()
    const result = work()
    if (answer === 'lost after') throw new this.#errors.StoreUnavailableError()
    return result
  }
}

/** Data as readable text: what sealing does is tested elsewhere, and would take most of the time here. */
export const CLEAR: Codec = {
  name: 'sealed',
  forwards: true,
  storeKey: (sessionKey) => sessionKey,
  encode: (_sessionKey, data, { successor } = {}) =>
    JSON.stringify(successor === undefined ? { data } : { data, successor }),
  decode(_sessionKey, text) {
    const { data, successor } = parsed(text)
    return { ok: true, data, ...(successor === undefined ? {} : { successor }) }
  },
}

/** What a record holds. */
export function parsed(text: string): { data: SessionData; successor: string | undefined } {
  const { data, successor } = JSON.parse(text) as { data: SessionData; successor?: string }
  return { data: Object.assign(emptyData(), data), successor }
}
