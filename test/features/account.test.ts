import test from 'ava'
import { startApp, type TestApp, type TestBrowser } from '../support/app.ts'

let app: TestApp
test.before(async () => {
  app = await startApp()
})
test.after.always(() => app?.close())

const whoAmI = async (browser: TestBrowser) => (await browser.json('GET', '/account')).status
const WRONG = { errors: { username: 'Username or password is wrong.' } }

/** A browser that sends one fixed cookie, as a thief would. */
const thief = (cookie: string) => fetch(`${app.origin}/account`, { headers: { accept: 'application/json', cookie } })

test('sign in, who am I, sign out', async (t) => {
  const browser = app.browser()
  t.is(await whoAmI(browser), 401)
  t.is((await browser.get('/account')).headers.get('location'), '/login?next=%2Faccount')
  t.is((await browser.signIn('ada')).headers.get('location'), '/account')
  t.deepEqual((await browser.json('GET', '/account')).json(), {
    user: { username: 'ada', email: 'ada@example.com', fullName: 'Ada Lovelace', isStaff: true },
  })
  const cookie = await browser.cookie()
  const out = await browser.post('/logout')
  t.is(out.headers.get('location'), '/login?signed-out')
  t.is(out.headers.get('clear-site-data'), '"cache", "storage"')
  t.deepEqual(out.headers.getSetCookie(), [
    'sessionid=; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Path=/; SameSite=Lax',
  ])
  t.is(await whoAmI(browser), 401)
  t.is((await thief(cookie)).status, 401, 'the old cookie stays dead')
})

test('a name counts in any case; JSON signs in too', async (t) => {
  t.is((await app.browser().signIn('ADA', 'ada-demo-password')).status, 303)
  const answer = await app.browser().json('POST', '/login', { username: 'Ada', password: 'ada-demo-password' })
  t.deepEqual([answer.status, answer.json()], [200, { user: { username: 'ada' } }])
})

test('unknown user and wrong password are told apart by nothing (A-26)', async (t) => {
  const [unknown, wrong] = [
    await app.browser().json('POST', '/login', { username: 'nobody', password: 'x' }),
    await app.browser().json('POST', '/login', { username: 'ada', password: 'x' }),
  ]
  t.deepEqual([unknown.status, unknown.json()], [422, WRONG])
  t.deepEqual([wrong.status, wrong.json()], [422, WRONG])
  const page = await app.browser().signIn('<script>alert(1)</script>', 'x')
  t.is(page.status, 422)
  t.notRegex(page.text, /<script>alert/)
  t.is(page.headers.getSetCookie().length, 0)
})

test('fields of another kind are 422, never 500 (15.3.5)', async (t) => {
  for (const body of [
    {},
    { username: ['ada'], password: 'x' },
    { username: 'ada', password: { $ne: 1 } },
    { username: 1, password: true },
    { username: 'x'.repeat(200), password: 'x' },
    { username: 'ada', password: 'x'.repeat(2_000) },
    [],
  ]) {
    t.is((await app.browser().json('POST', '/login', body)).status, 422, JSON.stringify(body).slice(0, 60))
  }
  const broken = await fetch(`${app.origin}/login`, {
    method: 'POST',
    body: '{"username":',
    headers: { 'content-type': 'application/json', accept: 'application/json' },
  })
  t.is(broken.status, 400)
  const huge = await fetch(`${app.origin}/login`, {
    method: 'POST',
    body: new URLSearchParams({ username: 'a', password: 'x'.repeat(200_000) }),
    headers: { accept: 'application/json' },
  })
  t.is(huge.status, 413)
})

test('next leads to own pages only (A-23)', async (t) => {
  const evil = [
    '//evil.example',
    '///evil.example',
    '/\\evil.example',
    '\\\\evil.example',
    '/\\/evil.example',
    'https:evil.example',
    'https:///evil.example',
    'https://evil.example',
    'http://app@evil.example',
    'http://localhost\\@evil.example',
    'javascript:alert(1)',
    'data:text/html,x',
    '\tjavascript:alert(1)',
    '\x08javascript:alert(1)',
    '/%0d%0aSet-Cookie:x=1',
    '//evil%E3%80%82com',
    '/\uff0fevil.example',
    `/${'x'.repeat(10_000)}`,
    '%252f%252fevil.example',
    '/%2f%2fevil.example',
    '/%252f%252fevil.example',
    '/..//evil.example',
    '/logout',
    '/login',
    '/login?next=/login',
    ' /shop',
    '',
  ]
  for (const next of evil) {
    const answer = await app.browser().post('/login', { username: 'ada', password: 'ada-demo-password', next })
    t.is(answer.headers.get('location'), '/account', JSON.stringify(next).slice(0, 60))
    t.is(answer.headers.get('x'), null)
    const page = await app.browser().get(`/login?next=${encodeURIComponent(next)}`)
    t.notRegex(page.text, /evil\.example/)
  }
  t.is(
    (
      await app.browser().post('/login', { username: 'ada', password: 'ada-demo-password', next: '/shop?page=2' })
    ).headers.get('location'),
    '/shop?page=2',
  )
  const twice = await app.browser().get('/login?next=/a&next=//evil.example')
  t.notRegex(twice.text, /evil/)
})

test('too many attempts are 429 with Retry-After, also with the right password', async (t) => {
  const own = await startApp()
  t.teardown(() => own.close())
  for (let attempt = 0; attempt < 10; attempt++) t.is((await own.browser().signIn('grace', 'wrong')).status, 422)
  const refused = await own.browser().signIn('grace')
  t.is(refused.status, 429)
  t.true(Number(refused.headers.get('retry-after')) > 0)
  t.is((await own.browser().signIn('ada')).status, 303, 'somebody else is not locked out')
})

test('signing out without a session stores nothing and sets no cookie (CVE-2015-5964)', async (t) => {
  const before = await app.services.engine.store.load('x')
  for (let n = 0; n < 20; n++) {
    const answer = await app.browser().post('/logout')
    t.deepEqual([answer.status, answer.headers.getSetCookie()], [303, []])
  }
  t.is(before, undefined)
})

test('a new password: re-authentication, rules, other browsers ended, this one on a new key', async (t) => {
  const own = await startApp()
  t.teardown(() => own.close())
  const [here, there] = [own.browser(), own.browser()]
  await here.signIn('ada')
  await there.signIn('ada')
  const NEW = 'a completely new one'
  const change = (fields: Record<string, string>) =>
    here.json('POST', '/account/password', { current: 'ada-demo-password', password: NEW, repeat: NEW, ...fields })
  const wrong: [Record<string, string>, string][] = [
    [{ current: 'x' }, 'current'],
    [{ repeat: 'y' }, 'repeat'],
    [{ password: 'short', repeat: 'short' }, 'password'],
    [{ password: 'password123', repeat: 'password123' }, 'password'],
    [{ password: 'x'.repeat(2000), repeat: 'x'.repeat(2000) }, 'password'],
  ]
  for (const [fields, field] of wrong) {
    const answer = await change(fields)
    t.is(answer.status, 422)
    t.deepEqual(Object.keys(answer.json<{ errors: object }>().errors), [field])
  }
  t.is((await there.json('GET', '/account')).status, 200)
  const before = await here.cookie()
  t.is((await change({})).status, 200)
  t.not(await here.cookie(), before)
  t.is((await here.json('GET', '/account')).status, 200)
  t.is((await there.json('GET', '/account')).status, 401)
  t.is((await own.browser().signIn('ada')).status, 422)
  t.is((await own.browser().signIn('ada', NEW)).status, 303)
})

test('a disabled account is signed out at its next request (7.4.2)', async (t) => {
  const own = await startApp()
  t.teardown(() => own.close())
  const browser = own.browser()
  await browser.signIn('grace')
  await own.services.knex('users').where({ username: 'grace' }).update({ disabled_at: Date.now() })
  t.is((await browser.json('GET', '/account')).status, 401)
  t.is((await own.browser().signIn('grace')).status, 422)
  await own.services.knex('users').where({ username: 'grace' }).update({ disabled_at: null })
  t.is((await browser.json('GET', '/account')).status, 401, 'the session was ended, not paused')
})

test('the store and its logs never see a key, a cookie or a password (A-44, A-45)', async (t) => {
  const own = await startApp()
  t.teardown(() => own.close())
  const browser = own.browser()
  await browser.signIn('ada')
  const key = (await browser.cookie()).split('=')[1] ?? ''
  const rows = JSON.stringify([await own.services.knex('sessions').select(), await own.services.knex('users').select()])
  t.is(key.length, 32)
  t.false(rows.includes(key))
  t.false(rows.includes('ada-demo-password'))
  t.regex(rows, /"user_id":"1"/)
})
