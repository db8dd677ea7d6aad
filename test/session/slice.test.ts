import test from 'ava'
import { z } from 'zod'
import { emptyData, type Json, type SessionData } from '../../src/session/core/data.ts'
import { SessionTooLargeError } from '../../src/session/core/errors.ts'
import type { SessionEvent } from '../../src/session/core/events.ts'
import { Session, stateOf } from '../../src/session/session.ts'
import { SessionState } from '../../src/session/session-state.ts'
import { signIn, signOut } from '../../src/session/sign-in.ts'
import { defineSlice, type Schema } from '../../src/session/slice.ts'
import { EXPIRY, START } from '../support/engine.ts'

// In its own process: the names of its slices are taken in the whole process.

const list = z.array(z.number())
const notes = defineSlice({ name: 'notes', schema: list, default: (): number[] => [], login: 'keep', logout: 'keep' })
const secret = defineSlice({ name: 'secret', schema: list, default: (): number[] => [], login: 'drop' })
const wishes = defineSlice({
  name: 'wishes',
  schema: list,
  default: (): number[] => [],
  budget: 100,
  account: true,
  merge: (mine, theirs) => [...new Set([...theirs, ...mine])].sort((a, b) => a - b),
})
const form = defineSlice({ name: 'form', schema: list, default: (): number[] => [], lifetime: 60 })
const sum = defineSlice({
  name: 'sum',
  schema: z.object({ n: z.number() }),
  default: () => ({ n: 0 }),
  merge: (mine, theirs, base) => ({ n: theirs.n + mine.n - base.n }),
})
const ONE_FOR_ALL: number[] = []
const shared = defineSlice({ name: 'shared', schema: list, default: () => ONE_FOR_ALL })
const visits = defineSlice({
  name: 'visits',
  schema: z.array(z.coerce.date()),
  default: () => [new Date(START)],
  merge: (mine, theirs) => [...theirs, ...mine].sort((one, other) => one.getTime() - other.getTime()),
})
const profile = defineSlice({
  name: 'profile',
  schema: z.object({ names: list }),
  default: () => ({ names: [] }),
  version: 3,
  upgrades: { 1: (old) => ({ name: old }), 2: (old) => ({ names: [(old as { name: number }).name] }) },
})

function session(data: Record<string, unknown> = {}, clock = { now: START }) {
  const events: SessionEvent[] = []
  const loaded = {
    id: 'public',
    key: 'k'.repeat(32),
    data: Object.assign(emptyData(), structuredClone(data)) as SessionData,
    version: 1,
    createdAt: START,
    lastActivity: START,
    expires: START + 1000,
  }
  const context = {
    expiry: EXPIRY,
    now: () => clock.now,
    observe: (event: SessionEvent) => void events.push(event),
    cookieHoldsData: false,
    canSendCookie: () => true,
    save: async () => {},
    end: async () => ({ outcome: 'ended' as const }),
  }
  return { s: new Session(new SessionState(loaded, context)), events }
}

const stored = (d: Json, v = 1, at = START) => ({ v, t: at / 1000, d })
const replayed = (s: Session, onto: Record<string, unknown>) =>
  stateOf(s)
    .summary()
    .operations.replayOn(Object.assign(emptyData(), onto) as SessionData)

test('a read without a stored value returns the default and is not a change', (t) => {
  const { s } = session()
  t.deepEqual(s.get(notes), [])
  t.false(s.modified)
})

test('set, update and nested changes are detected and stored', (t) => {
  const { s } = session({ notes: stored([1]) })
  s.update(notes, (current) => [...current, 2])
  s.get(notes).push(3)
  t.deepEqual(replayed(s, { notes: stored([1]) })['notes'], stored([1, 2, 3]))
})

test('an update is applied to what another request saved meanwhile', (t) => {
  const { s } = session({ notes: stored([1]) })
  s.update(notes, (current) => [...current, 2])
  t.deepEqual(replayed(s, { notes: stored([1, 9]) })['notes'], stored([1, 9, 2]))
})

test('a merge rule decides on set and nested changes', (t) => {
  const bySet = session({ wishes: stored([1]) }).s
  bySet.set(wishes, [1, 2])
  t.deepEqual(replayed(bySet, { wishes: stored([1, 9]) })['wishes'], stored([1, 2, 9]))
  t.deepEqual(replayed(bySet, { wishes: stored([1]) })['wishes'], stored([1, 2]))
  const nested = session({ wishes: stored([1]) }).s
  nested.get(wishes).push(3)
  t.true(nested.modified)
  t.deepEqual(replayed(nested, { wishes: stored([1, 9]) })['wishes'], stored([1, 3, 9]))
})

test('a change in place is stored, whatever else the handler reads before and after', (t) => {
  const { s } = session({ notes: stored([1]) })
  const held = s.get(notes)
  held.push(2)
  s.entries()
  held.push(3)
  t.deepEqual((replayed(s, { notes: stored([1]) })['notes'] as { d: Json }).d, [1, 2, 3])
  const other = session({ notes: stored([1]) }).s
  other.values()
  other.get(notes).push(2)
  t.true(other.modified)
})

test('each nested change of a merging slice is merged once', (t) => {
  const { s } = session({ sum: stored({ n: 1 }) })
  const held = s.get(sum)
  held.n = 2
  t.true(s.modified)
  held.n = 4
  t.true(s.modified)
  t.like(replayed(s, { sum: stored({ n: 11 }) })['sum'], { d: { n: 14 } })
})

test('a shared default object carries no data from one visitor to another', (t) => {
  session().s.get(shared).push(1)
  t.deepEqual(session().s.get(shared), [])
})

test('a schema may transform the stored text: dates stay dates in defaults and merges', (t) => {
  const { s } = session()
  t.is(s.get(visits)[0]?.getTime(), START)
  s.set(visits, [new Date(START + 1000)])
  const theirs = stored([new Date(START - 1000).toISOString()])
  t.like(replayed(s, { visits: theirs })['visits'], {
    d: ['2026-03-01T11:59:59.000Z', '2026-03-01T12:00:01.000Z'],
  })
})

test('data that no longer fit become the default, and are reported', (t) => {
  for (const wrong of ['text', stored('text'), stored([1, 'x']), { v: 'x', t: 0, d: [] }, [1]]) {
    const { s, events } = session({ notes: wrong })
    t.deepEqual(s.get(notes), [])
    t.is(events[0]?.type, 'slice')
    t.false(s.modified)
  }
})

test('a report of invalid data contains none of them, whatever the schema or an upgrade throws', (t) => {
  const validate = (value: unknown) => ({ issues: [{ message: `${value} is no number` }] })
  const schema: Schema<number> = { '~standard': { validate } }
  const upgrades = {
    1: (value: unknown) => {
      throw new Error(`cannot upgrade ${value}`)
    },
  }
  const make = () => 0
  const strict = defineSlice({ name: 'strict', version: 1, schema, budget: 100, default: make })
  const newer = defineSlice({ name: 'newer', version: 2, schema, budget: 100, default: make, upgrades })
  const { s, events } = session({ strict: stored('PRIVATE'), newer: stored('PRIVATE') })
  t.is(s.get(strict), 0)
  t.is(s.get(newer), 0)
  t.deepEqual(events.slice(0, 2), [
    { type: 'slice', slice: 'strict', problem: 'invalid', detail: 'does not fit the schema' },
    { type: 'slice', slice: 'newer', problem: 'invalid', detail: 'failed: Error' },
  ])
})

test('a value that does not fit is refused where it is stored', (t) => {
  const { s } = session()
  t.throws(() => s.set(notes, ['x'] as unknown as number[]), { instanceOf: TypeError })
  t.throws(() => s.update(notes, () => 'x' as unknown as number[]), { instanceOf: TypeError })
  t.false(s.modified)
})

test('a budget warns at 80 % and refuses more than 100 % with the size', (t) => {
  const { s, events } = session()
  s.set(
    wishes,
    Array.from({ length: 45 }, () => 1),
  )
  t.deepEqual(events, [{ type: 'budget', slice: 'wishes', bytes: 91, limit: 100 }])
  const error = t.throws(() => s.update(wishes, (now) => [...now, ...now]), { instanceOf: SessionTooLargeError })
  t.is(error?.slice, 'wishes')
  t.is(error?.status, 413)
  t.is(s.get(wishes).length, 45)
})

test('a slice expires by its lifetime since its last change', (t) => {
  const clock = { now: START + 59_000 }
  t.deepEqual(session({ form: stored([1]) }, clock).s.get(form), [1])
  clock.now = START + 60_000
  const { s } = session({ form: stored([1]) }, clock)
  t.deepEqual(s.get(form), [])
  t.false('form' in replayed(s, { form: stored([1]) }))
})

test('an expired slice that another request has stored again is kept', (t) => {
  const clock = { now: START + 60_000 }
  const fresh = stored([5], 1, clock.now)
  const reader = session({ form: stored([1]) }, clock).s
  t.deepEqual(reader.get(form), [])
  t.deepEqual(replayed(reader, { form: fresh })['form'], fresh)
  const writer = session({ form: stored([1]) }, clock).s
  writer.update(form, (current) => [...current, 2])
  t.deepEqual(replayed(writer, { form: fresh })['form'], stored([5, 2], 1, clock.now))
  t.deepEqual(replayed(writer, { form: stored([1]) })['form'], stored([2], 1, clock.now))
})

test('an object that was set is the value and may still be changed', (t) => {
  const { s } = session({ sum: stored({ n: 1 }) })
  const mine = { n: 2 }
  s.set(sum, mine)
  mine.n = 100
  t.deepEqual(replayed(s, { sum: stored({ n: 11 }) })['sum'], stored({ n: 110 }))
  t.is(s.get(sum).n, 100)
})

test('two changes that fit separately but not together are refused at replay, not truncated', (t) => {
  const { s } = session({ wishes: stored([]) })
  const more = (from: number) => Array.from({ length: 20 }, (_, n) => from + n)
  s.update(wishes, (now) => [...now, ...more(10)])
  t.throws(() => replayed(s, { wishes: stored(more(40)) }), { instanceOf: SessionTooLargeError })
})

test('older data are upgraded step by step; newer data are left alone and reported', (t) => {
  t.deepEqual(session({ profile: stored(7, 1) }).s.get(profile), { names: [7] })
  t.deepEqual(session({ profile: stored({ name: 7 }, 2) }).s.get(profile), { names: [7] })
  const { s, events } = session({ profile: stored({ other: 1 }, 4) })
  t.deepEqual(s.get(profile), { names: [] })
  t.like(events[0], { type: 'slice', problem: 'newer-version' })
  t.false(s.modified)
})

test('names are unique, unreserved, and no upgrade is missing', (t) => {
  const base = { schema: list, default: (): number[] => [] }
  t.throws(() => defineSlice({ ...base, name: 'notes' }), { message: /declared already/ })
  t.throws(() => defineSlice({ ...base, name: '_auth_user_id' }), { message: /reserved/ })
  t.throws(() => defineSlice({ ...base, name: 'gap', version: 2 }), { message: /no upgrade from version 1/ })
})

test('sign-in: keep and drop; a new key, and the absolute age counts from now', async (t) => {
  const { s } = session({ notes: stored([1]), secret: stored([2]), wishes: stored([3]) })
  await signIn(s, '7', { data: { proof: 'x' } })
  t.deepEqual([s.get(notes), s.get(secret), s.get(wishes)], [[1], [], [3]])
  t.deepEqual([s.userId, s.get('proof')], ['7', 'x'])
  t.like(stateOf(s).summary(), { cycled: true, restartClock: true, flushed: false })
})

test('login: drop also drops what another request has saved during the sign-in; values of the sign-in are kept', async (t) => {
  const { s } = session()
  await signIn(s, '7', { data: { proof: 'x' } })
  t.deepEqual({ ...replayed(s, { secret: stored([2]) }) }, { _auth_user_id: '7', proof: 'x' })
  t.deepEqual({ ...stateOf(s).summary().operations.withoutSignIn().replayOn(emptyData()) }, {})
})

test('sign-in again as oneself keeps the session', async (t) => {
  const { s } = session({ _auth_user_id: '1', notes: stored([1]) })
  await signIn(s, '1')
  t.deepEqual(s.get(notes), [1])
  t.like(stateOf(s).summary(), { flushed: false, cycled: true })
})

test('an update that gives the default where nothing is stored stores nothing, at replay too', (t) => {
  const { s } = session()
  s.update(notes, (now) => now.filter((n) => n > 1))
  t.false(s.has(notes))
  t.deepEqual(replayed(s, {}), emptyData())
  t.deepEqual(replayed(s, { notes: stored([1, 2]) }), Object.assign(emptyData(), { notes: stored([2]) }))
  s.set(notes, [1])
  s.update(notes, () => [])
  t.true(s.has(notes), 'what is stored stays')
})

test('sign-out with nothing to keep leaves nothing', async (t) => {
  const { s } = session({ _auth_user_id: '1', wishes: stored([3]) })
  await signOut(s)
  t.like(stateOf(s).summary(), { flushed: true, changed: false, empty: true })
})

test('sign-in as another user starts with an empty session', async (t) => {
  const { s } = session({ _auth_user_id: '1', notes: stored([1]) })
  await signIn(s, '2')
  t.deepEqual(s.get(notes), [])
  t.true(stateOf(s).summary().flushed)
  t.is(s.userId, '2')
})

test('sign-out: only slices with keep are kept', async (t) => {
  const { s } = session({ _auth_user_id: '1', notes: stored([1]), wishes: stored([3]) })
  await signOut(s)
  t.deepEqual([s.userId, s.get(notes), s.get(wishes), s.keys()], [null, [1], [], ['notes']])
})

test('a sign-out keeps the form of a newer version as it is', async (t) => {
  const newer = stored({ other: 1 }, 9)
  const { s } = session({ _auth_user_id: '1', notes: newer })
  await signOut(s)
  t.deepEqual(s.get(notes), [])
  t.deepEqual({ ...stateOf(s).summary().data }, { notes: newer })
})

test('a slice of the account has a merge rule, and one copy', (t) => {
  const base = { schema: list, default: (): number[] => [], account: true }
  t.throws(() => defineSlice({ ...base, name: 'no-rule' }), { message: /needs a merge rule/ })
  t.throws(() => defineSlice({ ...base, name: 'two-copies', merge: (mine) => mine, logout: 'keep' }), {
    message: /second copy/,
  })
  t.notThrows(() => defineSlice({ ...base, name: 'dropped-at-sign-in', login: 'drop' }))
})
