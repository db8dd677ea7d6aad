import test from 'ava'
import { fromBase64url } from '../../../src/session/codec/base64url.ts'
import { djangoCodec, djangoCookieCodec } from '../../../src/session/codec/django/django.ts'
import { pythonJson } from '../../../src/session/codec/django/python-json.ts'
import { readSignedCookie, signCookie } from '../../../src/session/codec/django/signed-cookie.ts'
import {
  BadSignature,
  dumps,
  fromBase62,
  loads,
  SignatureExpired,
  Signer,
  saltedHmac,
  TimestampSigner,
  toBase62,
} from '../../../src/session/codec/django/signing.ts'
import { VECTOR_SECRET, vectors } from '../../support/vectors.ts'

// What JavaScript cannot write as Python does: it has one kind of number (1.0, 1e+22), loses digits beyond 2^53, and
// puts integer-like keys first. These are compared by decoding, as are compressed ones, whose bytes
// depend on the zlib build (115).
const NOT_BYTE_EQUAL = new Set(['floats', 'bigint', 'number_like_keys'])

const key = 'abcdefghijklmnopqrstuvwxyz012345'
const plain = (value: unknown) => JSON.parse(JSON.stringify(value))

test('base 62', (t) => {
  for (const { n, s } of vectors<{ n: number; s: string }>('base62')) {
    t.is(toBase62(n), s)
    t.is(fromBase62(s), n)
  }
})

test('base64url', (t) => {
  for (const { hex, s } of vectors<{ hex: string; s: string }>('base64url')) {
    t.is(Buffer.from(hex, 'hex').toString('base64url'), s)
    t.is(fromBase64url(s)?.toString('hex'), hex)
  }
})

test('salted HMAC; the SHA-1 of old releases is not accepted (ASVS 11.4.1)', (t) => {
  type Mac = { key_salt: string; value: string; secret: string; algorithm: string; hmac_hex: string }
  for (const { key_salt, value, secret, algorithm, hmac_hex } of vectors<Mac>('salted_hmac')) {
    const ours = saltedHmac(key_salt, value, secret).toString('hex')
    if (algorithm === 'sha256') t.is(ours, hmac_hex)
    else t.not(ours, hmac_hex)
  }
})

interface Signed {
  value: string
  salt: string
  sep?: string
  key: string
  time: number
  signed: string
}

test('Signer', (t) => {
  for (const { value, salt, sep, key: secret, signed } of vectors<Signed>('signer')) {
    const signer = new Signer({ secrets: [secret], salt, ...(sep === undefined ? {} : { separator: sep }) })
    t.is(signer.sign(value), signed)
    t.is(signer.unsign(signed), value)
  }
})

test('TimestampSigner', (t) => {
  for (const { value, salt, key: secret, time, signed } of vectors<Signed>('timestamp_signer')) {
    const signer = new TimestampSigner({ secrets: [secret], salt })
    t.is(signer.sign(value, time * 1000), signed)
    t.is(signer.unsign(signed), value)
  }
})

test('ages: valid at the limit, invalid above it', (t) => {
  type Aged = { signed: string; now: number; max_age: number; ok: boolean; value: string | null; error: string | null }
  for (const { signed, now, max_age, ok, value, error } of vectors<Aged>('timestamp_max_age')) {
    const signer = new TimestampSigner({ secrets: [VECTOR_SECRET], salt: 'django.core.signing.TimestampSigner' })
    const unsign = () => signer.unsign(signed, { maxAge: max_age, now: now * 1000 })
    if (ok) t.is(unsign(), value ?? '')
    else t.throws(unsign, { instanceOf: error === 'SignatureExpired' ? SignatureExpired : BadSignature })
  }
})

interface Dumped {
  name: string
  value: unknown
  json?: string
  salt: string
  compress: boolean
  time: number
  key: string
  output: string
  is_compressed: boolean
}

test('dumps and loads', (t) => {
  let byteEqual = 0
  for (const { name, value, salt, compress, time, key: secret, output, is_compressed } of vectors<Dumped>('dumps')) {
    const options = { secrets: [secret] as const, salt, compress, now: time * 1000 }
    const decoded = loads(output, { ...options, maxBytes: 1_000_000 })
    t.deepEqual(JSON.parse(decoded.toString()), plain(value), name)
    const ours = dumps(pythonJson(value), options)
    if (!is_compressed && !NOT_BYTE_EQUAL.has(name)) {
      t.is(ours, output, name)
      byteEqual++
    } else {
      t.deepEqual(JSON.parse(loads(ours, { ...options, maxBytes: 1_000_000 }).toString()), plain(value), name)
    }
  }
  t.true(byteEqual > 20, `only ${byteEqual} were compared byte for byte`)
})

test('an old secret verifies as a fallback, and not otherwise', (t) => {
  for (const { value, key: old, salt, output } of vectors<Dumped>('dumps_old_key')) {
    const read = (secrets: [string, ...string[]]) => loads(output, { secrets, salt, maxBytes: 1000 }).toString()
    t.deepEqual(JSON.parse(read([VECTOR_SECRET, old])), value)
    t.throws(() => read([VECTOR_SECRET]), { instanceOf: BadSignature })
  }
})

interface Encoded {
  name: string
  value: Record<string, unknown>
  time: number
  output: string
  is_compressed: boolean
}

test('session data', (t) => {
  for (const { name, value, time, output, is_compressed } of vectors<Encoded>('session_encode')) {
    const codec = djangoCodec({ secrets: [VECTOR_SECRET], now: () => time * 1000 })
    const decoded = codec.decode(key, output)
    t.true(decoded.ok, name)
    if (!decoded.ok) continue
    t.deepEqual(plain(decoded.data), plain(value), name)
    const ours = codec.encode(key, decoded.data, { former: decoded.json })
    if (!is_compressed) t.is(ours, output, name)
    else t.deepEqual(codec.decode(key, ours), decoded, name)
  }
})

test('signed cookies', (t) => {
  type Cookie = { name: string; value: Record<string, unknown>; time: number; cookie: string }
  for (const { name, value, time, cookie } of vectors<Cookie>('signed_cookie_session')) {
    const codec = djangoCookieCodec({ secrets: [VECTOR_SECRET], now: () => time * 1000 })
    const decoded = codec.decode(cookie, 1_209_600)
    t.true(decoded.ok, name)
    if (!decoded.ok) continue
    t.deepEqual(plain(decoded.data), plain(value), name)
    const ours = codec.encode(decoded.data, decoded.json)
    if (!cookie.startsWith('.')) t.is(ours, cookie, name)
    else t.deepEqual(codec.decode(ours, 1_209_600), decoded, name)
  }
})

test('signed cookies age', (t) => {
  type Load = { cookie: string; now: number; max_age: number; data: Record<string, unknown> }
  for (const { cookie, now, max_age, data } of vectors<Load>('signed_cookie_load')) {
    const decoded = djangoCookieCodec({ secrets: [VECTOR_SECRET], now: () => now * 1000 }).decode(cookie, max_age)
    t.deepEqual(decoded.ok ? plain(decoded.data) : {}, data, `${cookie} at ${now}`)
  }
})

test('any backend of Django reads what another wrote', (t) => {
  for (const { input, decoded_by_db } of vectors<{ input: string; decoded_by_db: unknown }>(
    'session_decode_cross_backend',
  )) {
    const decoded = djangoCodec({ secrets: [VECTOR_SECRET] }).decode(key, input)
    t.deepEqual(decoded.ok && plain(decoded.data), decoded_by_db)
  }
})

test('signed JSON that is not an object is refused, unlike in Django', (t) => {
  for (const { input } of vectors<{ input: string }>('session_decode_non_dict')) {
    t.deepEqual(djangoCodec({ secrets: [VECTOR_SECRET] }).decode(key, input), { ok: false, reason: 'not-an-object' })
  }
})

test('what Django reads as empty is refused', (t) => {
  for (const { name, input } of vectors<{ name: string; input: string }>('session_decode_must_be_empty')) {
    t.false(djangoCodec({ secrets: [VECTOR_SECRET] }).decode(key, input).ok, name)
  }
})

test('the format before Django 3.1, signed with SHA-1, is refused', (t) => {
  for (const { name, output } of vectors<{ name: string; output: string }>('legacy_pre_3_1')) {
    t.false(djangoCodec({ secrets: [VECTOR_SECRET] }).decode(key, output).ok, name)
  }
})

interface OwnCookie {
  name: string
  value: string
  salt: string
  time: number
  cookie_value: string
}

test('cookies signed like set_signed_cookie', (t) => {
  for (const { name, value, salt, time, cookie_value } of vectors<OwnCookie>('set_signed_cookie_v2')) {
    const options = { secrets: [VECTOR_SECRET] as const, salt, now: time * 1000 }
    t.is(signCookie(name, value, options), cookie_value)
    t.is(readSignedCookie(name, cookie_value, { ...options, maxAge: 10 }), value)
    t.is(readSignedCookie(name, cookie_value, { ...options, maxAge: 10, now: (time + 11) * 1000 }), undefined)
    t.is(readSignedCookie(`${name}x`, cookie_value, options), undefined)
  }
})

test('the older salt is read only when asked for', (t) => {
  for (const { name, value, salt, time, cookie_value } of vectors<OwnCookie>('set_signed_cookie')) {
    const options = { secrets: [VECTOR_SECRET] as const, salt, now: time * 1000 }
    t.is(readSignedCookie(name, cookie_value, { ...options, acceptLegacySalt: true }), value)
    t.is(readSignedCookie(name, cookie_value, options), undefined)
  }
})
