import test from 'ava'
import fc from 'fast-check'
import { plainJson } from '../../src/session/core/data.ts'
import { FlatCopy } from '../../src/session/core/flat-copy.ts'

/** Values that resemble each other in a flat list. */
const VALUES: unknown[] = [
  {},
  [],
  [0],
  [[], 0],
  [0, []],
  [[0]],
  [1, 2],
  { a: 0 },
  { a: [] },
  { a: {} },
  { a: null },
  { a: '' },
  { a: 'b' },
  { a: { b: 1 } },
  { a: {}, b: 1 },
  { b: 1, a: {} },
  { a: [], b: [{}] },
  { a: [{}], b: [] },
  ['a', 'b'],
  { a: true },
  { a: 'true' },
  { a: 1.5, é: '\u{1f600}' },
]

test('a flat copy equals the value that it is of, and no other', (t) => {
  for (const [index, value] of VALUES.entries()) {
    const copy = new FlatCopy(value)
    for (const [other, another] of VALUES.entries()) {
      t.is(
        copy.equals(structuredClone(another)),
        index === other,
        `${JSON.stringify(value)} ${JSON.stringify(another)}`,
      )
    }
    t.is(copy.text, JSON.stringify(value))
    t.deepEqual(copy.value(), plainJson(value))
  }
})

test('of plain JSON it equals what has the same text, whatever the values', (t) => {
  const json = fc.jsonValue({ maxDepth: 3 })
  const property = fc.property(json, json, (one, other) => {
    const copy = new FlatCopy(one)
    const again = JSON.parse(JSON.stringify(one)) as unknown
    const same = JSON.stringify(one) === JSON.stringify(other)
    return copy.equals(again) && copy.equals(other) === same && JSON.stringify(copy.value()) === copy.text
  })
  t.notThrows(() => fc.assert(property))
})

test('its value has new objects, without prototypes', (t) => {
  const given = { list: [{ a: 1 }], ['__proto__']: 1 }
  const value = new FlatCopy(given).value() as typeof given
  t.not(value.list, given.list)
  t.is(Object.getPrototypeOf(value), null)
  t.is(Object.getPrototypeOf(value.list[0]), null)
})

test('of what is not plain JSON it is the text', (t) => {
  const copy = new FlatCopy({ at: new Date(0), no: undefined, n: Number.NaN })
  t.true(copy.equals({ at: '1970-01-01T00:00:00.000Z', n: null }))
  t.false(copy.equals({ at: new Date(1), n: null }))
  t.deepEqual(copy.value(), plainJson({ at: '1970-01-01T00:00:00.000Z', n: null }))
})

test('what has no JSON is null', (t) => {
  const value = { toJSON: () => undefined }
  const copy = new FlatCopy(value)
  t.true(copy.equals(value))
  t.is(copy.value(), null)
})

test('what contains itself is a TypeError', (t) => {
  const value: Record<string, unknown> = {}
  value['self'] = value
  t.throws(() => new FlatCopy(value), { instanceOf: TypeError })
})
