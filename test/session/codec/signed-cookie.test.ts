import test from 'ava'
import { readSignedCookie, signCookie } from '../../../src/session/codec/django/signed-cookie.ts'
import { TimestampSigner } from '../../../src/session/codec/django/signing.ts'

const secrets = ['the new secret, long enough for anybody'] as const

test('a cookie that is absent, altered, too old or of another name or salt gives the default', (t) => {
  const now = 1_700_000_000_000
  const signed = signCookie('seen', 'banner', { secrets, salt: 'a', now })
  const read = (text: string, options = {}) =>
    readSignedCookie('seen', text, { secrets, salt: 'a', now, default: 'nothing', ...options })
  t.is(read(signed), 'banner')
  t.is(read(''), 'nothing')
  t.is(read(`${signed}A`), 'nothing')
  t.is(read(signed, { salt: 'b' }), 'nothing')
  t.is(read(signed, { maxAge: 9, now: now + 10_000 }), 'nothing')
  t.is(read(signed, { maxAge: 10, now: now + 10_000 }), 'banner')
  t.is(readSignedCookie('other', signed, { secrets, salt: 'a' }), undefined)
  t.is(readSignedCookie('seen', '', { secrets, default: null }), null)
})

test('moving letters between name and salt changes the signature (CVE-2026-6873)', (t) => {
  const signed = signCookie('c', 'x', { secrets, salt: 'ab' })
  t.is(readSignedCookie('bc', signed, { secrets, salt: 'a' }), undefined)
  t.is(readSignedCookie('bc', signed, { secrets, salt: 'a', acceptLegacySalt: true }), undefined)
})

test('secrets rotate: the first signs, all of them verify', (t) => {
  const old = ['the old secret, long enough for anybody'] as const
  const before = signCookie('seen', 'banner', { secrets: old })
  t.is(readSignedCookie('seen', before, { secrets: [...secrets, ...old] }), 'banner')
  t.is(readSignedCookie('seen', before, { secrets }), undefined)
  const after = signCookie('seen', 'banner', { secrets: [...secrets, ...old] })
  t.is(readSignedCookie('seen', after, { secrets }), 'banner')
})

test('the length in the salt is in characters, as Python counts them', (t) => {
  const now = 1_700_000_000_000
  const django = new TimestampSigner({
    secrets: [`django.http.cookies${secrets[0]}`],
    salt: 'django.http.cookies.v2:2:💥éseen',
  })
  t.is(signCookie('seen', 'banner', { secrets, salt: '💥é', now }), django.sign('banner', now))
})
