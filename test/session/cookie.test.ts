import test from 'ava'
import { SessionTooLargeError } from '../../src/session/core/errors.ts'
import {
  type CookieSettings,
  clearCookie,
  cookieValues,
  leftoverCookies,
  setCookie,
} from '../../src/session/http/cookie.ts'
import { sessions } from '../../src/session/http/middleware.ts'
import { START, testEngine } from '../support/engine.ts'

const settings: CookieSettings = {
  name: 'sid',
  path: '/',
  secure: false,
  httpOnly: true,
  sameSite: 'Lax',
  maxSize: 4096,
}
const host: CookieSettings = { ...settings, name: '__Host-sid', secure: true }

test('only exactly the cookie’s name matches (CVE-2022-31629, CVE-2023-23934)', (t) => {
  const values = (header: string | undefined) => cookieValues(header, '__Host-sid')
  t.deepEqual(values(undefined), [])
  t.deepEqual(values('__Host-sid=a'), ['a'])
  t.deepEqual(values('x=1; __Host-sid=a; y=2'), ['a'])
  t.deepEqual(values('x=1;__Host-sid=a ;y'), ['a'])
  t.deepEqual(values('__Host-sid='), [''])
  t.deepEqual(values('__Host-sid=a; __Host-sid=b'), ['a', 'b'])
  for (const foreign of [
    '=__Host-sid=X',
    '__HOST-SID=X',
    '..Host-sid=X',
    '\t__Host-sid=X',
    '__Host-sidx=X',
    'x=[__Host-sid=X',
    'x=1,__Host-sid=X',
  ]) {
    t.deepEqual(values(foreign), [], JSON.stringify(foreign))
  }
})

test('every attribute is written', (t) => {
  t.is(
    setCookie({ ...host, sameSite: 'Strict' }, 'v', 60, START),
    '__Host-sid=v; Max-Age=60; Expires=Sun, 01 Mar 2026 12:01:00 GMT; Path=/; SameSite=Strict; Secure; HttpOnly',
  )
  t.is(
    setCookie(
      { ...settings, domain: '.example.com', path: '/app', httpOnly: false, sameSite: false },
      'v',
      undefined,
      START,
    ),
    'sid=v; Path=/app; Domain=.example.com',
  )
  t.is(clearCookie(host), '__Host-sid=; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Path=/; SameSite=Lax; Secure')
})

test('a value that a cookie cannot carry, or that browsers would drop, is an error (ASVS 3.3.5)', (t) => {
  for (const value of ['a;b', 'a b', 'a\r\nSet-Cookie: x=1', 'ü', '"a"', 'a,b']) {
    t.throws(() => setCookie(settings, value, 60, START), { instanceOf: RangeError }, JSON.stringify(value))
  }
  t.notThrows(() => setCookie(settings, 'x'.repeat(4093), 60, START))
  t.throws(() => setCookie(settings, 'x'.repeat(4094), 60, START), {
    instanceOf: SessionTooLargeError,
    message: /4097 bytes/,
  })
})

test('no cookie asks for more than the 400 days that browsers give (RFC 6265bis)', (t) => {
  t.regex(setCookie(settings, 'v', 34_560_000, START), /Max-Age=34560000; Expires=Mon, 05 Apr 2027 12:00:00 GMT/)
  t.is(setCookie(settings, 'v', Number.MAX_SAFE_INTEGER, START), setCookie(settings, 'v', 34_560_000, START))
})

test('an age of zero or less is sent as an expiry that has passed', (t) => {
  t.regex(setCookie(settings, 'v', -10, START), /Max-Age=-10; Expires=Sun, 01 Mar 2026 11:59:50 GMT/)
  t.regex(setCookie(settings, 'v', 0, START), /Max-Age=0; Expires=Sun, 01 Mar 2026 12:00:00 GMT/)
})

test('settings that browsers would refuse are errors that name them (ASVS 3.3.2)', (t) => {
  const host = { ...settings, name: '__Host-sid', secure: true }
  const wrong: [keyof CookieSettings, Partial<Record<keyof CookieSettings, unknown>>][] = [
    ['name', { name: 'a b' }],
    ['name', { name: '' }],
    ['name', { name: 'sid\r\nSet-Cookie: x' }],
    ['name', { name: undefined }],
    ['path', { path: 'app' }],
    ['path', { path: '/a;b' }],
    ['path', { path: '/a\n' }],
    ['path', { path: `/${'a'.repeat(1024)}` }],
    ['path', { path: undefined }],
    ['domain', { domain: 'a;b' }],
    ['domain', { domain: '' }],
    ['domain', { domain: 'example.com\r' }],
    ['domain', { domain: 'https://example.com' }],
    ['domain', { domain: 'example.com:3000' }],
    ['secure', { secure: 'false' }],
    ['httpOnly', { httpOnly: undefined }],
    ['sameSite', { sameSite: 'bogus' }],
    ['sameSite', { sameSite: 'lax' }],
    ['secure', { sameSite: 'None' }],
    ['secure', { name: '__Host-sid' }],
    ['secure', { name: '__host-sid' }],
    ['secure', { name: '__Secure-sid' }],
    ['path', { ...host, path: '/app' }],
    ['domain', { ...host, domain: 'example.com' }],
    ['domain', { ...host, name: '__HOST-sid', domain: 'example.com' }],
    ['maxSize', { maxSize: 0 }],
    ['maxSize', { maxSize: 5000 }],
    ['maxSize', { maxSize: Number.NaN }],
  ]
  const { engine, expiry } = testEngine()
  for (const [option, one] of wrong) {
    const cookie = { ...settings, ...one } as CookieSettings
    const expected = { instanceOf: TypeError, message: new RegExp(`^cookie\\.${option} must `) }
    t.throws(() => sessions({ engine, cookie, expiry }), expected, JSON.stringify(one))
  }
  for (const one of [
    host,
    { ...settings, domain: '.example.com' },
    { ...settings, domain: 'localhost' },
    { ...settings, sameSite: 'None', secure: true } as const,
    { ...settings, sameSite: false, path: '/app' } as const,
    { ...settings, name: '__Secure-sid', secure: true, domain: 'xn--bcher-kva.example' },
  ])
    t.notThrows(() => sessions({ engine, cookie: one, expiry }))
})

test('leftovers are removed with few headers, whatever host and path a client names', (t) => {
  const removed = leftoverCookies(settings, '/shop/items', 'www.shop.example')
  t.true(removed.some((header) => header.includes('; Path=/shop; Domain=shop.example;')))
  t.false(removed.some((header) => header.includes('Domain=example;')))
  for (const host of ['localhost', '127.0.0.1', '[::1]', '']) {
    t.false(
      leftoverCookies(settings, '/shop', host).some((header) => header.includes('Domain=')),
      host,
    )
  }
  const deep = leftoverCookies(settings, '/a'.repeat(5000), `${'a.'.repeat(5000)}example`)
  t.true(deep.join().length < 20_000)
  t.true(leftoverCookies(settings, `/${'a'.repeat(10_000)}/b`, 'shop.example').join().length < 20_000)
})
