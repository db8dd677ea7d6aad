import test from 'ava'
import { djangoCodec, djangoCookieCodec } from '../../../src/session/codec/django/django.ts'
import { pythonJsonOver } from '../../../src/session/codec/django/python-json.ts'
import { dumps, loads } from '../../../src/session/codec/django/signing.ts'
import type { SessionData } from '../../../src/session/core/data.ts'
import { SessionTooLargeError, ValueNotKeptError } from '../../../src/session/core/errors.ts'
import { TEST_SECRET } from '../../support/secret.ts'

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
  const decoded = codec.decode(key, stored(json))
  if (!decoded.ok) throw new Error(decoded.reason)
  change(decoded.data)
  return loads(codec.encode(key, decoded.data, { former: decoded.json }), options).toString()
}

test('values that Python wrote stay as they are while others change', (t) => {
  const theirs =
    '"id":12345678901234567890,"ratio":1.0,"no":NaN,"all":[Infinity,-Infinity,{"a":"NaN, \\"1\\""}],"by":{"10":1,"2":9007199254740993},"\\u00e9{":"\\u00e9","e":[],"o":{}'
  const result = changed(`{${theirs},"n":1}`, (data) => {
    data['n'] = 2
  })
  t.is(result, `{${theirs},"n":2}`)
})

test('each form of a value that JavaScript would write differently stays alone, too', (t) => {
  const numbers = ['1.0', '-0', '-0.0', '1e5', '1E5', '1e+22', '1234567890123456789', '[1.50]', 'NaN', '-Infinity']
  const texts = ['\\u0041', '\\u007e', '\\u007F', '\\/', '\\u000a', '\\u00FC', '\\ud83D\\ude00'].map(
    (text) => `"a${text}b"`,
  )
  const others = ['{"b":1,"1":2}', '[{"2":1,"1":1}]', '{"a" :1}', '[1,\n2]', '[ ]']
  for (const value of [...numbers, ...texts, ...others]) {
    const result = changed(`{"theirs":${value},"n":1}`, (data) => {
      data['n'] = 2
    })
    t.is(result, `{"theirs":${value},"n":2}`)
  }
})

test('of repeated keys the last is kept, which both languages read', (t) => {
  for (const [theirs, kept] of [
    ['"x":{"true":1,"true":2}', '"x":{"true":2}'],
    ['"x":1,"x":[2]', '"x":[2]'],
  ]) {
    const result = changed(`{${theirs},"n":1}`, (data) => {
      data['n'] = 2
    })
    t.is(result, `{${kept},"n":2}`)
  }
})

test('a session of a megabyte is read and written as well', (t) => {
  for (const value of ['"x"', '"\\\\n\\u00fc"', '0', '[]', '{"1":1}', '1.0']) {
    const theirs = Array(Math.floor(990_000 / (value.length + 1))).fill(value)
    const json = `{"theirs":[${theirs}],"n":1}`
    const result = changed(json, (data) => {
      data['n'] = 2
    })
    t.is(result, json.replace('"n":1', '"n":2'))
  }
})

test('a text of many megabytes, which compression may have hidden, overflows no stack', (t) => {
  const json = `{"theirs":[${Array(3_000_000).fill('""')}],"n":1}`
  t.is(pythonJsonOver(json, { theirs: ['x'], n: 1 } as SessionData).toString(), '{"theirs":["x"],"n":1}')
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

test('characters outside ASCII that another serializer wrote as they are stay the same characters', (t) => {
  for (const text of ['日本', '• bullet', 'x•,•is_admin•:true,•y•:•', '💥']) {
    const json = `{"theirs":"${text}","ratio":1.0,"n":1}`
    const result = changed(json, (data) => {
      data['n'] = 2
    })
    t.deepEqual(JSON.parse(result), { theirs: text, ratio: 1, n: 2 })
    t.regex(result, /^[ -~]+$/)
    t.true(result.includes('"ratio":1.0'))
  }
})

test('a session that is larger than the limit here can be read and signed in, and not be made much larger', (t) => {
  const decoded = codec.decode(key, stored(`{"long":"${'x'.repeat(100_000)}","n":1}`))
  t.true(decoded.ok)
  if (!decoded.ok) return
  const { data, json: former } = decoded
  data['_auth_user_id'] = '7'
  t.true(codec.decode(key, codec.encode(key, data, { former })).ok)
  data['more'] = 'x'.repeat(2000)
  t.throws(() => codec.encode(key, data, { former }), { instanceOf: SessionTooLargeError })
  const small = { long: 'x'.repeat(60_000), more: 'x'.repeat(6000) }
  const below = { former: `{"long":"${'x'.repeat(65_000)}"}` }
  t.throws(() => codec.encode(key, small, below), { instanceOf: SessionTooLargeError }, 'below the limit, no margin')
})

test('cookies keep them, too', (t) => {
  const cookies = djangoCookieCodec({ secrets: [TEST_SECRET] })
  const salt = 'django.contrib.sessions.backends.signed_cookies'
  const former = dumps(Buffer.from('{"id":12345678901234567890,"n":1}'), { ...options, salt })
  const decoded = cookies.decode(former, 60)
  t.true(decoded.ok)
  if (!decoded.ok) return
  decoded.data['n'] = 2
  const text = cookies.encode(decoded.data, decoded.json)
  t.is(loads(text, { ...options, salt }).toString(), '{"id":12345678901234567890,"n":2}')
})
