import test from 'ava'
import { type Json, plainJson, type SessionData } from '../../src/session/core/data.ts'
import { Document } from '../../src/session/core/document.ts'

type Change = (document: Document) => unknown
type Row = [what: string, loaded: Json, change: Change, newer: Json, gives: Json, overwritten?: string[]]

const data = (value: Json) => plainJson(value) as SessionData
const at = <T>(document: Document, key: string) => document.get(key) as T

/** What one request did in place to what it loaded, on what another has saved meanwhile. */
const TABLE: Row[] = [
  ['an append', { l: [1] }, (d) => at<number[]>(d, 'l').push(2), { l: [1, 9] }, { l: [1, 9, 2] }],
  ['an append to a list that was emptied', { l: [1] }, (d) => at<number[]>(d, 'l').push(2), { l: [] }, { l: [2] }],
  ['an append to a list that is gone', { l: [1] }, (d) => at<number[]>(d, 'l').push(2), {}, {}],
  [
    'an append to a value that was set and is not given as JSON',
    {},
    (d) => {
      d.set('o', { at: new Date(0), l: [1] })
      at<{ l: number[] }>(d, 'o').l.push(2)
    },
    { x: 9 },
    { x: 9, o: { at: '1970-01-01T00:00:00.000Z', l: [1, 2] } },
  ],
  ['a replaced list', { l: [1, 2] }, (d) => at<number[]>(d, 'l').reverse(), { l: [1, 2, 3] }, { l: [2, 1] }, ['l']],
  [
    'properties side by side',
    { o: { a: 1, b: 1 } },
    (d) => Object.assign(at<object>(d, 'o'), { a: 2 }),
    { o: { a: 1, b: 9 } },
    { o: { a: 2, b: 9 } },
  ],
  [
    'a deep property beside a deep one',
    { o: { p: { a: 1 }, q: 1 } },
    (d) => Object.assign(at<{ p: object }>(d, 'o').p, { b: 2 }),
    { o: { p: { a: 1, c: 3 }, q: 9 } },
    { o: { p: { a: 1, c: 3, b: 2 }, q: 9 } },
  ],
  [
    'one scalar changed by both',
    { o: { a: 1 } },
    (d) => Object.assign(at<object>(d, 'o'), { a: 2 }),
    { o: { a: 9 } },
    { o: { a: 2 } },
    ['o'],
  ],
  [
    'one scalar changed by both to the same value',
    { o: { a: 1 } },
    (d) => Object.assign(at<object>(d, 'o'), { a: 2 }),
    { o: { a: 2 } },
    { o: { a: 2 } },
  ],
  [
    'a property whose parent was removed',
    { o: { p: { a: 1 } } },
    (d) => Object.assign(at<{ p: object }>(d, 'o').p, { a: 2 }),
    { o: {} },
    { o: {} },
  ],
  [
    'a removed property',
    { o: { a: 1, b: 1 } },
    (d) => delete at<{ a?: number }>(d, 'o').a,
    { o: { a: 1, b: 9 } },
    { o: { b: 9 } },
  ],
  [
    'a list within an object',
    { o: { l: [{ n: 1 }] } },
    (d) => at<{ l: Json[] }>(d, 'o').l.push({ n: 2 }),
    { o: { l: [{ n: 1 }, { n: 9 }], m: 1 } },
    { o: { l: [{ n: 1 }, { n: 9 }, { n: 2 }], m: 1 } },
  ],
  [
    'a push and a set of the same object',
    { l: [1] },
    (d) => {
      const list = at<number[]>(d, 'l')
      list.push(2)
      d.set('l', list)
    },
    { l: [1, 9] },
    { l: [1, 9, 2] },
  ],
  ['a set of a scalar', { n: 1 }, (d) => d.set('n', 2), { n: 1 }, { n: 2 }],
  ['a set of a scalar that another has set', { n: 1 }, (d) => d.set('n', 2), { n: 9 }, { n: 2 }, ['n']],
  ['a default where there is one by now', {}, (d) => d.setDefault('n', 1), { n: 9 }, { n: 9 }],
  ['a default where there is none', {}, (d) => d.setDefault('n', 1), { m: 9 }, { m: 9, n: 1 }],
  ['a delete of what another stores just now', {}, (d) => d.delete('n'), { n: 9 }, {}],
  [
    'names that are special elsewhere',
    { o: {} },
    (d) => Object.defineProperty(at<object>(d, 'o'), '__proto__', { value: { x: 1 }, enumerable: true }),
    { o: { a: 1 } },
    JSON.parse('{"o": {"a": 1, "__proto__": {"x": 1}}}') as Json,
  ],
]

for (const [what, loaded, change, newer, gives, overwritten = []] of TABLE) {
  test(`on newer data: ${what}`, (t) => {
    const document = new Document(data(loaded))
    change(document)
    const operations = document.take()
    t.deepEqual(operations.replayOn(data(newer)), data(gives))
    t.deepEqual(operations.overwritten, overwritten)
  })
}

test('a change of all data is applied again as a whole', (t) => {
  const document = new Document(data({ from: 5, to: 0 }))
  document.applyToAll((all) => {
    const moved = Math.min(5, Number(all['from']))
    all['from'] = Number(all['from']) - moved
    all['to'] = Number(all['to']) + moved
  })
  t.deepEqual(document.data, data({ from: 0, to: 5 }))
  t.deepEqual(document.take().replayOn(data({ from: 3, to: 2 })), data({ from: 0, to: 5 }))
})

test('what JSON cannot hold is refused with its path', (t) => {
  const document = new Document()
  class Point {
    x = 1
  }
  const rows: [unknown, string][] = [
    [new Map(), 'A session cannot hold a Map (at "k")'],
    [{ deep: [1, new Set()] }, 'A session cannot hold a Set (at "k.deep[1]")'],
    [Promise.resolve(1), 'A session cannot hold a Promise (at "k")'],
    [[new Point()], 'A session cannot hold a Point (at "k[0]")'],
    [{ n: Number.NaN }, 'A session cannot hold NaN (at "k.n")'],
  ]
  for (const [value, message] of rows) t.throws(() => document.set('k', value), { instanceOf: TypeError, message })
  t.false(document.changed)
})

test('a value that contains itself at any depth is refused, one that is contained twice is not', (t) => {
  for (const length of [1, 2, 99, 100, 101, 250]) {
    const ring: Record<string, unknown> = {}
    let last = ring
    for (let at = 1; at < length; at++) {
      const next: Record<string, unknown> = {}
      last['next'] = next
      last = next
    }
    last['next'] = ring
    t.throws(() => new Document().set('k', ring), { instanceOf: TypeError, message: /contains itself/ }, `${length}`)
  }
  const shared = { one: 1 }
  const document = new Document()
  document.set('k', [shared, { shared }])
  t.deepEqual(document.get('k'), [{ one: 1 }, { shared: { one: 1 } }] as never)
})

test('a value with too many levels is refused as a whole', (t) => {
  const nested = (levels: number) => JSON.parse(`${'['.repeat(levels)}${']'.repeat(levels)}`) as Json
  for (const levels of [1001, 4500, 100_000]) {
    const document = new Document()
    const message = 'A session cannot hold a value that contains itself or has more than 1000 levels (at "k")'
    t.throws(() => document.set('k', nested(levels)), { instanceOf: TypeError, message }, `${levels}`)
    t.false(document.changed)
  }
  const document = new Document()
  document.set('k', nested(1000))
  t.deepEqual(document.take().replayOn(document.data), document.snapshot())
})

test('a change in place to what JSON cannot hold is refused with its path', (t) => {
  const document = new Document(data({ o: { list: [1] } }))
  at<{ list: unknown[] }>(document, 'o').list.push({ when: new Map([[1, 2]]) })
  t.throws(() => document.take(), { instanceOf: TypeError, message: /a Map \(at "o\.list\[1\]\.when"\)/ })
})

test('a snapshot does not change with what a handler changes later, got before or after it', (t) => {
  const document = new Document(data({ before: { n: 1 }, after: { n: 1 }, list: [{ n: 1 }] }))
  const before = at<{ n: number }>(document, 'before')
  before.n = 2
  document.take()
  const snapshot = document.snapshot()
  before.n = 3
  at<{ n: number }>(document, 'after').n = 3
  at<{ n: number }[]>(document, 'list').push({ n: 3 })
  t.deepEqual(plainJson(snapshot), data({ before: { n: 2 }, after: { n: 1 }, list: [{ n: 1 }] }))
  t.deepEqual(document.take().keys.sort(), ['after', 'before', 'list'])
  t.deepEqual(plainJson(document.snapshot()), data({ before: { n: 3 }, after: { n: 3 }, list: [{ n: 1 }, { n: 3 }] }))
})

test('a change in place that is not JSON is refused again and again, and never saved', (t) => {
  const document = new Document(data({ o: { n: 1 } }))
  const value = at<{ n: unknown }>(document, 'o')
  value.n = Number.NaN
  for (let n = 0; n < 2; n++) t.throws(() => document.take(), { instanceOf: TypeError, message: /NaN \(at "o.n"\)/ })
  value.n = 2
  document.take()
  t.deepEqual(plainJson(document.snapshot()), data({ o: { n: 2 } }))
})

const load = () => {
  const document = new Document(plainJson({ o: { a: 1, b: {} } }) as { [key: string]: Json })
  return { document, value: document.get('o') as Record<string, unknown> }
}

test('an object becomes another with the same properties: a date, and what has a toJSON', (t) => {
  for (const [other, stored] of [
    [new Date(0), '1970-01-01T00:00:00.000Z'],
    [{ toJSON: () => 'other' }, 'other'],
  ] as const) {
    const { document, value } = load()
    value['b'] = other
    t.true(document.changed)
    t.deepEqual(document.snapshot()['o'], plainJson({ a: 1, b: stored }))
  }
})

test('what JSON leaves out is no change', (t) => {
  for (const added of [undefined, () => 1, Symbol('s')]) {
    const { document, value } = load()
    value['c'] = added
    t.false(document.changed)
  }
})

test('another order of properties is a change', (t) => {
  const { document, value } = load()
  const { a } = value
  delete value['a']
  value['a'] = a
  t.true(document.changed)
})
