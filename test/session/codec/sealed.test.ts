import { createSecretKey, hkdfSync } from 'node:crypto'
import { deflateSync } from 'node:zlib'
import test from 'ava'
import fc from 'fast-check'
import type { Codec, Decoded } from '../../../src/session/codec/codec.ts'
import { djangoCodec, djangoCookieCodec } from '../../../src/session/codec/django/django.ts'
import { readSignedCookie, signCookie } from '../../../src/session/codec/django/signed-cookie.ts'
import { TimestampSigner } from '../../../src/session/codec/django/signing.ts'
import { msgpackSerializer } from '../../../src/session/codec/msgpack.ts'
import { hkdf } from '../../../src/session/codec/sealed/box.ts'
import { sealedCodec, sealedPrefixes } from '../../../src/session/codec/sealed/sealed.ts'
import { jsonSerializer, type Serializer } from '../../../src/session/codec/serializer.ts'
import { plainJson, type SessionData } from '../../../src/session/core/data.ts'
import { SessionTooLargeError } from '../../../src/session/core/errors.ts'

const NEW = 'the new secret, long enough for anybody'
const OLD = 'the old secret, long enough for anybody'
const key = 'abcdefghijklmnopqrstuvwxyz012345'
const other = 'bbcdefghijklmnopqrstuvwxyz012345'
const data = plainJson({ user: 'ada', list: [1, 2, 3] }) as SessionData

const sealed = (secrets: readonly [string, ...string[]] = [NEW], namespace = 'sessionid') =>
  sealedCodec({ secrets, namespace })

test('encrypted data can be decrypted and reveal neither content nor key', (t) => {
  const codec = sealed()
  const text = codec.encode(key, data)
  t.deepEqual(codec.decode(key, text), { ok: true, data })
  t.false(Buffer.from(text, 'base64url').includes('ada'))
  t.not(codec.storeKey(key), key)
  t.regex(codec.storeKey(key), /^[\w-]{43}$/)
})

test('the key derivation is that of RFC 5869', (t) => {
  const salt = Buffer.from('salt of thirty-two bytes, exactly')
  const expected = Buffer.from(hkdfSync('sha256', key, salt, 'info', 32))
  t.deepEqual(hkdf(key, createSecretKey(salt), Buffer.from('info')), expected)
})

test('changing any byte is detected (ASVS 11.3.2, 11.3.3)', (t) => {
  const codec = sealed()
  const bytes = Buffer.from(codec.encode(key, data), 'base64url')
  for (let at = 0; at < bytes.length; at++) {
    const changed = Buffer.from(bytes)
    changed.writeUInt8(changed.readUInt8(at) ^ 1, at)
    t.false(codec.decode(key, changed.toString('base64url')).ok, `byte ${at}`)
  }
})

test('a shortened tag, spare bits, padding and white space are refused (ASVS 11.3.3)', (t) => {
  const codec = sealed()
  const text = codec.encode(key, data)
  const bytes = Buffer.from(text, 'base64url')
  const shortTag = Buffer.concat([bytes.subarray(0, 17), bytes.subarray(29)])
  for (const wrong of [
    shortTag.toString('base64url'),
    `${text}=`,
    `${text} `,
    `${text}\n`,
    text.slice(0, -1),
    '',
    'AQ',
  ]) {
    t.false(codec.decode(key, wrong).ok)
  }
})

test('another session key, namespace or secret does not decrypt', (t) => {
  const text = sealed().encode(key, data)
  t.false(sealed().decode(other, text).ok)
  t.false(sealed([NEW], 'adminid').decode(key, text).ok)
  t.false(sealed([OLD]).decode(key, text).ok)
  t.not(sealed([NEW], 'adminid').storeKey(key), sealed().storeKey(key))
})

test('secrets rotate: the first encrypts, all of them decrypt (CVE-2025-47278) (ASVS 11.2.2, 13.3.4)', (t) => {
  const before = sealed([OLD]).encode(key, data)
  t.true(sealed([NEW, OLD]).decode(key, before).ok)
  t.false(sealed([NEW]).decode(key, before).ok)
  const after = sealed([NEW, OLD]).encode(key, data)
  t.true(sealed([NEW]).decode(key, after).ok)
  t.false(sealed([OLD]).decode(key, after).ok)
})

test('a secret that is not known is told from damage, also with a forward', (t) => {
  for (const options of [{}, { successor: other }]) {
    const text = sealed([OLD]).encode(key, data, options)
    t.deepEqual(sealed([NEW]).decode(key, text), { ok: false, reason: 'unknown-secret' })
    const damaged = `${text.slice(0, -4)}AAAA`
    t.deepEqual(sealed([NEW, OLD]).decode(key, damaged), { ok: false, reason: 'unauthentic' })
  }
})

test('what a session begins with names its secret', (t) => {
  const [first, second] = sealedPrefixes([NEW, OLD])
  t.true(
    sealed([NEW])
      .encode(key, data)
      .startsWith(first ?? '-'),
  )
  t.true(
    sealed([OLD])
      .encode(key, data)
      .startsWith(second ?? '-'),
  )
  t.not(first, second)
})

test('the key cache of one codec does not affect another', (t) => {
  const codec = sealed([NEW, OLD])
  const keys = Array.from({ length: 1200 }, (_, index) => String(index).padStart(32, '0'))
  const before = keys.map((sessionKey) => sealed([OLD]).encode(sessionKey, { sessionKey }))
  for (const round of ['first', 'second']) {
    for (const [index, sessionKey] of keys.entries()) {
      const decoded = codec.decode(sessionKey, before[index] ?? '')
      t.deepEqual(decoded, { ok: true, data: plainJson({ sessionKey }), olderSecret: true }, round)
      t.true(sealed([NEW]).decode(sessionKey, codec.encode(sessionKey, data)).ok, round)
    }
  }
})

test('10,000 records have 10,000 nonces (ASVS 11.3.4)', (t) => {
  const codec = sealed()
  const nonces = new Set<string>()
  for (let n = 0; n < 10_000; n++) nonces.add(codec.encode(key, data).slice(0, 17))
  t.is(nonces.size, 10_000)
})

test('a decompression bomb is not inflated beyond the limit, even with the right key', (t) => {
  const bomb: Serializer = {
    name: 'bomb',
    // 60,000 zeros: a few dozen bytes once deflated.
    dumps: () => Buffer.alloc(60_000),
    loads: jsonSerializer.loads,
  }
  const generous = sealedCodec({ secrets: [NEW], namespace: 'sessionid', serializer: bomb, compressAbove: 10 })
  const strict = sealedCodec({ secrets: [NEW], namespace: 'sessionid', maxBytes: 1000 })
  t.deepEqual(strict.decode(key, generous.encode(key, data)), { ok: false, reason: 'too-large' })

  const payload = `.${deflateSync(Buffer.alloc(3_000_000)).toString('base64url')}`
  const signed = new TimestampSigner({ secrets: [NEW], salt: 'django.contrib.sessions.SessionStore' }).sign(payload)
  t.deepEqual(djangoCodec({ secrets: [NEW] }).decode(key, signed), { ok: false, reason: 'too-large' })
})

test('encoding leaves the data as they were, also when it fails', (t) => {
  const failing: Serializer = {
    name: 'failing',
    dumps() {
      throw new RangeError('too deep')
    },
    loads: jsonSerializer.loads,
  }
  const metadata = { id: 'x'.repeat(22), createdAt: 1 }
  for (const given of [{ user: 'ada' }, { _session_metadata: 'of a handler', user: 'ada' }]) {
    const before = plainJson(given) as SessionData
    const encoded = sealed().encode(key, before, { metadata })
    t.deepEqual(Object.entries(before), Object.entries(given))
    const decoded = sealed().decode(key, encoded)
    t.deepEqual(decoded, { ok: true, data: plainJson({ user: 'ada' }) as SessionData, metadata })
    const codec = sealedCodec({ secrets: [NEW], namespace: 'sessionid', serializer: failing })
    t.throws(() => codec.encode(key, before, { metadata }), { instanceOf: RangeError })
    t.deepEqual(Object.entries(before), Object.entries(given))
  }
})

test('a session above its limit is refused with its size', (t) => {
  const large = plainJson({ text: 'x'.repeat(2000) }) as SessionData
  for (const codec of [
    sealedCodec({ secrets: [NEW], namespace: 's', maxBytes: 1000 }),
    djangoCodec({ secrets: [NEW], maxBytes: 1000 }),
  ]) {
    const error = t.throws(() => codec.encode(key, large), { instanceOf: SessionTooLargeError })
    t.is(error?.limit, 1000)
    t.is(error?.bytes, 2011)
  }
})

test('a session above 80 % of its limit is a warning', (t) => {
  const warnings: [number, number][] = []
  const options = {
    secrets: [NEW] as const,
    maxBytes: 1000,
    onNearlyFull: (bytes: number, limit: number) => void warnings.push([bytes, limit]),
  }
  const text = (length: number) => plainJson({ text: 'x'.repeat(length) }) as SessionData
  for (const codec of [sealedCodec({ ...options, namespace: 's' }), djangoCodec(options)]) {
    codec.encode(key, text(700))
    codec.encode(key, text(850))
  }
  t.deepEqual(warnings, [
    [861, 1000],
    [861, 1000],
  ])
})

test('text of one format, or made for one purpose, is refused by every other (ASVS 9.1.2)', (t) => {
  const json = Buffer.from(JSON.stringify(data))
  const unsalted = new TimestampSigner({ secrets: [NEW], salt: 'django.core.signing' })
  const texts = {
    sealed: sealed().encode(key, data),
    admin: sealed([NEW], 'adminid').encode(key, data),
    django: djangoCodec({ secrets: [NEW] }).encode(key, data),
    cookie: djangoCookieCodec({ secrets: [NEW] }).encode(data),
    signed: signCookie('sessionid', json.toString('base64url'), { secrets: [NEW] }),
    dumped: unsalted.sign(json.toString('base64url')),
    plain: json.toString('base64url'),
    jwt: 'eyJhbGciOiJub25lIn0.eyJ1c2VyIjoiYWRhIn0.',
  }
  const readers = {
    sealed: (text: string) => sealed().decode(key, text).ok,
    admin: (text: string) => sealed([NEW], 'adminid').decode(key, text).ok,
    django: (text: string) => djangoCodec({ secrets: [NEW] }).decode(key, text).ok,
    cookie: (text: string) => djangoCookieCodec({ secrets: [NEW] }).decode(text, 60).ok,
    signed: (text: string) => readSignedCookie('sessionid', text, { secrets: [NEW] }) !== undefined,
  }
  for (const [from, text] of Object.entries(texts)) {
    for (const [to, reads] of Object.entries(readers)) t.is(reads(text), from === to, `${from} read as ${to}`)
  }
})

test('random and mutated text never throws and is never accepted', (t) => {
  const cookie = djangoCookieCodec({ secrets: [NEW] })
  const formats = [
    { text: sealed().encode(key, data), opens: (text: string) => sealed().decode(key, text).ok },
    {
      text: djangoCodec({ secrets: [NEW] }).encode(key, data),
      opens: (text: string) => djangoCodec({ secrets: [NEW] }).decode(key, text).ok,
    },
    { text: cookie.encode(data), opens: (text: string) => cookie.decode(text, 60).ok },
    {
      text: signCookie('seen', 'banner', { secrets: [NEW] }),
      opens: (text: string) => readSignedCookie('seen', text, { secrets: [NEW], acceptLegacySalt: true }) !== undefined,
    },
  ]
  for (const { text, opens } of formats) {
    t.true(opens(text))
    t.notThrows(() => fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (random) => !opens(random))))
    t.notThrows(() =>
      fc.assert(
        fc.property(fc.nat(text.length - 1), fc.string({ minLength: 1, maxLength: 3 }), (at, patch) => {
          const mutated = text.slice(0, at) + patch + text.slice(at + patch.length)
          return mutated === text || !opens(mutated)
        }),
        { numRuns: 1000 },
      ),
    )
  }
})

// Names that mean something to JavaScript, to JSON.stringify or to a library; in a session they are only names.
const HOSTILE = [
  ...Object.getOwnPropertyNames(Object.prototype),
  'toJSON',
  'then',
  'prototype',
  'length',
  '__proto_',
  '',
]

test('__proto__ and its like are ordinary keys in every serializer and codec', (t) => {
  const text = JSON.stringify(Object.fromEntries(HOSTILE.map((name) => [name, { isAdmin: true }])))
  // Compared as text: it names every key that is there, whatever that key would do to an object.
  const hostile = plainJson(JSON.parse(`{${text.slice(1, -1)},"nested":[${text}]}`)) as SessionData
  t.is(Object.keys(hostile).length, HOSTILE.length + 1)
  for (const serializer of [jsonSerializer, msgpackSerializer]) {
    const cookie = djangoCookieCodec({ secrets: [NEW], serializer })
    const decoded = {
      sealed: roundTrip(sealedCodec({ secrets: [NEW], namespace: 's', serializer }), hostile),
      django: roundTrip(djangoCodec({ secrets: [NEW], serializer }), hostile),
      cookie: cookie.decode(cookie.encode(hostile), 60),
    }
    for (const [name, result] of Object.entries(decoded)) {
      if (!result.ok) return t.fail(`${serializer.name} ${name}: ${result.reason}`)
      t.is(JSON.stringify(result.data), JSON.stringify(hostile), `${serializer.name} ${name}`)
      t.is(Object.getPrototypeOf(result.data), null)
      t.is(({} as Record<string, unknown>)['isAdmin'], undefined)
    }
  }
})

function roundTrip(codec: Codec, value: SessionData): Decoded {
  return codec.decode(key, codec.encode(key, value))
}

const SUCCESSOR = 'z'.repeat(32)

test('a forward contains the next key and the data, readable with the old key only', (t) => {
  for (const held of [data, plainJson({ long: 'x'.repeat(5000) }) as SessionData]) {
    const codec = sealed()
    const text = codec.encode(key, held, { successor: SUCCESSOR })
    t.deepEqual(codec.decode(key, text), { ok: true, data: held, successor: SUCCESSOR })
    t.false(codec.decode(other, text).ok)
    t.false(sealed([NEW], 'other').decode(key, text).ok)
    t.deepEqual(sealed(['a newer secret: 4c7a9be21f6d8035', NEW]).decode(key, text), {
      ok: true,
      data: held,
      successor: SUCCESSOR,
    })
  }
})

test('no data can be taken for a forward, and no forward for data', (t) => {
  const codec = sealed()
  const relabelled = (text: string, version: number) => {
    const bytes = Buffer.from(text, 'base64url')
    bytes[0] = version
    return bytes.toString('base64url')
  }
  const imitation = plainJson({ [SUCCESSOR]: SUCCESSOR }) as SessionData
  t.like(codec.decode(key, relabelled(codec.encode(key, imitation), 2)), { ok: false, reason: 'unauthentic' })
  t.like(codec.decode(key, relabelled(codec.encode(key, data, { successor: SUCCESSOR }), 1)), {
    ok: false,
    reason: 'unauthentic',
  })
})

test('a forward of a session at its limit is neither an error nor a warning', (t) => {
  const warnings: number[] = []
  const codec = sealedCodec({
    secrets: [NEW],
    namespace: 'n',
    maxBytes: 100,
    onNearlyFull: (bytes) => void warnings.push(bytes),
  })
  t.notThrows(() => codec.encode(key, plainJson({ long: 'x'.repeat(200) }) as SessionData, { successor: SUCCESSOR }))
  t.deepEqual(warnings, [])
})
