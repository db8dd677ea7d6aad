import { createSecretKey, hkdfSync } from 'node:crypto'
import { deflateSync } from 'node:zlib'
import test from 'ava'
import fc from 'fast-check'
import { djangoCodec, djangoCookieCodec } from '../../../src/session/codec/django.ts'
import { msgpackSerializer } from '../../../src/session/codec/msgpack.ts'
import { hkdf, sealedCodec } from '../../../src/session/codec/sealed.ts'
import { jsonSerializer, type Serializer } from '../../../src/session/codec/serializer.ts'
import { TimestampSigner } from '../../../src/session/codec/signing.ts'
import { plainJson, type SessionData } from '../../../src/session/data.ts'
import { SessionTooLargeError } from '../../../src/session/errors.ts'

const NEW = 'the new secret, long enough for anybody'
const OLD = 'the old secret, long enough for anybody'
const key = 'abcdefghijklmnopqrstuvwxyz012345'
const other = 'bbcdefghijklmnopqrstuvwxyz012345'
const data = plainJson({ user: 'ada', cart: [1, 2, 3] }) as SessionData

const sealed = (secrets: readonly [string, ...string[]] = [NEW], namespace = 'sessionid') =>
  sealedCodec({ secrets, namespace })

test('what is sealed opens again, and hides its content and its key', (t) => {
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

test('changing any byte is noticed', (t) => {
  const codec = sealed()
  const bytes = Buffer.from(codec.encode(key, data), 'base64url')
  for (let at = 0; at < bytes.length; at++) {
    const changed = Buffer.from(bytes)
    changed.writeUInt8(changed.readUInt8(at) ^ 1, at)
    t.false(codec.decode(key, changed.toString('base64url')).ok, `byte ${at}`)
  }
})

test('a shortened tag, spare bits, padding and white space are refused (A-40)', (t) => {
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

test('another session key, another area of the site or another secret opens nothing', (t) => {
  const text = sealed().encode(key, data)
  t.false(sealed().decode(other, text).ok)
  t.false(sealed([NEW], 'adminid').decode(key, text).ok)
  t.false(sealed([OLD]).decode(key, text).ok)
  t.not(sealed([NEW], 'adminid').storeKey(key), sealed().storeKey(key))
})

test('secrets rotate: the first seals, all of them open (CVE-2025-47278)', (t) => {
  const before = sealed([OLD]).encode(key, data)
  t.true(sealed([NEW, OLD]).decode(key, before).ok)
  t.false(sealed([NEW]).decode(key, before).ok)
  const after = sealed([NEW, OLD]).encode(key, data)
  t.true(sealed([NEW]).decode(key, after).ok)
  t.false(sealed([OLD]).decode(key, after).ok)
})

test('10,000 records have 10,000 nonces', (t) => {
  const codec = sealed()
  const nonces = new Set<string>()
  for (let n = 0; n < 10_000; n++) nonces.add(codec.encode(key, data).slice(0, 17))
  t.is(nonces.size, 10_000)
})

test('a bomb is not inflated beyond the limit, even under the right key (A-35)', (t) => {
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

test('a session over its limit is refused with its size', (t) => {
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

test('a session over 80 % of its limit is a warning', (t) => {
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

test('text of one format, or made for one purpose, is refused by every other', (t) => {
  const texts = {
    sealed: sealed().encode(key, data),
    django: djangoCodec({ secrets: [NEW] }).encode(key, data),
    cookie: djangoCookieCodec({ secrets: [NEW] }).encode(data),
    plain: Buffer.from(JSON.stringify(data)).toString('base64url'),
    jwt: 'eyJhbGciOiJub25lIn0.eyJ1c2VyIjoiYWRhIn0.',
  }
  const readers = {
    sealed: (text: string) => sealed().decode(key, text),
    django: (text: string) => djangoCodec({ secrets: [NEW] }).decode(key, text),
    cookie: (text: string) => djangoCookieCodec({ secrets: [NEW] }).decode(text, 60),
  }
  for (const [from, text] of Object.entries(texts)) {
    for (const [to, read] of Object.entries(readers)) t.is(read(text).ok, from === to, `${from} read as ${to}`)
  }
})

test('random and mutated text never throws and never opens', (t) => {
  const codecs = [sealed(), djangoCodec({ secrets: [NEW] })]
  for (const codec of codecs) {
    const text = codec.encode(key, data)
    t.notThrows(() =>
      fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (random) => !codec.decode(key, random).ok)),
    )
    t.notThrows(() =>
      fc.assert(
        fc.property(fc.nat(text.length - 1), fc.string({ minLength: 1, maxLength: 3 }), (at, patch) => {
          const mutated = text.slice(0, at) + patch + text.slice(at + patch.length)
          return mutated === text || !codec.decode(key, mutated).ok
        }),
        { numRuns: 1000 },
      ),
    )
  }
})

test('__proto__ and constructor are ordinary keys in every serializer and codec', (t) => {
  const hostile = plainJson(
    JSON.parse('{"__proto__": {"isAdmin": true}, "constructor": {"prototype": 1}}'),
  ) as SessionData
  for (const serializer of [jsonSerializer, msgpackSerializer]) {
    for (const codec of [
      sealedCodec({ secrets: [NEW], namespace: 's', serializer }),
      djangoCodec({ secrets: [NEW], serializer }),
    ]) {
      const decoded = codec.decode(key, codec.encode(key, hostile))
      t.true(decoded.ok, `${serializer.name} ${codec.name}`)
      if (!decoded.ok) continue
      t.is(Object.getPrototypeOf(decoded.data), null)
      t.deepEqual(Object.keys(decoded.data).includes('constructor'), true)
      t.is(({} as Record<string, unknown>)['isAdmin'], undefined)
    }
  }
})

test('MessagePack round trip', (t) => {
  const value = plainJson({ text: 'ü💥', number: 1.5, nested: { list: [null, true, { deep: -1 }] } }) as SessionData
  t.deepEqual(msgpackSerializer.loads(msgpackSerializer.dumps(value)), value)
})
