import { deflateRawSync } from 'node:zlib'
import test from 'ava'
import fc from 'fast-check'
import type { CookieCodec } from '../../../src/session/codec/codec.ts'
import { msgpackSerializer } from '../../../src/session/codec/msgpack.ts'
import { sealedCodec } from '../../../src/session/codec/sealed/sealed.ts'
import { type SealedCookieOptions, sealedCookieCodec } from '../../../src/session/codec/sealed/sealed-cookie.ts'
import { jsonSerializer } from '../../../src/session/codec/serializer.ts'
import { plainJson, type SessionData } from '../../../src/session/core/data.ts'
import { SessionTooLargeError } from '../../../src/session/core/errors.ts'
import { START } from '../../support/engine.ts'

const NEW = 'the new secret, long enough for anybody'
const OLD = 'the old secret, long enough for anybody'
const data = plainJson({ user: 'ada', list: [1, 2, 3] }) as SessionData
const FOREVER = Number.POSITIVE_INFINITY

const sealed = (options: Partial<SealedCookieOptions> = {}) =>
  sealedCookieCodec({ secrets: [NEW], cookieName: 'sid', now: () => START, ...options })
const reason = (codec: CookieCodec, text: string, age = FOREVER) => {
  const decoded = codec.decode(text, age)
  return decoded.ok ? 'ok' : decoded.reason
}

test('an encrypted cookie can be decrypted with its time and hides its content', (t) => {
  const codec = sealed()
  const text = codec.encode(data)
  t.deepEqual(codec.decode(text, 0), { ok: true, data, issuedAt: START })
  t.false(Buffer.from(text, 'base64url').includes('ada'))
  t.not(codec.encode(data), text, 'never the same twice')
  t.regex(text, /^[\w-]+$/)
})

// Before it are the version, the time and the salt.
const SECRET_ID = { from: 19, to: 22 }

test('changing any byte is detected, including time and version (ASVS 9.1.1)', (t) => {
  const codec = sealed()
  const bytes = Buffer.from(codec.encode(data), 'base64url')
  for (let at = 0; at < bytes.length; at++) {
    const changed = Buffer.from(bytes)
    changed.writeUInt8(changed.readUInt8(at) ^ 1, at)
    const isInId = at >= SECRET_ID.from && at < SECRET_ID.to
    const expected = at === 0 ? 'malformed' : isInId ? 'unknown-secret' : 'unauthentic'
    t.is(reason(codec, changed.toString('base64url')), expected, `byte ${at}`)
  }
})

test('every shorter text, padding, spare bits and white space are refused', (t) => {
  const codec = sealed()
  const text = codec.encode(data)
  for (let length = 0; length < text.length; length++) t.false(codec.decode(text.slice(0, length), FOREVER).ok)
  for (const wrong of [`${text}=`, `${text} `, ` ${text}`, `${text}\n`, `${text}A`, `${text.slice(0, -1)}*`]) {
    t.false(codec.decode(wrong, FOREVER).ok, JSON.stringify(wrong))
  }
})

test('it is valid at its maximum age and refused after it (ASVS 9.2.1)', (t) => {
  const text = sealed().encode(data)
  const later = (milliseconds: number) => sealed({ now: () => START + milliseconds })
  t.is(reason(later(60_000), text, 60), 'ok')
  t.is(reason(later(60_001), text, 60), 'expired')
})

test('secrets rotate: [old] to [new, old] to [new]', (t) => {
  const old = sealed({ secrets: [OLD] }).encode(data)
  t.is(reason(sealed({ secrets: [NEW, OLD] }), old), 'ok')
  t.is(reason(sealed({ secrets: [NEW] }), old), 'unknown-secret')
  const fresh = sealed({ secrets: [NEW, OLD] }).encode(data)
  t.is(reason(sealed({ secrets: [NEW] }), fresh), 'ok')
  t.is(reason(sealed({ secrets: [OLD] }), fresh), 'unknown-secret')
})

test('a cookie of another name or tier is refused, wherever name and tier are split', (t) => {
  const uses = [
    { cookieName: 'sid' },
    { cookieName: 'other' },
    { cookieName: 'sid', tier: 'critical' },
    { cookieName: 'sid', tier: 'preferences' },
    { cookieName: 'sidcritical' },
    { cookieName: 'si', tier: 'dcritical' },
  ].map(sealed)
  uses.forEach((from, a) => {
    const text = from.encode(data)
    uses.forEach((to, b) => {
      t.is(reason(to, text), a === b ? 'ok' : 'unauthentic', `${a} to ${b}`)
    })
  })
  const record = sealedCodec({ secrets: [NEW], namespace: 'sid' })
  t.false(sealed().decode(record.encode('k'.repeat(32), data), FOREVER).ok)
  t.false(record.decode('k'.repeat(32), sealed().encode(data)).ok)
})

test('it is deflated if that is shorter, and only inflated up to the limit', (t) => {
  const long = plainJson({ text: 'again and '.repeat(500) }) as SessionData
  const text = sealed().encode(long)
  t.true(text.length < 300)
  t.deepEqual(sealed().decode(text, FOREVER), { ok: true, data: long, issuedAt: START })
  t.is(reason(sealed({ maxBytes: 1000 }), text), 'too-large')
  t.throws(() => sealed({ maxBytes: 1000 }).encode(long), { instanceOf: SessionTooLargeError })
  // Deflated text in the place of data is text: nothing is guessed.
  const serializer = { ...jsonSerializer, dumps: () => deflateRawSync(Buffer.from('{"a":1}'.repeat(99))) }
  t.is(reason(sealed(), sealed({ serializer }).encode(data)), 'malformed')
})

test('data of another serializer are refused', (t) => {
  const packed = sealed({ serializer: msgpackSerializer })
  t.deepEqual(packed.decode(packed.encode(data), FOREVER), { ok: true, data, issuedAt: START })
  t.is(reason(sealed(), packed.encode(data)), 'malformed')
  const list = { ...jsonSerializer, dumps: () => Buffer.from('[1]') }
  t.is(reason(sealed(), sealed({ serializer: list }).encode(data)), 'malformed')
})

test('any JSON is read back as it was, and no text throws', (t) => {
  const codec = sealed()
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue({ noUnicodeString: false })), (value) => {
      const given = plainJson(value) as SessionData
      const decoded = codec.decode(codec.encode(given), FOREVER)
      t.is(decoded.ok && JSON.stringify(decoded.data), JSON.stringify(given))
    }),
    { numRuns: 200 },
  )
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.base64String(), fc.string({ unit: 'binary', maxLength: 5000 })), (wrong) => {
      t.false(codec.decode(wrong, FOREVER).ok)
    }),
    { numRuns: 1000 },
  )
})
