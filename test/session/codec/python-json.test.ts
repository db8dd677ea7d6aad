import test from 'ava'
import { djangoCodec, djangoCookieCodec } from '../../../src/session/codec/django/django.ts'
import { dumps, loads } from '../../../src/session/codec/django/signing.ts'
import { SessionTooLargeError, ValueNotKeptError } from '../../../src/session/core/errors.ts'
import { TEST_SECRET } from '../../support/app.ts'

const key = 'k'.repeat(32)
const codec = djangoCodec({ secrets: [TEST_SECRET] })
const options = {
  secrets: [TEST_SECRET] as const,
  salt: 'django.contrib.sessions.SessionStore',
  maxBytes: 1_000_000,
}

/** As Django stores it. */
const stored = (json: string) => dumps(Buffer.from(json), { ...options, compress: true })

function changed(json: string, change: (data: Record<string, unknown>) => void): string {
  const former = stored(json)
  const decoded = codec.decode(key, former)
  if (!decoded.ok) throw new Error(decoded.reason)
  change(decoded.data)
  return loads(codec.encode(key, decoded.data, { former }), options).toString()
}

test('values that Python wrote stay as they are while others change', (t) => {
  const theirs =
    '"id":12345678901234567890,"ratio":1.0,"no":NaN,"all":[Infinity,-Infinity,{"a":"NaN, \\"1\\""}],"by":{"10":1,"2":9007199254740993},"\\u00e9{":"\\u00e9","e":[],"o":{}'
  const result = changed(`{${theirs},"n":1}`, (data) => {
    data['n'] = 2
  })
  t.is(result, `{${theirs},"n":2}`)
})

test('spaces between values are no part of them', (t) => {
  const result = changed('{ "id" : 12345678901234567890 ,\n "list": [1, 2] , "n": 1}', (data) => {
    data['n'] = 2
  })
  t.is(result, '{"id":12345678901234567890,"list":[1, 2],"n":2}')
})

test('NaN and Infinity are read as null, a number beyond 2^53 as the nearest', (t) => {
  const decoded = codec.decode(key, stored('{"a":NaN,"b":[-Infinity],"c":12345678901234567890,"d":"NaN"}'))
  t.true(decoded.ok)
  const plain = decoded.ok && JSON.parse(JSON.stringify(decoded.data))
  t.deepEqual(plain, { a: null, b: [null], c: 12345678901234567000, d: 'NaN' })
  t.like(codec.decode(key, stored('{"a":nan}')), { ok: false, reason: 'malformed' })
  t.like(codec.decode(key, stored('[NaN]')), { ok: false, reason: 'not-an-object' })
})

test('a value with numbers that cannot be kept may be deleted and not changed', (t) => {
  for (const value of ['{"a":NaN,"n":1}', '{"a":9007199254740993,"n":1}', '{"a":[-Infinity],"n":1}']) {
    const json = `{"theirs":${value},"n":1}`
    const change = (data: Record<string, unknown>) => {
      ;(data['theirs'] as Record<string, unknown>)['n'] = 2
    }
    t.like(
      t.throws(() => changed(json, change), { instanceOf: ValueNotKeptError }),
      { status: 409 },
    )
    const deleted = changed(json, (data) => {
      delete data['theirs']
    })
    t.is(deleted, '{"n":1}')
  }
  const floats = changed('{"theirs":{"a":1.0,"n":1}}', (data) => {
    ;(data['theirs'] as Record<string, unknown>)['n'] = 2
  })
  t.is(floats, '{"theirs":{"a":1,"n":2}}', 'the same number')
})

test('a session that is larger than the limit here can be read, and not be changed', (t) => {
  const large = stored(`{"long":"${'x'.repeat(100_000)}","n":1}`)
  const decoded = codec.decode(key, large)
  t.true(decoded.ok)
  if (decoded.ok)
    t.throws(() => codec.encode(key, decoded.data, { former: large }), { instanceOf: SessionTooLargeError })
})

test('cookies keep them, too', (t) => {
  const cookies = djangoCookieCodec({ secrets: [TEST_SECRET] })
  const salt = 'django.contrib.sessions.backends.signed_cookies'
  const former = dumps(Buffer.from('{"id":12345678901234567890,"n":1}'), { ...options, salt })
  const decoded = cookies.decode(former, 60)
  t.true(decoded.ok)
  if (!decoded.ok) return
  decoded.data['n'] = 2
  const text = cookies.encode(decoded.data, former)
  t.is(loads(text, { ...options, salt }).toString(), '{"id":12345678901234567890,"n":2}')
})
