import test from 'ava'
import { pythonJson } from '../../../src/session/codec/django/python-json.ts'
import {
  BadSignature,
  fromBase62,
  loads,
  SignatureExpired,
  Signer,
  TimestampSigner,
} from '../../../src/session/codec/django/signing.ts'

const NEW = 'the new secret, long enough for anybody'
const OLD = 'the old secret, long enough for anybody'
const salt = 'purpose'
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

test('only the canonical form of a signature is accepted: spare bits, padding, white space and the other alphabet are refused', (t) => {
  const signer = new Signer({ secrets: [NEW], salt })
  // Of a value whose signature has both letters in which the two alphabets differ.
  const value = Array.from({ length: 1000 }, (_, n) => `value ${n}`).find((text) =>
    /-.*_|_.*-/.test(signer.sign(text).slice(text.length)),
  )
  if (value === undefined) return t.fail('no such value')
  const signed = signer.sign(value)
  const last = ALPHABET.indexOf(signed.slice(-1))
  const spareBits = [1, 2, 3].map((bits) => signed.slice(0, -1) + ALPHABET.charAt(last ^ bits))
  const signature = signed.slice(value.length + 1)
  for (const other of spareBits) {
    const bytes = Buffer.from(other.slice(value.length + 1), 'base64url')
    t.deepEqual(bytes, Buffer.from(signature, 'base64url'), 'Node reads it as the same bytes')
  }
  const standard = `${value}:${signature.replaceAll('-', '+').replaceAll('_', '/')}`
  for (const wrong of [...spareBits, `${signed}=`, `${signed} `, `${signed}\n`, ` ${signed}`, standard]) {
    t.throws(() => signer.unsign(wrong), { instanceOf: BadSignature }, JSON.stringify(wrong))
  }
  t.is(signer.unsign(signed), value)
})

test('a signature that is too short, too long or absent throws BadSignature', (t) => {
  const signer = new Signer({ secrets: [NEW], salt })
  const signed = signer.sign('value')
  for (const wrong of ['', ':', 'value', 'value:', signed.slice(0, -1), `${signed}A`, `value:${'é'.repeat(43)}`]) {
    t.throws(() => signer.unsign(wrong), { instanceOf: BadSignature }, wrong)
  }
})

test('a separator that signatures could contain is refused', (t) => {
  for (const separator of ['', '-', '_', '=', 'a', 'Z9', 'a-b_c']) {
    t.throws(() => new Signer({ secrets: [NEW], salt, separator }), { instanceOf: RangeError }, separator)
    t.throws(() => new TimestampSigner({ secrets: [NEW], salt, separator }), { instanceOf: RangeError }, separator)
  }
  for (const separator of [':', '/', '*sep*', ',']) {
    const signer = new TimestampSigner({ secrets: [NEW], salt, separator })
    t.is(signer.unsign(signer.sign('a:b/c')), 'a:b/c')
  }
})

test('secrets rotate: the first signs, all of them verify (ASVS 11.2.2, 13.3.4)', (t) => {
  const before = new Signer({ secrets: [OLD], salt }).sign('value')
  const both = new Signer({ secrets: [NEW, OLD], salt })
  t.is(both.unsign(before), 'value')
  t.is(both.sign('value'), new Signer({ secrets: [NEW], salt }).sign('value'))
  t.throws(() => new Signer({ secrets: [NEW], salt }).unsign(before), { instanceOf: BadSignature })
  t.throws(() => new Signer({ secrets: [OLD], salt }).unsign(both.sign('value')), { instanceOf: BadSignature })
})

test('an expired signature has its own error, and an invalid one never has it', (t) => {
  const signer = new TimestampSigner({ secrets: [NEW], salt })
  const signed = signer.sign('value', 1_000_000)
  const now = 1_011_000
  t.is(signer.unsign(signed, { maxAge: 11, now }), 'value')
  t.throws(() => signer.unsign(signed, { maxAge: 10, now }), { instanceOf: SignatureExpired })
  const error = t.throws(() => signer.unsign(`${signed}A`, { maxAge: 10, now }), { instanceOf: BadSignature })
  t.is(error?.name, 'BadSignature')
  t.is(
    signer.unsign(signer.sign('value', 2_000_000), { maxAge: 1, now }),
    'value',
    'the future is accepted, as in Django',
  )
})

test('text signed without a time is refused where a time is required', (t) => {
  const untimed = new Signer({ secrets: [NEW], salt })
  const signer = new TimestampSigner({ secrets: [NEW], salt })
  for (const text of ['value', 'value:', 'value:not*base62', 'value:zzzzzzzzzzzz']) {
    t.throws(() => signer.unsign(untimed.sign(text)), { instanceOf: BadSignature }, text)
  }
})

test('a signed payload is only accepted in its canonical form', (t) => {
  const signer = new TimestampSigner({ secrets: [NEW], salt })
  const read = (payload: string) => loads(signer.sign(payload), { secrets: [NEW], salt, maxBytes: 1000 }).toString()
  t.is(read('e30'), '{}')
  for (const wrong of ['e31', 'e30=', 'e30 ', 'e+0', 'e/0']) t.throws(() => read(wrong), undefined, wrong)
})

test('other text is not base 62', (t) => {
  for (const text of ['', '-', '--1', ' 1', '1 ', '1.5', 'é', '1_0']) t.is(fromBase62(text), Number.NaN, text)
})

test('JSON is escaped as Python escapes it', (t) => {
  t.is(
    pythonJson({ ключ: 'é\u007f💥\u2028\ud800"\\\n\u0001/' }).toString('latin1'),
    ['{"\\u043a\\u043b\\u044e\\u0447":', '"\\u00e9\\u007f\\ud83d\\udca5\\u2028\\ud800\\"\\\\\\n\\u0001/"}'].join(''),
  )
})
