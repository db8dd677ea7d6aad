import test from 'ava'
import { has } from '../../storage/present.ts'
import { type Answer, startApp, type TestApp, type TestBrowser } from '../../support/app.ts'
import { statementCounter } from '../../support/statements.ts'
import { signIn } from './steps.ts'

let app: TestApp
test.before(async () => {
  app = await startApp()
})
test.after.always(() => app?.close())

const whoAmI = async (browser: TestBrowser) => (await browser.json('GET', '/account')).status
const MESSAGE = 'Username or password is wrong.'
const WRONG = { errors: { username: MESSAGE, password: MESSAGE } }

/** A client with one stolen cookie. */
const attacker = (cookie: string) => fetch(`${app.origin}/account`, { headers: { accept: 'application/json', cookie } })

test('signing in, the account page, signing out (ASVS 14.3.1)', async (t) => {
  const browser = app.browser()
  t.is(await whoAmI(browser), 401)
  t.is((await browser.get('/account')).headers.get('location'), '/login?next=%2Faccount')
  t.is((await signIn(browser, 'ada')).headers.get('location'), '/account')
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
  t.is((await attacker(cookie)).status, 401, 'the old cookie stays invalid')
})

test('usernames are case-insensitive; JSON can sign in, too', async (t) => {
  t.is((await signIn(app.browser(), 'ADA', 'ada-demo-password')).status, 303)
  const answer = await app.browser().json('POST', '/login', { username: 'Ada', password: 'ada-demo-password' })
  t.deepEqual([answer.status, answer.json()], [200, { user: { username: 'ada' } }])
})

test('an unknown user and a wrong password cannot be distinguished (ASVS 6.3.8)', async (t) => {
  const [unknown, wrong] = [
    await app.browser().json('POST', '/login', { username: 'nobody', password: 'x' }),
    await app.browser().json('POST', '/login', { username: 'ada', password: 'x' }),
  ]
  t.deepEqual([unknown.status, unknown.json()], [422, WRONG])
  t.deepEqual([wrong.status, wrong.json()], [422, WRONG])
  const page = await signIn(app.browser(), '<script>alert(1)</script>', 'x')
  t.is(page.status, 422)
  t.notRegex(page.text, /<script>alert/)
  t.is(page.headers.getSetCookie().length, 0)
  const invalid = (name: string) =>
    new RegExp(`<input id="${name}"[^>]* aria-invalid="true" aria-describedby="${name}-error"`)
  t.regex(page.text, invalid('username'))
  t.regex(page.text, invalid('password'))
  const [, summary = ''] = /<div[^>]* role="alert" tabindex="-1" autofocus>([\s\S]*?)<\/div>/.exec(page.text) ?? []
  t.is(summary.match(/<a href="#username">Username or password is wrong\.<\/a>/g)?.length, 1, 'it has the focus')
  t.is(summary.match(/<a /g)?.length, 1, 'and says it once')
})

test('fields of other types are a 422, never a 500 (ASVS 15.3.5)', async (t) => {
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

test('invalid usernames never reach the database', async (t) => {
  const own = await startApp()
  t.teardown(() => own.close())
  const counted = await statementCounter(own.services.knex, own.services.sessionKnex)
  const signIn = (username: string) => own.browser().json('POST', '/login', { username, password: 'x' })
  t.true((await counted(() => signIn('nobody'))) > 0)
  for (const username of ['ada\u0000', 'a\u0007da', 'ada\n', '\u009fada']) {
    t.is(await counted(() => signIn(username)), 0, JSON.stringify(username))
    t.deepEqual((await signIn(username)).json(), WRONG)
  }
})

test('a database with a lenient collation accepts no other spelling of a username', async (t) => {
  const own = await startApp()
  t.teardown(() => own.close())
  // What a lenient collation does: the row of `ada` is found by another name.
  await own.services.knex('users').where({ username: 'ada' }).update({ username_key: 'àda' })
  const answer = await own.browser().json('POST', '/login', { username: 'àda', password: 'ada-demo-password' })
  t.deepEqual([answer.status, answer.json()], [422, WRONG])
})

test('next only leads to pages of this application (ASVS 3.7.2)', async (t) => {
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

test('signing out without a session stores nothing and sets no cookie (CVE-2015-5964)', async (t) => {
  const own = await startApp()
  t.teardown(() => own.close())
  for (let n = 0; n < 20; n++) {
    const answer = await own.browser().post('/logout')
    t.deepEqual([answer.status, answer.headers.getSetCookie()], [303, []])
  }
  t.deepEqual(await own.services.knex('sessions').select(), [])
})

test('whoever signed in before devices were remembered is remembered at sign-out', async (t) => {
  const isKnown = (answer: Answer) => answer.headers.getSetCookie().some((line) => line.startsWith('known-device='))
  const browser = app.browser()
  await signIn(browser, 'ada')
  const cookie = await browser.cookie()
  t.true(isKnown(await app.browser().post('/logout', {}, { cookie })))
  t.false(isKnown(await app.browser().post('/logout', {}, { cookie })), 'signed out already')
  const another = app.browser()
  await signIn(another, 'ada')
  t.false(isKnown(await another.post('/logout')), 'known already')
})

test('signing out is confirmed on the next page, and in JSON', async (t) => {
  const browser = app.browser()
  await signIn(browser, 'grace')
  const { headers } = await browser.post('/logout')
  t.regex((await browser.get(headers.get('location') ?? '')).text, /role="status"[^>]*>You are signed out\./)
  t.notRegex((await browser.get('/login')).text, /You are signed out/)
  await signIn(browser, 'grace')
  const answer = await browser.json('POST', '/logout')
  t.deepEqual([answer.status, answer.json()], [200, { ok: true }])
  t.is(answer.headers.get('clear-site-data'), '"cache", "storage"')
  t.is(await whoAmI(browser), 401)
})

test("signing in as another user ends the first user's session", async (t) => {
  const browser = app.browser()
  await signIn(browser, 'ada')
  const cookie = await browser.cookie()
  await signIn(browser, 'grace')
  t.is((await browser.json('GET', '/account')).json<{ user: { username: string } }>().user.username, 'grace')
  t.is((await attacker(cookie)).status, 401)
})

test('the account page shows the account; text of users is escaped', async (t) => {
  const own = await startApp()
  t.teardown(() => own.close())
  const browser = own.browser()
  await own.services
    .knex('users')
    .where({ username: 'grace' })
    .update({ full_name: '<img src=x onerror=alert(1)>', created_at: Date.UTC(2025, 2, 4, 10, 30) })
  await signIn(browser, 'grace')
  const { text } = await browser.get('/account')
  t.regex(text, /grace@example\.com/)
  t.regex(text, /Member since<\/dt><dd>Mar 4, 2025/)
  t.regex(text, /&lt;img src=x/)
  t.notRegex(text, /<img src=x/)
})

test('a disabled account is signed out at its next request (ASVS 7.4.2)', async (t) => {
  const own = await startApp()
  t.teardown(() => own.close())
  const browser = own.browser()
  await signIn(browser, 'grace')
  await own.services.knex('users').where({ username: 'grace' }).update({ disabled_at: Date.now() })
  t.is((await browser.json('GET', '/account')).status, 401)
  t.is((await signIn(own.browser(), 'grace')).status, 422)
  await own.services.knex('users').where({ username: 'grace' }).update({ disabled_at: null })
  t.is((await browser.json('GET', '/account')).status, 401, 'the session was ended, not paused')
})

if (has('db', 'sealed')) {
  test('the store and its logs never see a key, a cookie or a password', async (t) => {
    const own = await startApp()
    t.teardown(() => own.close())
    const browser = own.browser()
    await signIn(browser, 'ada')
    const key = (await browser.cookie()).split('=')[1] ?? ''
    const rows = JSON.stringify([
      await own.services.knex('sessions').select(),
      await own.services.knex('users').select(),
    ])
    t.is(key.length, 32)
    t.false(rows.includes(key))
    t.false(rows.includes('ada-demo-password'))
    t.regex(rows, /"user_id":"1"/)
  })
}
