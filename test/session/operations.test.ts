import test from 'ava'
import { emptyData, type Json, type SessionData } from '../../src/session/core/data.ts'
import { type ApplyChange, Operations } from '../../src/session/core/operations.ts'

const data = (values: Record<string, unknown>) => Object.assign(emptyData(), values) as SessionData
const add = (amount: number) => (current: Json | undefined) => Number(current ?? 0) + amount

const set = (c: Operations, key: string, value: Json) => c.add(key, { kind: 'set', value, before: undefined })
const update = (c: Operations, key: string, apply: ApplyChange) => c.add(key, { kind: 'apply', apply })

function changes(make: (changes: Operations) => unknown): Operations {
  const made = new Operations()
  make(made)
  return made
}

type Row = [
  what: string,
  make: (changes: Operations) => void,
  onto: Record<string, unknown>,
  gives: Record<string, unknown>,
]

const TABLE: Row[] = [
  // what was changed                what this request did             what the other request saved   what is written
  ['nothing', () => {}, { a: 1 }, { a: 1 }],
  ['a set', (c) => set(c, 'a', 2), { a: 9, b: 1 }, { a: 2, b: 1 }],
  ['two sets of one key', (c) => [set(c, 'a', 2), set(c, 'a', 3)], { a: 9 }, { a: 3 }],
  ['a delete', (c) => c.add('a', { kind: 'delete' }), { a: 9, b: 1 }, { b: 1 }],
  ['a delete of what is gone already', (c) => c.add('a', { kind: 'delete' }), { b: 1 }, { b: 1 }],
  ['an update', (c) => update(c, 'a', add(1)), { a: 9 }, { a: 10 }],
  ['an update of what is gone', (c) => update(c, 'a', add(1)), {}, { a: 1 }],
  ['three updates of one key', (c) => [1, 2, 3].map((n) => update(c, 'a', add(n))), { a: 10 }, { a: 16 }],
  ['an update to nothing', (c) => update(c, 'a', () => undefined), { a: 9, b: 1 }, { b: 1 }],
  ['an update after a set', (c) => [set(c, 'a', 1), update(c, 'a', add(1))], { a: 9 }, { a: 2 }],
  ['a set after an update', (c) => [update(c, 'a', add(1)), set(c, 'a', 5)], { a: 9 }, { a: 5 }],
  ['an update after a delete', (c) => [c.add('a', { kind: 'delete' }), update(c, 'a', add(1))], { a: 9 }, { a: 1 }],
  ['a clear', (c) => c.clear(), { a: 9, b: 1 }, {}],
  ['a clear after a set', (c) => [set(c, 'a', 1), c.clear()], { a: 9 }, {}],
  ['a set after a clear', (c) => [c.clear(), set(c, 'a', 1)], { a: 9, b: 1 }, { a: 1 }],
  ['an update after a clear', (c) => [c.clear(), update(c, 'a', add(1))], { a: 9 }, { a: 1 }],
  ['names that are special elsewhere', (c) => set(c, 'constructor', 1), { __proto__: null }, { constructor: 1 }],
]

for (const [what, make, onto, gives] of TABLE) {
  test(`replay: ${what}`, (t) => {
    t.deepEqual(changes(make).replayOn(data(onto)), data(gives))
  })
}

test('a replay does not change its argument and can be repeated', (t) => {
  const newer = data({ list: [1], other: { deep: [1] } })
  const made = changes((c) =>
    update(c, 'list', (list) => {
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

test('values are never shared with the result', (t) => {
  const list = [1]
  const made = changes((c) => set(c, 'list', list))
  const replayed = made.replayOn(emptyData())
  list.push(2)
  t.deepEqual(replayed['list'], [1])
})

test('__proto__ is a key like any other, and reaches no prototype', (t) => {
  const replayed = changes((c) => set(c, '__proto__', { isAdmin: true })).replayOn(emptyData())
  t.deepEqual(Object.keys(replayed), ['__proto__'])
  t.is(Object.getPrototypeOf(replayed), null)
  t.is(Reflect.get({}, 'isAdmin'), undefined)
})

test('empty says whether anything is to be done, keys what', (t) => {
  t.true(new Operations().empty)
  for (const make of [
    (c: Operations) => set(c, 'a', 1),
    (c: Operations) => c.add('a', { kind: 'delete' }),
    (c: Operations) => update(c, 'a', add(1)),
    (c: Operations) => c.clear(),
  ]) {
    t.false(changes(make).empty)
  }
  t.deepEqual(changes((c) => [set(c, 'a', 1), c.clear(), c.add('b', { kind: 'delete' })]).keys, ['*', 'b'])
})

test('a change that fails on the newer data fails as a whole', (t) => {
  const newer = data({ n: 9 })
  const made = changes((c) => {
    set(c, 'a', 1)
    update(c, 'n', (n) => {
      if (Number(n) >= 9) throw new RangeError('full')
      return Number(n) + 1
    })
  })
  t.throws(() => made.replayOn(newer), { message: 'full' })
  t.deepEqual(newer, data({ n: 9 }))
})
