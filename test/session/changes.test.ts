import test from 'ava'
import { Changes } from '../../src/session/changes.ts'
import { emptyData, type Json, type SessionData } from '../../src/session/data.ts'

const data = (values: Record<string, unknown>) => Object.assign(emptyData(), values) as SessionData
const add = (amount: number) => (current: Json | undefined) => Number(current ?? 0) + amount

function changes(make: (changes: Changes) => unknown): Changes {
  const made = new Changes()
  make(made)
  return made
}

type Row = [
  what: string,
  make: (changes: Changes) => void,
  onto: Record<string, unknown>,
  gives: Record<string, unknown>,
]

const TABLE: Row[] = [
  // what was changed                what this request did             what the other request saved   what is written
  ['nothing', () => {}, { a: 1 }, { a: 1 }],
  ['a set', (c) => c.set('a', 2), { a: 9, b: 1 }, { a: 2, b: 1 }],
  ['two sets of one key', (c) => [c.set('a', 2), c.set('a', 3)], { a: 9 }, { a: 3 }],
  ['a delete', (c) => c.delete('a'), { a: 9, b: 1 }, { b: 1 }],
  ['a delete of what is gone already', (c) => c.delete('a'), { b: 1 }, { b: 1 }],
  ['an update', (c) => c.update('a', add(1)), { a: 9 }, { a: 10 }],
  ['an update of what is gone', (c) => c.update('a', add(1)), {}, { a: 1 }],
  ['three updates of one key', (c) => [1, 2, 3].map((n) => c.update('a', add(n))), { a: 10 }, { a: 16 }],
  ['an update to nothing', (c) => c.update('a', () => undefined), { a: 9, b: 1 }, { b: 1 }],
  ['an update after a set', (c) => [c.set('a', 1), c.update('a', add(1))], { a: 9 }, { a: 2 }],
  ['a set after an update', (c) => [c.update('a', add(1)), c.set('a', 5)], { a: 9 }, { a: 5 }],
  ['an update after a delete', (c) => [c.delete('a'), c.update('a', add(1))], { a: 9 }, { a: 1 }],
  ['a clear', (c) => c.clear(), { a: 9, b: 1 }, {}],
  ['a clear after a set', (c) => [c.set('a', 1), c.clear()], { a: 9 }, {}],
  ['a set after a clear', (c) => [c.clear(), c.set('a', 1)], { a: 9, b: 1 }, { a: 1 }],
  ['an update after a clear', (c) => [c.clear(), c.update('a', add(1))], { a: 9 }, { a: 1 }],
  ['names that are none elsewhere', (c) => c.set('constructor', 1), { __proto__: null }, { constructor: 1 }],
]

for (const [what, make, onto, gives] of TABLE) {
  test(`replay: ${what}`, (t) => {
    t.deepEqual(changes(make).replayOn(data(onto)), data(gives))
  })
}

test('a replay leaves what it was given alone, and can be repeated', (t) => {
  const newer = data({ list: [1], other: { deep: [1] } })
  const made = changes((c) =>
    c.update('list', (list) => {
      const same = list as number[]
      same.push(2)
      return same
    }),
  )
  const [first, second] = [made.replayOn(newer), made.replayOn(newer)]
  t.deepEqual(first, data({ list: [1, 2], other: data({ deep: [1] }) }))
  t.deepEqual(second, first)
  t.deepEqual(newer, data({ list: [1], other: { deep: [1] } }))
  t.not(first['other'], newer['other'])
})

test('a value is read at replay, and never shared with what comes out', (t) => {
  const list = [1]
  const made = changes((c) => c.set('list', list))
  list.push(2)
  const replayed = made.replayOn(emptyData())
  t.deepEqual(replayed['list'], [1, 2])
  list.push(3)
  t.deepEqual(replayed['list'], [1, 2])
})

test('__proto__ is a key like any other, and reaches no prototype', (t) => {
  const replayed = changes((c) => c.set('__proto__', { isAdmin: true })).replayOn(emptyData())
  t.deepEqual(Object.keys(replayed), ['__proto__'])
  t.is(Object.getPrototypeOf(replayed), null)
  t.is(Reflect.get({}, 'isAdmin'), undefined)
})

test('empty says whether anything is to be done, keys what', (t) => {
  t.true(new Changes().empty)
  for (const make of [
    (c: Changes) => c.set('a', 1),
    (c: Changes) => c.delete('a'),
    (c: Changes) => c.update('a', add(1)),
    (c: Changes) => c.clear(),
  ]) {
    t.false(changes(make).empty)
  }
  t.deepEqual(changes((c) => [c.set('a', 1), c.clear(), c.delete('b')]).keys, ['*', 'b'])
})

test('a change that fails on the newer data fails as a whole', (t) => {
  const newer = data({ n: 9 })
  const made = changes((c) => {
    c.set('a', 1)
    c.update('n', (n) => {
      if (Number(n) >= 9) throw new RangeError('full')
      return Number(n) + 1
    })
  })
  t.throws(() => made.replayOn(newer), { message: 'full' })
  t.deepEqual(newer, data({ n: 9 }))
})
