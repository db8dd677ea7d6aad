import type { SessionData } from '../../../src/session/core/data.ts'
import { type Exchange, type HistoryEvent, simple, text, userOf } from './history.ts'
import { CLEAR, ModelStore, parsed } from './model-store.ts'
import type { Program } from './programs.ts'
import { after, isDead, type Keys, type Model } from './sessions-model.ts'
import { engineOn, FORWARD_FOR, type Snapshot, type World } from './world.ts'

/** What a session key leads to when everything is quiet. */
interface Probe {
  readonly live: boolean
  readonly data: SessionData
}

/** A description of the first property that this run breaks; undefined when all hold. */
export async function violation(program: Program, from: Snapshot, world: World): Promise<string | undefined> {
  if (world.unexpected.length > 0) return `0: unexpected: ${world.unexpected[0]}`
  if (world.exchanges.some(({ name, arrived }) => name !== 'cache' && arrived === Infinity)) return '0: a request hangs'
  const keys = keysOf(world)
  const probes = await probesOf(world)
  const signedOut = await signedOutBrowser(program, world)
  const wrong = signedOut ?? leakedData(program, from, world, keys, probes) ?? serial(from, world, keys, probes)
  if (wrong !== undefined) return wrong
  world.records.now += (FORWARD_FOR + 61) * 1000
  return (await signedOutBrowser(program, world)) ?? duplicateRecords(world)
}

async function probesOf(world: World): Promise<Map<string, Probe>> {
  const engine = engineAfter(world)
  const probes = new Map<string, Probe>()
  for (const key of world.idOf.keys()) {
    const opened = await engine.open(key)
    probes.set(key, { live: opened.live, data: opened.live ? simple(opened.loaded.data) : {} })
  }
  return probes
}

function engineAfter({ engine, records }: World) {
  return engineOn(engine, new ModelStore({ records, errors: engine.errors }), records)
}

const LEAVES = ['logout', 'sign in as another', 'end others', 'end one', 'clear']

/** 3: no order of responses signs out a user who stays signed in. */
async function signedOutBrowser(program: Program, world: World): Promise<string | undefined> {
  if (program.start === 'no session' || program.requests.some(({ ops }) => ops.some((op) => LEAVES.includes(op))))
    return
  const events = world.exchanges.flatMap(({ events }) => events)
  if (events.some((it) => it.kind === 'evicted')) return
  const changes = events.filter((it) => it.kind === 'commit').filter(({ change }) => change !== 'none')
  if (changes.some(({ outcome }) => outcome === 'unknown')) return
  const signedIn = changes.some(({ change, outcome }) => change === 'sign-in' && outcome === 'acknowledged')
  if (program.start === 'anonymous') {
    if (!signedIn) return
    // A key that was changed before the sign-in may arrive after it, and must not open what the sign-in protects.
    if (changes.some(({ change }) => change === 'key')) return
  }
  const engine = engineAfter(world)
  for (const [browser, key] of world.jars) {
    // A sign-in that joined another sends the key a second time, and may arrive after the key's next change.
    const timesSent = world.exchanges.filter(({ cookies }) => cookies.includes(key)).length
    if (timesSent > 1 && keysOf(world).laterThan(key).size > 0) continue
    const opened = await engine.open(key)
    const name = world.records.nameOf(key)
    if (!opened.live) return `3: the browser ${browser} holds ${name}, which opens nothing`
    if (userOf(opened.loaded.data) === null) return `3: the browser ${browser} holds ${name}, which is anonymous`
  }
  return undefined
}

/** 4: a key from before a sign-in shows nothing of what came after it, and no answer sends more. */
function leakedData(
  program: Program,
  from: Snapshot,
  world: World,
  keys: Keys,
  probes: ReadonlyMap<string, Probe>,
): string | undefined {
  const seen = [...probes].map(([key, { live, data }]) => ({ key, data: live ? data : undefined }))
  for (const it of world.exchanges.flatMap(({ events }) => events)) {
    if (it.kind === 'read') seen.push({ key: it.key, data: it.found })
  }
  for (const { exchange, signIn } of signIns(world)) {
    if (signIn.key === undefined || signIn.after === undefined) continue
    const newer = new Set([signIn.after.key, ...keys.laterThan(signIn.after.key)])
    const before = [...world.idOf.keys()].filter(
      (key) => key === signIn.key || keys.laterThan(key).has(signIn.key ?? ''),
    )
    const authors = world.exchanges.filter(({ sent }) => sent !== undefined && newer.has(sent)).map(({ name }) => name)
    const own = signIn.effects.flatMap((effect) => ('id' in effect ? [effect.id] : []))
    for (const { key, data } of seen) {
      if (data === undefined || !before.includes(key) || newer.has(key)) continue
      const late = idsIn(data).find((id) => own.includes(id) || authors.includes(id.split('.')[0] ?? ''))
      if (late !== undefined)
        return `4: ${world.records.nameOf(key)} shows ${late}, which came after the sign-in of ${exchange.name}`
      if (program.start === 'anonymous' && from.idOf.has(key) && userOf(data) !== null)
        return `4: ${world.records.nameOf(key)} shows a user who signed in later`
    }
    for (const other of world.exchanges) {
      if (other === exchange || other.sent === undefined || !before.includes(other.sent)) continue
      if (program.start !== 'anonymous' || !from.idOf.has(other.sent)) continue
      if (signIns({ exchanges: [other] }).length > 0) continue
      if (other.cookies.some((key) => newer.has(key))) return `4: ${other.name} received the key of another sign-in`
    }
  }
  return undefined
}

function signIns({ exchanges }: Pick<World, 'exchanges'>) {
  return exchanges.flatMap((exchange) =>
    exchange.events.flatMap((it) =>
      it.kind === 'commit' && it.change === 'sign-in' && it.outcome === 'acknowledged'
        ? [{ exchange, signIn: it }]
        : [],
    ),
  )
}

/** 5: when all short lives are over, a session has one record. */
function duplicateRecords({ records }: World): string | undefined {
  const owners = new Map<string, string>()
  for (const [key, { sessionId, data }] of records.byKey) {
    if (records.live(key) === undefined || parsed(data).successor !== undefined || sessionId === null) continue
    const other = owners.get(sessionId)
    if (other !== undefined) return `5: ${records.nameOf(key)} and ${other} are both records of one session`
    owners.set(sessionId, records.nameOf(key))
  }
  return undefined
}

/** 1 and 2: some order of all that was done, each at one moment of its request, leads to what was seen and what is left. */
function serial(from: Snapshot, world: World, keys: Keys, probes: ReadonlyMap<string, Probe>): string | undefined {
  const live = new Map<string, SessionData>()
  const current = new Map<string, string>()
  for (const [key, id] of from.idOf) {
    live.set(id, simple(parsed(from.records.byKey.get(key)?.data ?? '{}').data))
    current.set(id, key)
  }
  const start: Model = { live, current, replaced: new Map(), dead: new Set() }
  const left = remainingRecords(world)
  const exchanges = world.exchanges.map((exchange) => ({
    ...exchange,
    events: exchange.events.flatMap(oneByOne(world)),
  }))
  const fits = (model: Model) => matchesRemaining(model, left, keys, probes)
  if (
    search(
      start,
      exchanges.map((exchange) => ({ exchange, at: 0 })),
      keys,
      fits,
    )
  )
    return undefined
  const shown = [...left].map(
    ([id, all]) => `${world.records.nameOf(keyOf(world, id))}: ${all.map(text).join(' and ')}`,
  )
  const opening = [...probes].filter(([, { live: opens }]) => opens).map(([key]) => world.records.nameOf(key))
  return `1 or 2: no order of the requests explains what is left\n  left: ${shown.join('; ') || 'nothing'}\n  keys that open: ${
    opening.join(', ') || 'none'
  }`
}

/** The end of several sessions takes position at several moments. */
function oneByOne({ idOf }: World) {
  const all = [...new Set(idOf.values())]
  return (it: HistoryEvent): HistoryEvent[] => {
    if (it.kind !== 'end others' || it.id !== undefined) return [it]
    return all.filter((id) => id !== it.own).map((id) => ({ ...it, id }))
  }
}

interface Position {
  readonly exchange: Exchange
  readonly at: number
}

function search(model: Model, positions: readonly Position[], keys: Keys, fits: (model: Model) => boolean): boolean {
  const open = positions.filter(({ exchange, at }) => at < exchange.events.length)
  if (open.length === 0) return fits(model)
  for (const position of open) {
    const { exchange, at } = position
    if (open.some((other) => other.exchange.arrived < exchange.begun)) continue
    const rest = positions.map((other) => (other === position ? { exchange, at: at + 1 } : other))
    const event = exchange.events[at] as HistoryEvent
    if (after(model, event, keys).some((next) => search(next, rest, keys, fits))) return true
  }
  return false
}

/** The records that each session's keys lead to in the end. */
function remainingRecords({ idOf, records }: World): Map<string, SessionData[]> {
  const found = new Map<string, Map<string, SessionData>>()
  for (const [first, id] of idOf) {
    const ends = found.get(id) ?? new Map<string, SessionData>()
    found.set(id, ends)
    let key: string | undefined = first
    while (key !== undefined) {
      const record = records.live(CLEAR.storeKey(key))
      if (record === undefined) break
      const { data, successor } = parsed(record.data)
      if (successor === undefined) ends.set(key, simple(data))
      key = successor
    }
  }
  return new Map([...found].map(([id, ends]) => [id, [...ends.values()]]))
}

function matchesRemaining(
  model: Model,
  left: Map<string, SessionData[]>,
  keys: Keys,
  probes: ReadonlyMap<string, Probe>,
): boolean {
  for (const [id, all] of left) {
    const data = model.live.get(id)
    const own = [...keys.idOf].filter(([, of]) => of === id).map(([key]) => key)
    if (data === undefined) {
      if (all.length > 0 || own.some((key) => probes.get(key)?.live)) return false
      continue
    }
    const lost = own.filter((key) => isDead(model, key, keys))
    if (own.some((key) => probes.get(key)?.live !== !lost.includes(key))) return false
    if (all.length === 0 && lost.length === own.length) continue
    if (all.length !== 1 || text(all[0]) !== text(data)) return false
  }
  return true
}

function keysOf({ idOf, exchanges }: World): Keys {
  const next = new Map<string, Set<string>>()
  for (const { events } of exchanges) {
    for (const it of events) {
      if (it.kind !== 'commit' || it.key === undefined || it.after === undefined || it.key === it.after.key) continue
      if (idOf.get(it.key) !== it.after.id) continue
      next.set(it.key, (next.get(it.key) ?? new Set()).add(it.after.key))
    }
  }
  const laterThan = (key: string): ReadonlySet<string> => {
    const all = new Set<string>()
    const add = (from: string) => {
      for (const later of next.get(from) ?? []) {
        if (all.has(later)) continue
        all.add(later)
        add(later)
      }
    }
    add(key)
    return all
  }
  return { idOf, laterThan }
}

function idsIn(data: SessionData): string[] {
  return Object.values(data).flatMap((value) => (Array.isArray(value) ? value.map(String) : [String(value)]))
}

function keyOf({ idOf }: World, id: string): string {
  return [...idOf].find(([, of]) => of === id)?.[0] ?? ''
}
