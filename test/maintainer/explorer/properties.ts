import type { SessionData } from '../../../src/session/core/data.ts'
import { type Happening, simple, text, userOf, type Visit } from './history.ts'
import { CLEAR, ModelStore, parsed } from './model-store.ts'
import type { Program } from './programs.ts'
import { after, isDead, type Keys, type Model } from './sessions-model.ts'
import { engineOn, FORWARD_FOR, type Situation, type World } from './world.ts'

/** What a session key leads to when everything is quiet. */
interface Probe {
  readonly live: boolean
  readonly data: SessionData
}

/** The first property that this run breaks, in words; undefined when all hold. */
export async function violation(program: Program, from: Situation, world: World): Promise<string | undefined> {
  if (world.surprises.length > 0) return `0: what nobody expects: ${world.surprises[0]}`
  if (world.visits.some(({ name, arrived }) => name !== 'cache' && arrived === Infinity)) return '0: a request hangs'
  const keys = keysOf(world)
  const probes = await probesOf(world)
  const signedOut = await signedOutBrowser(program, world)
  const wrong = signedOut ?? tooMuchSeen(program, from, world, keys, probes) ?? serial(from, world, keys, probes)
  if (wrong !== undefined) return wrong
  world.records.now += (FORWARD_FOR + 61) * 1000
  return (await signedOutBrowser(program, world)) ?? doubled(world)
}

async function probesOf(world: World): Promise<Map<string, Probe>> {
  const engine = quiet(world)
  const probes = new Map<string, Probe>()
  for (const key of world.idOf.keys()) {
    const opened = await engine.open(key)
    probes.set(key, { live: opened.live, data: opened.live ? simple(opened.loaded.data) : {} })
  }
  return probes
}

function quiet({ engine, records }: World) {
  return engineOn(engine, new ModelStore({ records, errors: engine.errors }), records)
}

const LEAVES = ['logout', 'sign in as another', 'end others', 'end one', 'clear']

/** 3: nobody who is signed in, and stays so, loses that by the order in which answers arrive. */
async function signedOutBrowser(program: Program, world: World): Promise<string | undefined> {
  if (program.start === 'nobody' || program.requests.some(({ ops }) => ops.some((op) => LEAVES.includes(op)))) return
  const happened = world.visits.flatMap(({ happenings }) => happenings)
  if (happened.some((it) => it.kind === 'evicted')) return
  const changes = happened.filter((it) => it.kind === 'commit').filter(({ change }) => change !== 'none')
  if (changes.some(({ outcome }) => outcome === 'unknown')) return
  const signedIn = changes.some(({ change, outcome }) => change === 'sign-in' && outcome === 'acknowledged')
  if (program.start === 'anonymous') {
    if (!signedIn) return
    // A key that was changed before the sign-in may arrive after it, and must not open what the sign-in protects.
    if (changes.some(({ change }) => change === 'key')) return
  }
  const engine = quiet(world)
  for (const [browser, key] of world.jars) {
    // A sign-in that joined another hands out the key a second time, and may arrive after the key's next change.
    const handedOut = world.visits.filter(({ cookies }) => cookies.includes(key)).length
    if (handedOut > 1 && keysOf(world).laterThan(key).size > 0) continue
    const opened = await engine.open(key)
    const name = world.records.nameOf(key)
    if (!opened.live) return `3: the browser ${browser} holds ${name}, which opens nothing`
    if (userOf(opened.loaded.data) === null) return `3: the browser ${browser} holds ${name}, which is nobody's`
  }
  return undefined
}

/** 4: a key from before a sign-in shows nothing of what came after it, and no answer hands out more. */
function tooMuchSeen(
  program: Program,
  from: Situation,
  world: World,
  keys: Keys,
  probes: ReadonlyMap<string, Probe>,
): string | undefined {
  const seen = [...probes].map(([key, { live, data }]) => ({ key, data: live ? data : undefined }))
  for (const it of world.visits.flatMap(({ happenings }) => happenings)) {
    if (it.kind === 'read') seen.push({ key: it.key, data: it.found })
  }
  for (const { visit, signIn } of signIns(world)) {
    if (signIn.key === undefined || signIn.after === undefined) continue
    const newer = new Set([signIn.after.key, ...keys.laterThan(signIn.after.key)])
    const before = [...world.idOf.keys()].filter(
      (key) => key === signIn.key || keys.laterThan(key).has(signIn.key ?? ''),
    )
    const authors = world.visits.filter(({ sent }) => sent !== undefined && newer.has(sent)).map(({ name }) => name)
    const own = signIn.effects.flatMap((effect) => ('id' in effect ? [effect.id] : []))
    for (const { key, data } of seen) {
      if (data === undefined || !before.includes(key) || newer.has(key)) continue
      const late = idsIn(data).find((id) => own.includes(id) || authors.includes(id.split('.')[0] ?? ''))
      if (late !== undefined)
        return `4: ${world.records.nameOf(key)} shows ${late}, which came after the sign-in of ${visit.name}`
      if (program.start === 'anonymous' && from.idOf.has(key) && userOf(data) !== null)
        return `4: ${world.records.nameOf(key)} shows a user who signed in later`
    }
    for (const other of world.visits) {
      if (other === visit || other.sent === undefined || !before.includes(other.sent)) continue
      if (program.start !== 'anonymous' || !from.idOf.has(other.sent)) continue
      if (signIns({ visits: [other] }).length > 0) continue
      if (other.cookies.some((key) => newer.has(key)))
        return `4: ${other.name} was handed the key of a sign-in that it had no part in`
    }
  }
  return undefined
}

function signIns({ visits }: Pick<World, 'visits'>) {
  return visits.flatMap((visit) =>
    visit.happenings.flatMap((it) =>
      it.kind === 'commit' && it.change === 'sign-in' && it.outcome === 'acknowledged' ? [{ visit, signIn: it }] : [],
    ),
  )
}

/** 5: when all short lives are over, a session has one record. */
function doubled({ records }: World): string | undefined {
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
function serial(from: Situation, world: World, keys: Keys, probes: ReadonlyMap<string, Probe>): string | undefined {
  const live = new Map<string, SessionData>()
  const current = new Map<string, string>()
  for (const [key, id] of from.idOf) {
    live.set(id, simple(parsed(from.records.byKey.get(key)?.data ?? '{}').data))
    current.set(id, key)
  }
  const start: Model = { live, current, replaced: new Map(), dead: new Set() }
  const left = leftOver(world)
  const visits = world.visits.map((visit) => ({ ...visit, happenings: visit.happenings.flatMap(oneByOne(world)) }))
  const fits = (model: Model) => isLeft(model, left, keys, probes)
  if (
    search(
      start,
      visits.map((visit) => ({ visit, at: 0 })),
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

/** The end of several sessions takes place at several moments. */
function oneByOne({ idOf }: World) {
  const all = [...new Set(idOf.values())]
  return (it: Happening): Happening[] => {
    if (it.kind !== 'end others' || it.id !== undefined) return [it]
    return all.filter((id) => id !== it.own).map((id) => ({ ...it, id }))
  }
}

interface Place {
  readonly visit: Visit
  readonly at: number
}

function search(model: Model, places: readonly Place[], keys: Keys, fits: (model: Model) => boolean): boolean {
  const open = places.filter(({ visit, at }) => at < visit.happenings.length)
  if (open.length === 0) return fits(model)
  for (const place of open) {
    const { visit, at } = place
    if (open.some((other) => other.visit.arrived < visit.begun)) continue
    const rest = places.map((other) => (other === place ? { visit, at: at + 1 } : other))
    const happening = visit.happenings[at] as Happening
    if (after(model, happening, keys).some((next) => search(next, rest, keys, fits))) return true
  }
  return false
}

/** The records that each session's keys lead to in the end. */
function leftOver({ idOf, records }: World): Map<string, SessionData[]> {
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

function isLeft(
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

function keysOf({ idOf, visits }: World): Keys {
  const next = new Map<string, Set<string>>()
  for (const { happenings } of visits) {
    for (const it of happenings) {
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
