import test from 'ava'
import { KeyTakenError } from '../../../src/session/core/errors.ts'
import {
  canClear,
  knowsUsers,
  type SessionRecord,
  type SessionStore,
  type Version,
} from '../../../src/session/stores/store.ts'
import { storm } from '../../support/storm.ts'
import { seeded } from '../explorer/explore.ts'
import { type Call, type Event, isLinearizable, printed } from './history.ts'

const SECONDS = Number(process.env['FUZZ_SECONDS'] ?? (storm ? 5 : 1))
const SEED = Number(process.env['FUZZ_SEED'] ?? 1)
const NOW = Date.parse('2026-03-01T12:00:00Z')
const HOUR = 3_600_000
const WORKERS = 4
const CALLS = 8
const KEYS = 2

/** Two ways into one storage, as two processes have them. */
export interface Handles {
  readonly stores: readonly [SessionStore, SessionStore]
  close(): Promise<void>
}

/** What the store keeps and can do. */
export interface FuzzTraits {
  readonly keepsMetadata: boolean
  readonly knowsUsers: boolean
  /** A copy may be read while the write that replaces it is still under way, although another read has seen that write. */
  readonly keepsCopies?: boolean
}

/** Overlapping calls in random sequences, whose answers must fit some order of them on each record. */
export function fuzz(name: string, traits: FuzzTraits, open: (now: () => number) => Promise<Handles>): void {
  test.serial(`${name}: results of random overlapping calls fit some sequential order`, async (t) => {
    t.timeout((SECONDS + 60) * 1000)
    const { stores, close } = await open(() => NOW)
    t.teardown(close)
    const end = performance.now() + SECONDS * 1000
    let sequences = 0
    while (performance.now() < end) {
      const seed = SEED + sequences++
      const sequence = new Sequence(stores, traits, seed)
      for (const [key, events] of await sequence.run()) {
        if (fits(events, traits)) continue
        return t.fail(`No order of the calls on ${key} gives these answers:\n${printed(events)}\nFUZZ_SEED=${seed}`)
      }
    }
    t.log(`${sequences} sequences from seed ${SEED}`)
    t.pass()
  })
}

function fits(events: readonly Event[], { keepsMetadata, keepsCopies = false }: FuzzTraits): boolean {
  const rules = { now: NOW, keepsMetadata }
  if (!keepsCopies) return isLinearizable(events, rules)
  // Each read for itself among what was written: of what others have seen of a write that is under way, a copy knows nothing.
  const writes = events.filter(({ call }) => call.kind !== 'load')
  const reads = events.filter(({ call }) => call.kind === 'load')
  const seen = writes.filter(({ call }) => hasWritten(call)).map((event) => untilCopiesGo(event, writes))
  return isLinearizable(writes, rules) && reads.every((read) => isLinearizable([...seen, read], rules))
}

function hasWritten(call: Call): boolean {
  if (call.kind === 'create') return call.version !== 'taken'
  return call.kind === 'end' || ('outcome' in call && (call.outcome === 'saved' || call.outcome === 'done'))
}

/** The end of all sessions of a user finds the database as a write has just left it, whose copy is still to go. */
function untilCopiesGo(event: Event, writes: readonly Event[]): Event {
  if (event.call.kind !== 'end') return event
  const meanwhile = writes.filter(({ begun, ended }) => begun < event.ended && event.begun < ended)
  return { ...event, ended: Math.max(...meanwhile.map(({ ended }) => ended)) }
}

/** One sequence: on records, and of a user, that no other has. */
class Sequence {
  readonly #stores: readonly [SessionStore, SessionStore]
  readonly #knowsUsers: boolean
  readonly #random: () => number
  readonly #run: string
  readonly #events = new Map<string, Event[]>()
  readonly #versions = new Map<string, Version[]>()
  /** How many are creating this key at the moment. */
  readonly #creating = new Map<string, number>()
  #ticks = 0
  #texts = 0

  constructor(stores: readonly [SessionStore, SessionStore], traits: FuzzTraits, seed: number) {
    this.#stores = stores
    this.#knowsUsers = traits.knowsUsers
    this.#random = seeded(seed)
    this.#run = `${seed}x${Math.trunc(performance.now() * 1000)}`
    for (let key = 1; key <= KEYS; key++) this.#events.set(`${this.#run}x${key}`.padStart(32, 'k'), [])
  }

  async run(): Promise<ReadonlyMap<string, readonly Event[]>> {
    // Drawn before anything begins, so that the seed alone decides what is tried.
    const plans = Array.from({ length: WORKERS }, () => Array.from({ length: CALLS }, () => this.#random()))
    await Promise.all(plans.map((plan, worker) => this.#work(`W${worker + 1}`, this.#store(worker), seededPlan(plan))))
    return this.#events
  }

  #store(worker: number): SessionStore {
    return this.#stores[worker % 2 === 0 ? 0 : 1]
  }

  async #work(worker: string, store: SessionStore, plan: readonly (() => number)[]): Promise<void> {
    for (const random of plan) {
      const keys = [...this.#events.keys()]
      const key = keys[Math.floor(random() * keys.length)] ?? ''
      const begun = ++this.#ticks
      const draw = random()
      const calm = keys.every((each) => (this.#creating.get(each) ?? 0) === 0)
      const many = this.#knowsUsers && draw >= 0.9 && calm
      const calls = many
        ? await this.#callAll(store, keys, random)
        : new Map([[key, await this.#callOne(store, key, draw, random)]])
      const ended = ++this.#ticks
      for (const [of, call] of calls) this.#events.get(of)?.push({ worker, begun, ended, call })
    }
  }

  async #callOne(store: SessionStore, key: string, draw: number, random: () => number): Promise<Call> {
    const known = this.#versions.get(key) ?? []
    // Mostly the newest that anybody has seen.
    const over = random() < 0.7 ? known.at(-1) : known[Math.floor(random() * known.length)]
    const saw = (version: Version) => void this.#versions.set(key, [...(this.#versions.get(key) ?? []), version])
    // Keys are random, so none is created again after it was deleted.
    const creating = this.#creating.get(key) ?? 0
    if (over === undefined && creating < 2) return await this.#create(store, key, saw)
    if (over === undefined || draw < 0.4 || creating > 0) {
      const found = await store.load(key)
      if (found !== undefined) saw(found.version)
      return { kind: 'load', found }
    }
    if (draw < 0.7) {
      const record = this.#record(key, random() < 0.15)
      const saved = await store.save(key, over, record)
      if (saved.outcome === 'saved') saw(saved.version)
      return { kind: 'save', over, record, ...saved }
    }
    if (draw < 0.82) {
      const lastActivity = NOW + this.#texts++
      const expires = random() < 0.2 ? NOW - 1000 : NOW + HOUR + this.#texts * 1000
      const outcome = await store.touch(key, over, { expires, lastActivity })
      return { kind: 'touch', over, expires, lastActivity, outcome }
    }
    if (random() < 0.5) return { kind: 'delete', over, outcome: await store.delete(key, over) }
    return { kind: 'delete', over: undefined, outcome: await store.delete(key) }
  }

  async #create(store: SessionStore, key: string, saw: (version: Version) => void): Promise<Call> {
    const record = this.#record(key, false)
    this.#creating.set(key, (this.#creating.get(key) ?? 0) + 1)
    try {
      const version = await store.create(key, record)
      saw(version)
      return { kind: 'create', record, version }
    } catch (error) {
      if (!(error instanceof KeyTakenError)) throw error
      return { kind: 'create', record, version: 'taken' }
    } finally {
      this.#creating.set(key, (this.#creating.get(key) ?? 0) - 1)
    }
  }

  /** What concerns all sessions of the user, as one call on each. */
  async #callAll(store: SessionStore, keys: readonly string[], random: () => number): Promise<Map<string, Call>> {
    if (!knowsUsers(store)) throw new Error(`${store.name} knows no users`)
    const draw = random()
    if (draw < 0.5) {
      const listed = new Set((await store.listByUser(this.#run)).map(({ key }) => key))
      return new Map(keys.map((key) => [key, { kind: 'list', found: listed.has(key) }]))
    }
    const [first = ''] = keys
    const exceptId = draw < 0.8 ? idOf(first) : undefined
    if (exceptId === undefined && draw < 0.9 && canClear(store)) {
      await store.clearBatch({ kind: 'user', userId: this.#run }, KEYS * 2)
    } else await store.endByUser(this.#run, exceptId)
    return new Map(keys.map((key) => [key, { kind: 'end', exceptId }]))
  }

  /** @param forward whether it leads to another key, and has no user */
  #record(key: string, forward: boolean): SessionRecord {
    const at = this.#texts++
    return {
      data: `text ${at}`,
      expires: NOW + HOUR + at * 1000,
      createdAt: NOW,
      lastActivity: NOW + at,
      userId: forward ? null : this.#run,
      sessionId: forward ? '' : idOf(key),
      ipAddress: null,
      userAgent: null,
    }
  }
}

function idOf(key: string): string {
  return `id-${key}`
}

/** Further numbers for each call, from the one that was drawn for it. */
function seededPlan(plan: readonly number[]): (() => number)[] {
  return plan.map((drawn) => seeded(Math.floor(drawn * 2 ** 32)))
}
