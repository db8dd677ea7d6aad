import test from 'ava'
import { emptyData, type SessionData } from '../../src/session/core/data.ts'
import { StoreUnavailableError } from '../../src/session/core/errors.ts'
import type { Loaded } from '../../src/session/engines/engine.ts'
import { Session } from '../../src/session/session.ts'
import { SessionState } from '../../src/session/session-state.ts'
import { EXPIRY, START } from '../support/engine.ts'

function session(data?: Record<string, unknown>, expiry = EXPIRY) {
  const ended: Loaded[] = []
  const loaded: Loaded | undefined =
    data === undefined
      ? undefined
      : {
          id: 'public',
          key: 'k'.repeat(32),
          data: Object.assign(emptyData(), data) as SessionData,
          version: 1,
          createdAt: START,
          lastActivity: START,
          expires: START + 1000,
        }
  const state = new SessionState(loaded, {
    expiry,
    now: () => START,
    observe: () => {},
    cookieHoldsData: false,
    canSendCookie: () => true,
    save: async () => {},
    end: async (one) => {
      ended.push(one)
      return { outcome: 'ended' }
    },
  })
  return Object.assign(new Session(state), { ended, state })
}

test('a new session: not accessed, not modified, empty, no key', (t) => {
  const s = session()
  t.deepEqual([s.accessed, s.modified, s.isEmpty, s.key], [false, false, true, null])
})

test('a session with a key is never empty, even without data', (t) => {
  t.false(session({}).isEmpty)
})

test('every read marks it accessed, none marks it modified', (t) => {
  const reads: ((s: Session) => unknown)[] = [
    (s) => s.get('a'),
    (s) => s.has('a'),
    (s) => s.keys(),
    (s) => s.values(),
    (s) => s.entries(),
    (s) => s.pop('missing'),
    (s) => s.setDefault('a', 2),
  ]
  for (const read of reads) {
    const s = session({ a: 1 })
    read(s)
    t.deepEqual([s.accessed, s.modified], [true, false], String(read))
  }
})

test('set, delete, assign and update mark it modified', (t) => {
  const writes: ((s: Session) => unknown)[] = [
    (s) => s.set('b', 1),
    (s) => s.delete('a'),
    (s) => s.assign({ b: 1 }),
    (s) => s.update('a', (a) => Number(a) + 1),
    (s) => s.pop('a'),
    (s) => s.clear(),
    (s) => s.setDefault('b', 1),
    (s) => s.setTestCookie(),
    (s) => s.setExpiry(300),
  ]
  for (const write of writes) {
    const s = session({ a: 1 })
    write(s)
    t.true(s.modified, String(write))
  }
})

test('missing keys: fallback, false, and no change', (t) => {
  const s = session({ a: null })
  t.is(s.get('missing'), undefined)
  t.is(s.get('missing', 'fallback'), 'fallback')
  t.is(s.get('a', 'fallback'), null)
  t.is(s.pop('missing', 'fallback'), 'fallback')
  t.false(s.delete('missing'))
  t.false(s.modified)
})

test('pop, setDefault, assign, keys, values, entries', (t) => {
  const s = session({ a: 1, b: 2 })
  t.is(s.pop('a'), 1)
  t.false(s.has('a'))
  t.is(s.setDefault('b', 9), 2)
  t.is(s.setDefault('c', 3), 3)
  s.assign({ d: 4, e: [5] })
  t.deepEqual(s.keys(), ['b', 'c', 'd', 'e'])
  t.deepEqual(s.values(), [2, 3, 4, [5]])
  t.deepEqual(s.entries(), [
    ['b', 2],
    ['c', 3],
    ['d', 4],
    ['e', [5]],
  ])
})

test('a nested change is detected', (t) => {
  const s = session({ list: { lines: [1] }, other: { a: 1 } })
  const cart = s.get('list') as { lines: number[] }
  t.false(s.modified)
  cart.lines.push(2)
  t.true(s.modified)
  t.deepEqual(s.state.summary().operations.keys, ['list'])
})

test('a change of an object that was just stored is not lost', (t) => {
  const s = session()
  const list: number[] = []
  s.set('list', list)
  list.push(1)
  t.deepEqual(s.state.summary().operations.replayOn(emptyData())['list'], [1])
})

test('a nested change and an update of one key both count', (t) => {
  const s = session({ list: [1] })
  ;(s.get('list') as number[]).push(2)
  s.update('list', (list) => [...(list as number[]), 3])
  t.deepEqual(s.get('list'), [1, 2, 3])
  t.deepEqual(
    s.state.summary().operations.replayOn(Object.assign(emptyData(), { list: [1] }) as SessionData)['list'],
    [1, 2, 3],
  )
})

test('modified can be forced', (t) => {
  const s = session({ a: 1 })
  s.modified = true
  t.true(s.modified)
})

test('clear removes the data and keeps the session; flush ends it', async (t) => {
  const cleared = session({ a: 1 })
  cleared.clear()
  t.deepEqual([cleared.keys(), cleared.isEmpty, cleared.modified, cleared.accessed], [[], false, true, true])
  t.is(cleared.ended.length, 0)

  const flushed = session({ a: 1 })
  await flushed.flush()
  t.deepEqual([flushed.keys(), flushed.isEmpty, flushed.key], [[], true, null])
  t.is(flushed.ended.length, 1)
  flushed.set('b', 1)
  t.true(flushed.state.summary().changed)
  t.true(flushed.state.summary().flushed)
})

test('flush without a session ends nothing', async (t) => {
  const s = session()
  await s.flush()
  t.is(s.ended.length, 0)
})

test('values that JSON cannot hold are refused where they are stored', (t) => {
  const s = session()
  const loop: Record<string, unknown> = {}
  loop['self'] = loop
  for (const value of [() => 1, Symbol('x'), 10n, Number.NaN, Number.POSITIVE_INFINITY, undefined, loop, [() => 1]]) {
    t.throws(() => s.set('a', value as unknown), { instanceOf: TypeError })
  }
  t.false(s.modified)
})

test('__proto__ and constructor are ordinary keys', (t) => {
  const s = session()
  s.set('__proto__', { isAdmin: true })
  s.set('constructor', 1)
  s.assign(JSON.parse('{"__proto__": {"isAdmin": true}}'))
  t.deepEqual(s.keys(), ['__proto__', 'constructor'])
  t.is(({} as Record<string, unknown>)['isAdmin'], undefined)
  t.is(session().get('toString'), undefined)
  t.false(session().has('hasOwnProperty'))
})

test('the test cookie', (t) => {
  const s = session()
  t.false(s.testCookieWorked())
  s.setTestCookie()
  t.true(s.testCookieWorked())
  s.deleteTestCookie()
  t.false(s.testCookieWorked())
})

test('custom expiry: seconds, a date, 0, null', (t) => {
  const s = session()
  t.is(s.getExpiryAge(), 1_209_600)
  t.false(s.expiresAtBrowserClose())
  s.setExpiry(300)
  t.is(s.getExpiryAge(), 300)
  t.is(s.getExpiryDate().getTime(), START + 300_000)
  s.setExpiry(0)
  t.true(s.expiresAtBrowserClose())
  t.is(s.getExpiryAge(), 1_209_600)
  s.setExpiry(new Date(START + 90_500))
  t.is(s.getExpiryAge(), 90)
  t.is(s.getExpiryDate().getTime(), START + 90_500)
  t.is(s.get('_session_expiry'), '2026-03-01T12:01:30.500+00:00')
  s.setExpiry(null)
  t.is(s.getExpiryAge(), 1_209_600)
  t.throws(() => s.setExpiry(Number.NaN), { instanceOf: RangeError })
})

test('setting no expiry where there is none is no change', (t) => {
  const s = session({ a: 1 })
  s.setExpiry(null)
  t.false(s.modified)
})

test('sessions until the browser closes, by setting or by session', (t) => {
  const atClose = { ...EXPIRY, atBrowserClose: true }
  t.true(session({}, atClose).expiresAtBrowserClose())
  t.false(session({ _session_expiry: 60 }, atClose).expiresAtBrowserClose())
  t.true(session({ _session_expiry: 0 }).expiresAtBrowserClose())
})

test('after the answer a change throws instead of being lost', (t) => {
  const s = session({ a: 1 })
  s.state.close()
  t.is(s.get('a'), 1)
  for (const change of [() => s.set('a', 2), () => s.delete('a'), () => s.clear(), () => s.update('a', () => 1)]) {
    t.throws(change, { message: /would be lost/ })
  }
})

test('an update that throws half-way changes nothing', (t) => {
  const s = session({ list: [1] })
  t.throws(() =>
    s.update('list', (list) => {
      ;(list as number[]).push(2)
      throw new Error('no')
    }),
  )
  t.deepEqual(s.get('list'), [1])
  t.false(s.modified)
})

test('a number is used as the expiry unchanged, also negative or with a fraction', (t) => {
  const s = session()
  s.setExpiry(-10)
  t.deepEqual([s.getExpiryAge(), s.getExpiryDate().getTime(), s.get('_session_expiry')], [-10, START - 10_000, -10])
  s.setExpiry(10.7)
  t.deepEqual([s.getExpiryAge(), s.getExpiryDate().getTime()], [10.7, START + 10_700])
  s.setExpiry(new Date(START - 500))
  t.is(s.getExpiryAge(), -1)
  t.throws(() => s.setExpiry(new Date(Number.NaN)), { instanceOf: RangeError })
  t.throws(() => s.setExpiry(Number.POSITIVE_INFINITY), { instanceOf: RangeError })
})

test('setting an expiry back and forth ends at the cookie age', (t) => {
  const s = session()
  for (const value of [null, 10, null]) s.setExpiry(value)
  t.is(s.getExpiryAge(), 1_209_600)
  t.false(s.has('_session_expiry'))
})

test('reading the expiry is not an access to the data', (t) => {
  const s = session({ a: 1 })
  s.getExpiryAge()
  s.getExpiryDate()
  s.expiresAtBrowserClose()
  t.deepEqual([s.accessed, s.modified], [false, false])
})

test('objects returned by setDefault, values and entries may be changed in place', (t) => {
  const hands: ((s: Session) => unknown)[] = [
    (s) => s.setDefault('list', []),
    (s) => s.values()[0],
    (s) => s.entries()[0]?.[1],
  ]
  for (const hand of hands) {
    const s = session({ list: [1] })
    const list = hand(s) as number[]
    t.false(s.modified)
    list.push(2)
    t.true(s.modified, String(hand))
    t.deepEqual(s.state.summary().operations.replayOn(Object.assign(emptyData(), { list: [0] }))['list'], [0, 2])
  }
})

test('a change in place that is reverted is not a change', (t) => {
  const s = session({ list: [1] })
  const list = s.get('list') as number[]
  list.push(2)
  list.pop()
  t.false(s.modified)
})

test('a removed or flushed value is not restored by an object that a handler still has', async (t) => {
  const s = session({ a: [1], b: [1], c: [1] })
  const [a, b, c] = [s.get('a'), s.get('b'), s.get('c')] as number[][]
  s.delete('a')
  s.pop('b')
  for (const list of [a, b]) list?.push(2)
  const { operations: changes, data } = s.state.summary()
  t.deepEqual([changes.keys, Object.keys(data)], [['a', 'b'], ['c']])
  t.deepEqual(Object.keys(changes.replayOn(Object.assign(emptyData(), { a: [1], b: [1] }) as SessionData)), [])
  await s.flush()
  c?.push(2)
  t.false(s.modified)
})

test('a new key is sent with the response; data and key are unchanged until then', async (t) => {
  const s = session({ a: 1 })
  await s.cycleKey()
  t.is(s.key, 'k'.repeat(32))
  t.is(s.get('a'), 1)
  t.like(s.state.summary(), { cycled: true, restartClock: false, flushed: false })
  await s.cycleKey({ restartClock: true })
  await s.cycleKey()
  t.true(s.state.summary().restartClock)
})

test('a flush cancels a requested change of key and forced saving', async (t) => {
  const s = session({ a: 1 })
  s.modified = true
  await s.cycleKey({ restartClock: true })
  await s.flush()
  t.like(s.state.summary(), { cycled: false, restartClock: false, changed: false, flushed: true })
})

test('a flush that fails in the store has ended nothing', async (t) => {
  const s = session({ a: 1 })
  s.ended.push = () => {
    throw new StoreUnavailableError()
  }
  await t.throwsAsync(s.flush(), { instanceOf: StoreUnavailableError })
  t.deepEqual([s.get('a'), s.key, s.state.summary().flushed], [1, 'k'.repeat(32), false])
})

test('assigning nothing is no change, unlike in Django', (t) => {
  const s = session({ a: 1 })
  s.assign({})
  t.false(s.modified)
})
