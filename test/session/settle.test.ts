import test from 'ava'
import { type Decision, type Facts, settle } from '../../src/session/http/settle.ts'

const QUIET: Facts = {
  status: 200,
  asked: true,
  hadCookie: true,
  live: true,
  flushed: false,
  changed: false,
  accountChanged: false,
  empty: false,
  cycled: false,
  touchDue: false,
}

type Row = [
  what: string,
  facts: Partial<Facts>,
  write: Decision['write'],
  cookie: Decision['cookie'],
  vary: boolean,
  personal: boolean,
]

const NEW = { hadCookie: false, live: false } as const
const FLUSHED = { live: false, flushed: true, empty: true } as const

const TABLE: Row[] = [
  // what happened                              facts                                             write     cookie   vary   personal
  ['not asked', { asked: false }, 'none', 'none', false, false],
  ['not asked, on a failure', { asked: false, status: 500 }, 'none', 'none', false, false],
  ['a stranger was looked at', { ...NEW, empty: true }, 'none', 'none', true, false],
  ['a stranger with an unknown cookie', { live: false, empty: true }, 'none', 'none', true, false],
  ['a stranger, stored and removed again', { ...NEW, changed: true, empty: true }, 'none', 'none', true, false],
  ['a stranger stored something', { ...NEW, changed: true }, 'create', 'set', true, true],
  ['a stranger with an unknown cookie stored', { live: false, changed: true }, 'create', 'set', true, true],
  ['a stranger got a key', { ...NEW, cycled: true, empty: true }, 'create', 'set', true, true],
  ['a session was read', {}, 'none', 'none', true, true],
  ['a session was changed', { changed: true }, 'save', 'set', true, true],
  ['a session was emptied', { changed: true, empty: true }, 'save', 'set', true, true],
  ['a session moved', { cycled: true }, 'cycle', 'set', true, true],
  ['a session was changed and moved', { changed: true, cycled: true }, 'cycle', 'set', true, true],
  ['activity is due', { touchDue: true }, 'touch', 'set', true, true],
  ['activity is due, and a change', { touchDue: true, changed: true }, 'save', 'set', true, true],
  ['a session was ended', FLUSHED, 'none', 'clear', true, true],
  ['nothing was ended', { ...FLUSHED, hadCookie: false }, 'none', 'none', true, false],
  ['a session was ended, another begun', { ...FLUSHED, changed: true, empty: false }, 'create', 'set', true, true],
  // An early save has begun it.
  ['a session was ended, another begun and saved', { flushed: true }, 'none', 'none', true, true],
  [
    'a session was ended, another created, saved and changed',
    { flushed: true, changed: true },
    'save',
    'set',
    true,
    true,
  ],
  ['a redirect after a change', { status: 303, changed: true }, 'save', 'set', true, true],
  ['a refusal after a change', { status: 422, changed: true }, 'save', 'set', true, true],
  ['a failure after a change', { status: 500, changed: true }, 'none', 'none', true, true],
  ['an outage after a change', { status: 503, changed: true, cycled: true }, 'none', 'none', true, true],
  ['a failure when a stranger stored', { ...NEW, status: 500, changed: true }, 'none', 'none', true, false],
  ['a failure after an end', { ...FLUSHED, status: 500 }, 'none', 'clear', true, true],
  // An early save has begun it: its cookie is on the way.
  ['a failure after an end and another begun', { flushed: true, status: 500 }, 'none', 'none', true, true],
]

for (const [what, facts, write, cookie, vary, personal] of TABLE) {
  test(what, (t) => {
    const { why, account, ...decision } = settle({ ...QUIET, ...facts })
    t.false(account)
    t.deepEqual(decision, { write, cookie, vary, personal })
    t.true(why.length > 10)
  })
}

test('every combination keeps the guarantees, and the table above has a row for every reason', (t) => {
  const reasons = new Set<string>()
  const booleans = ['asked', 'hadCookie', 'live', 'flushed', 'changed', 'empty', 'cycled', 'touchDue'] as const
  for (const status of [200, 302, 404, 500, 503]) {
    for (let bits = 0; bits < 2 ** booleans.length; bits++) {
      const flags = Object.fromEntries(booleans.map((name, index) => [name, (bits & (1 << index)) !== 0]))
      const facts = { ...QUIET, ...flags, status }
      const { write, cookie, vary, personal, why } = settle(facts)
      reasons.add(why)
      if (!facts.asked) t.deepEqual([write, cookie, personal], ['none', 'none', false])
      t.is(vary, facts.asked)
      if (status >= 500) t.is(write, 'none')
      if (cookie !== 'none') t.true(vary && personal)
      if (cookie === 'clear') t.true(facts.flushed && facts.hadCookie && !facts.live)
      if (write !== 'none') t.is(cookie, 'set')
      if (write === 'create') t.true(!facts.live && ((facts.changed && !facts.empty) || facts.cycled))
      const kept = facts.asked && facts.live && status < 500
      if (kept && facts.cycled) t.is(write, 'cycle')
      if (kept && facts.changed && !facts.cycled) t.is(write, 'save')
      if (write === 'save' || write === 'cycle' || write === 'touch') t.true(facts.live)
    }
  }
  const shown = new Set(TABLE.map(([, facts]) => settle({ ...QUIET, ...facts }).why))
  t.deepEqual([...shown].sort(), [...reasons].sort())
})

test('the account is saved whatever happens to the session, unless the request failed', (t) => {
  const account = (facts: Partial<Facts>) => settle({ ...QUIET, accountChanged: true, ...facts })
  t.like(account({}), { write: 'none', account: true, cookie: 'none', personal: true })
  t.like(account({ changed: true }), { write: 'save', account: true })
  t.like(account({ cycled: true, status: 422 }), { write: 'cycle', account: true })
  t.like(account({ touchDue: true }), { write: 'touch', account: true })
  t.false(account({ status: 500 }).account)
})

test('who changes the decision of one request does not change that of another', (t) => {
  const rows = TABLE.flatMap(([, facts]) => [facts, { ...facts, accountChanged: true }])
  for (const facts of rows) {
    const decide = () => settle({ ...QUIET, ...facts })
    const before = { ...decide() }
    try {
      Object.assign(decide(), { write: 'none', account: false, cookie: 'clear', why: '' })
    } catch (error) {
      t.true(error instanceof TypeError)
    }
    t.deepEqual({ ...decide() }, before)
  }
})
