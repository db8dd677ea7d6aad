import test from 'ava'
import { check, type HistoryEvent, isClean, type Observed, type Op, type Verdict } from './kit/history.ts'

const USER = 'ada'
const LIFE = 'one'

/** An event of session "one" from `begin` to `end`, acknowledged unless said otherwise. */
function event(begin: number, end: number, op: Op, more: Partial<HistoryEvent> = {}): HistoryEvent {
  return { begin, end, process: 0, client: 'tab', session: LIFE, user: USER, op, outcome: 'ok', ...more }
}

const login = event(0, 10, { kind: 'login' })
const logout = (begin: number, end: number, outcome: HistoryEvent['outcome'] = 'ok') =>
  event(begin, end, { kind: 'logout' }, { outcome })
const add = (begin: number, end: number, item: string, outcome: HistoryEvent['outcome'] = 'ok', once = false) =>
  event(begin, end, { kind: 'add', item, once }, { outcome })
const pref = (begin: number, end: number, value: number, outcome: HistoryEvent['outcome'] = 'ok') =>
  event(begin, end, { kind: 'setPref', name: 'k', value }, { outcome })
const shown = (items: string[] = [], prefs: Record<string, number> = {}): Observed => {
  return { session: LIFE, user: USER, items, prefs }
}
const read = (begin: number, end: number, observed: Observed) => event(begin, end, { kind: 'read' }, { observed })

const refused: Readonly<Record<string, readonly [keyof Verdict, readonly HistoryEvent[]]>> = {
  'a lost add': ['lost', [login, add(20, 30, 'a'), read(40, 50, shown())]],
  'an add that was seen and is gone': [
    'lost',
    [login, add(20, 30, 'a', 'unknown'), read(40, 50, shown(['a'])), read(60, 70, shown())],
  ],
  'a preference that an older one replaced': [
    'lost',
    [login, pref(20, 30, 1), pref(40, 50, 2), read(60, 70, shown([], { k: 1 }))],
  ],
  'a preference that is not there': ['lost', [login, pref(20, 30, 1), read(60, 70, shown())]],
  'an anonymous answer to a live session': ['lost', [login, read(20, 30, null)]],
  'an anonymous answer before the logout': ['lost', [login, read(20, 30, null), logout(40, 50)]],
  'a session that opens after its logout': ['resurrected', [login, logout(20, 30), read(40, 50, shown())]],
  'one that was dead and then alive, after a logout without an answer': [
    'resurrected',
    [login, logout(20, 30, 'unknown'), read(40, 50, null), read(60, 70, shown())],
  ],
  'one that an answered add shows after its logout': [
    'resurrected',
    [login, logout(20, 30), event(40, 50, { kind: 'add', item: 'a', once: false }, { observed: shown(['a']) })],
  ],
  "another user's session": ['crossed', [login, read(20, 30, { session: 'two', user: 'grace', items: [], prefs: {} })]],
  "another session's item": [
    'crossed',
    [
      login,
      event(20, 30, { kind: 'add', item: 'b', once: false }, { session: 'two', user: 'grace' }),
      read(40, 50, shown(['b'])),
    ],
  ],
  'an item that is there twice': ['doubled', [login, add(20, 30, 'a'), read(40, 50, shown(['a', 'a']))]],
  'a repeat with an idempotency key that counts twice': [
    'doubled',
    [login, add(20, 30, 'a', 'unknown', true), add(32, 38, 'a', 'ok', true), read(40, 50, shown(['a', 'a']))],
  ],
  'an item that was refused': ['doubled', [login, add(20, 30, 'a', 'fail'), read(40, 50, shown(['a']))]],
  'an item before it was added': ['doubled', [login, read(15, 18, shown(['a'])), add(20, 30, 'a')]],
  'an item that nobody added': ['torn', [login, read(20, 30, shown(['x']))]],
  'a preference that nobody set': ['torn', [login, pref(20, 30, 1), read(40, 50, shown([], { k: 3 }))]],
}

for (const [name, [kind, history]] of Object.entries(refused)) {
  test(`refuses ${name}`, (t) => {
    const verdict = check(history)
    t.true(verdict[kind].length > 0, JSON.stringify(verdict))
    t.false(isClean(verdict))
  })
}

const accepted: Readonly<Record<string, readonly HistoryEvent[]>> = {
  'what was acknowledged': [login, add(20, 30, 'a'), pref(32, 38, 1), read(40, 50, shown(['a'], { k: 1 }))],
  'an add that overlaps the read, seen or not': [
    login,
    add(20, 60, 'a'),
    read(30, 40, shown()),
    read(42, 50, shown(['a'])),
  ],
  'an unknown add that takes effect late': [
    login,
    add(20, 30, 'a', 'unknown'),
    read(40, 50, shown()),
    read(60, 70, shown(['a'])),
  ],
  'an unknown preference that takes effect late': [
    login,
    pref(20, 30, 1, 'unknown'),
    pref(40, 50, 2),
    read(60, 70, shown([], { k: 2 })),
    read(80, 90, shown([], { k: 1 })),
  ],
  'a repeat without an idempotency key that counts twice': [
    login,
    add(20, 30, 'a', 'unknown'),
    add(32, 38, 'a'),
    read(40, 50, shown(['a', 'a'])),
  ],
  'a repeat with one that counts once': [
    login,
    add(20, 30, 'a', 'unknown', true),
    add(32, 38, 'a', 'ok', true),
    read(40, 50, shown(['a'])),
  ],
  'a logout without an answer that had no effect': [login, logout(20, 30, 'unknown'), read(40, 50, shown())],
  'one that had an effect later': [
    login,
    logout(20, 30, 'unknown'),
    read(40, 50, shown()),
    read(60, 70, null),
    read(80, 90, null),
  ],
  'an answer that overlaps the logout': [login, logout(20, 60), read(30, 80, shown()), read(90, 95, null)],
  'a refused change': [login, add(20, 30, 'a', 'fail'), read(40, 50, shown())],
  'overlapping preferences, whichever wins': [
    login,
    pref(20, 40, 1),
    pref(30, 50, 2),
    read(60, 70, shown([], { k: 1 })),
  ],
  'an anonymous answer before the login': [read(0, 5, null), login],
}

for (const [name, history] of Object.entries(accepted)) {
  test(`accepts ${name}`, (t) => {
    const verdict = check(history)
    t.true(isClean(verdict), JSON.stringify(verdict))
  })
}

// What was shown of a change without an answer may be missing for so long.
const copied = { unsettledMs: 100 }
const flickering: Readonly<Record<string, readonly HistoryEvent[]>> = {
  'that is under way': [login, add(20, 60, 'a'), read(30, 35, shown(['a'])), read(40, 50, shown())],
  'without an answer, for a while': [
    login,
    add(20, 30, 'a', 'unknown'),
    read(40, 50, shown(['a'])),
    read(120, 125, shown()),
    read(140, 150, shown(['a'])),
  ],
  'that a repeat has found there': [
    login,
    add(20, 30, 'a', 'unknown', true),
    add(32, 38, 'a', 'ok', true),
    read(120, 125, shown()),
    read(140, 150, shown(['a'])),
  ],
}

for (const [name, history] of Object.entries(flickering)) {
  test(`refuses a change ${name}, if it is shown and then not, but where the engine promises no more`, (t) => {
    t.true(check(history).lost.length > 0)
    const verdict = check(history, copied)
    t.true(isClean(verdict), JSON.stringify(verdict))
  })
}

const settled: Readonly<Record<string, readonly HistoryEvent[]>> = {
  'that was answered': [login, add(20, 30, 'a'), read(40, 50, shown())],
  'that was shown and answered': [
    login,
    add(20, 60, 'a'),
    read(30, 35, shown(['a'])),
    read(40, 50, shown()),
    read(70, 80, shown()),
  ],
  'without an answer, after a while': [
    login,
    add(20, 30, 'a', 'unknown'),
    read(40, 50, shown(['a'])),
    read(140, 150, shown()),
  ],
  'that a repeat has found there, after a while': [
    login,
    add(20, 30, 'a', 'unknown', true),
    add(32, 38, 'a', 'ok', true),
    read(140, 150, shown()),
  ],
}

for (const [name, history] of Object.entries(settled)) {
  test(`refuses that a change ${name} is missing, also where changes may be unsettled`, (t) => {
    t.true(check(history, copied).lost.length > 0)
  })
}

test('where changes may be unsettled, everything else is refused as ever', (t) => {
  for (const [name, [kind, history]] of Object.entries(refused)) {
    if (name !== 'an add that was seen and is gone') t.true(check(history, copied)[kind].length > 0, name)
  }
})
