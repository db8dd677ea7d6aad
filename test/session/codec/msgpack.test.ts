import test from 'ava'
import fc from 'fast-check'
import { Packr } from 'msgpackr'
import { msgpackSerializer } from '../../../src/session/codec/msgpack.ts'
import { jsonSerializer } from '../../../src/session/codec/serializer.ts'
import { plainJson, type SessionData } from '../../../src/session/core/data.ts'

const foreign = new Packr({ useRecords: false, moreTypes: true })

test('JSON values are read back as they were written', (t) => {
  const record = fc.dictionary(fc.string({ unit: 'grapheme' }), fc.jsonValue({ stringUnit: 'grapheme' }))
  t.notThrows(() =>
    fc.assert(
      fc.property(record, (value) => {
        const data = plainJson(value) as SessionData
        const read = msgpackSerializer.loads(msgpackSerializer.dumps(data))
        return JSON.stringify(read) === JSON.stringify(data)
      }),
    ),
  )
})

test('decoded objects have no prototype, at any depth', (t) => {
  const data = plainJson({ list: [{ deep: {} }] }) as SessionData
  const { list } = msgpackSerializer.loads(msgpackSerializer.dumps(data))
  const [item] = list as SessionData[]
  t.is(Object.getPrototypeOf(item), null)
  t.is(Object.getPrototypeOf(item?.['deep']), null)
})

test('values that are not JSON are refused', (t) => {
  const values: Record<string, unknown> = {
    date: new Date(0),
    binary: Buffer.from('bytes'),
    set: new Set([1]),
    pattern: /a/,
    error: new Error('no'),
    infinite: Number.POSITIVE_INFINITY,
    nan: Number.NaN,
    numberedKeys: new Map([[1, 'one']]),
  }
  for (const [name, value] of Object.entries(values)) {
    t.throws(() => msgpackSerializer.loads(foreign.pack({ value })), { instanceOf: TypeError }, name)
    t.throws(() => msgpackSerializer.loads(foreign.pack({ list: [{ value }] })), { instanceOf: TypeError }, name)
  }
})

test('invalid MessagePack and values that are not objects are refused', (t) => {
  for (const value of ['text', 5, null, [1, 2]]) {
    t.throws(() => msgpackSerializer.loads(foreign.pack(value)), { instanceOf: TypeError })
  }
  t.throws(() => msgpackSerializer.loads(Buffer.alloc(0)))
  t.throws(() => msgpackSerializer.loads(jsonSerializer.dumps(plainJson({ a: 1 }) as SessionData)))
})

test('a lone surrogate becomes U+FFFD, and the rest of the text is kept', (t) => {
  const read = msgpackSerializer.loads(msgpackSerializer.dumps(plainJson({ text: 'a\ud800b' }) as SessionData))
  t.regex(String(read['text']), /^a\ufffd+b$/)
})
