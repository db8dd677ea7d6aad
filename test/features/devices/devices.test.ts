import test from 'ava'
import { limitPasswordQueue } from '../../../src/passwords.ts'
import { knownLanguage } from '../../../src/web/languages.ts'
import { serialOn } from '../../storage/present.ts'
import { startApp, TEST_SECRET, type TestApp, TestBrowser } from '../../support/app.ts'
import { startProcess, TYPESCRIPT } from '../../support/processes.ts'
import { startLogged } from '../../support/security-events.ts'
import { isSignedIn } from '../account/steps.ts'
import { age, end, endOthers, FIREFOX, IPHONE, idOf, list, opens, PASSWORD, signedIn } from './steps.ts'

const onTable = serialOn({ SESSION_ENGINE: 'db', SESSION_FORMAT: 'sealed' })

let app: TestApp
let here: TestBrowser
let phone: TestBrowser
test.beforeEach(async () => {
  app = await startApp()
  here = await signedIn(app)
  phone = await signedIn(app, IPHONE)
})
test.afterEach.always(() => app.close())

const page = async (browser = here, query = '') =>
  (await browser.get(`/account/sessions${query}`, { 'user-agent': FIREFOX })).text

onTable('the page lists this device, then the others, with truncated addresses', async (t) => {
  const text = await page()
  t.regex(text, /This device[\s\S]*Firefox 128 on Linux[\s\S]*Active now[\s\S]*Other devices[\s\S]*Safari 17 on iPhone/)
  t.regex(text, /<dd>(127\.0\.0\.x|::x)<\/dd>/)
  t.notRegex(text, /127\.0\.0\.1|>::1</)
  t.regex((await here.get('/account')).text, /href="\/account\/sessions">Devices/)
  t.notRegex((await app.browser().get('/')).text, /account\/sessions/)
})

if (knownLanguage('de') !== undefined) {
  onTable('times and texts are in the language and time zone of the visitor', async (t) => {
    // Only of the others: this one would no longer agree with what is sealed in it.
    const own = (await list(here)).sessions.find(({ current }) => current)
    const others = app.services.knex('sessions').whereNot({ session_id: own?.id ?? '' })
    await others.update({ created_at: Date.UTC(2026, 0, 2, 3, 4) })
    t.regex(await page(), /Jan 2, 2026, 3:04/)
    await app.services.knex('users').update({ language: 'de' })
    const german = await page()
    t.regex(german, /<h1>Ihre Geräte<\/h1>[\s\S]*Safari 17 unter iPhone[\s\S]*02\.01\.2026, 03:04/)
  })
}

onTable('with a single session there is nothing to end; ending the current one is signing out', async (t) => {
  await phone.post('/logout')
  const text = await page()
  t.regex(text, /You are not signed in on any other device\./)
  t.notRegex(text, /action="\/account\/sessions/)
  const [only] = (await list(here)).sessions
  t.like(only, { current: true })
  const before = await here.cookie()
  await age(app, here)
  const out = await end(here, only?.id ?? '')
  t.is(out.headers.get('location'), '/login?signed-out')
  t.is(out.headers.get('clear-site-data'), '"cache", "storage"')
  t.false(await opens(app, before))
})

onTable('an id is not the key or derived from it, and does not work for other users (ASVS 8.2.2)', async (t) => {
  const id = await idOf(here, /iPhone/)
  t.regex(id, /^[\w-]{22}$/)
  const keys: { session_key: string }[] = await app.services.knex('sessions').select('session_key')
  const text = await page()
  for (const { session_key: key } of keys) t.false(text.includes(key) || text.includes((await here.cookie()).slice(10)))
  for (const wrong of [...keys.map((row) => row.session_key), 'x', `${id}x`, id.slice(1), '%00', '__proto__']) {
    t.is((await end(here, wrong)).status, 404, wrong)
    t.is((await here.json('POST', `/account/sessions/${wrong}/end`, {})).status, 404, wrong)
  }
  const grace = await signedIn(app, FIREFOX, 'grace')
  t.is((await end(grace, id)).status, 404)
  t.true(await isSignedIn(phone))
  t.is(await idOf(here, /iPhone/), id, 'and stays the same')
})

onTable('whoever has to wait to confirm gets the form again, with a message', async (t) => {
  const own = await startApp({ PASSWORD_QUEUE: '1' })
  t.teardown(async () => {
    await own.close()
    // One queue for all applications of a process.
    limitPasswordQueue(1000)
  })
  const browser = await signedIn(own)
  await age(own, browser)
  const confirm = () => browser.post('/account/sessions/end-others', { password: 'wrong' })
  const answers = await Promise.all(Array.from({ length: 20 }, confirm))
  const { text = '' } = answers.find(({ status }) => status === 503) ?? {}
  t.regex(text, /name="password"[\s\S]*id="password-error">Too many people are signing in right now\./)
})

onTable('an older sign-in must be confirmed with the password (ASVS 7.5.2)', async (t) => {
  await age(app, here)
  const id = await idOf(here, /iPhone/)
  for (const path of [`${id}/end`, 'end-others']) {
    const asked = await here.post(`/account/sessions/${path}`, { page: '3' })
    t.is(asked.status, 403)
    t.regex(
      asked.text,
      new RegExp(`action="/account/sessions/${path}"[\\s\\S]*name="page" value="3"[\\s\\S]*name="password"`),
    )
    const wrong = await here.post(`/account/sessions/${path}`, { password: 'typed-wrong' })
    t.is(wrong.status, 422)
    t.regex(wrong.text, /id="password-error">This password is wrong\./)
    t.notRegex(wrong.text, /typed-wrong/)
    t.regex((await here.post(`/account/sessions/${path}`, { password: '' })).text, /Enter your password\./)
    t.is((await here.json('POST', `/account/sessions/${path}`, {})).status, 403)
    const refused = await here.json('POST', `/account/sessions/${path}`, { password: ['x'] })
    t.deepEqual([refused.status, Object.keys(refused.json<{ errors: object }>().errors)], [422, ['password']])
  }
  t.true(await isSignedIn(phone))
  t.is((await end(here, id, { password: PASSWORD, page: '2' })).headers.get('location'), '/account/sessions?page=2')
  t.deepEqual([await isSignedIn(phone), await isSignedIn(here)], [false, true])
  const again = await signedIn(app, IPHONE)
  t.is((await endOthers(here)).status, 303, 'the password counts for ten minutes')
  t.false(await isSignedIn(again))
})

onTable('ending sessions does not extend the ten minutes', async (t) => {
  await age(app, here, 9)
  t.is((await endOthers(here)).status, 303)
  await age(app, here, 11)
  t.is((await endOthers(here)).status, 403)
  await age(app, here, 9)
  await endOthers(here)
  const [only] = (await list(here)).sessions
  t.true((only?.signedInAt ?? 0) < Date.now() - 8 * 60_000, 'it is still the old sign-in')
})

onTable('a stolen session cannot be used to guess the password', async (t) => {
  await age(app, here)
  for (let attempt = 0; attempt < 10; attempt++)
    t.is((await endOthers(here, { password: `guess ${attempt}` })).status, 422)
  const refused = await endOthers(here, { password: PASSWORD })
  t.is(refused.status, 429)
  t.true(Number(refused.headers.get('retry-after')) > 0)
  t.true(await isSignedIn(phone))
})

onTable('anonymous visitors and other sites are refused', async (t) => {
  const id = await idOf(here, /iPhone/)
  const stranger = app.browser()
  for (const [method, path] of [
    ['GET', ''],
    ['POST', '/end-others'],
    ['POST', `/${id}/end`],
  ] as const) {
    const answer = await (method === 'GET'
      ? stranger.get(`/account/sessions${path}`)
      : stranger.post(`/account/sessions${path}`))
    t.deepEqual([answer.status, answer.headers.get('location')], [303, '/login?next=%2Faccount%2Fsessions'])
    t.is((await stranger.json(method, `/account/sessions${path}`)).status, 401)
  }
  for (const path of ['end-others', `${id}/end`]) {
    const foreign = { origin: 'https://elsewhere.example', 'sec-fetch-site': 'cross-site' }
    t.is((await here.post(`/account/sessions/${path}`, {}, foreign)).status, 403)
    t.not((await here.get(`/account/sessions/${path}`)).status, 200)
  }
  t.true(await isSignedIn(phone))
})

onTable('JSON lists and ends as the page does', async (t) => {
  const { sessions, complete } = await list(here)
  t.true(complete)
  t.deepEqual(Object.keys(sessions[1] ?? {}), ['id', 'device', 'address', 'signedInAt', 'lastActivity', 'current'])
  const one = await here.json('POST', `/account/sessions/${sessions[1]?.id}/end`, {})
  t.deepEqual([one.status, one.json(), await isSignedIn(phone)], [200, { ok: true }, false])
  const rest = await here.json('POST', '/account/sessions/end-others', {})
  t.deepEqual([rest.status, rest.json(), await isSignedIn(here)], [200, { ok: true }, true])
})

onTable('user agents are escaped', async (t) => {
  const agents = [
    '<script>alert(1)</script>/1.0',
    'Mozilla/5.0 "onmouseover="x" Firefox/<b>9</b>',
    `Mozilla/5.0 ${'long '.repeat(2_000)}`,
    'version/9 <img src=x> safari/1',
  ]
  for (const agent of agents) await signedIn(app, agent)
  const text = await page()
  t.notRegex(text, /<script>alert|onmouseover|<b>9|<img|long long/)
  const names = (await list(here)).sessions.slice(1).map(({ device }) => device)
  t.deepEqual(names, ['Safari', 'Unknown browser', 'Firefox', 'Unknown browser', 'Safari 17 on iPhone'])
})

onTable('a hundred sessions are paginated, the latest first', async (t) => {
  const [row] = await app.services.knex('sessions').where({ user_id: '1' }).orderBy('created_at').limit(1)
  const now = Date.now()
  for (let n = 0; n < 99; n++) {
    const session_key = `another-${String(n).padStart(3, '0')}`.padEnd(43, 'x')
    const ip_address = n % 2 ? `203.0.${n}.7` : `2001:db8:${n.toString(16)}:1::7`
    await app.services
      .knex('sessions')
      .insert({ ...row, session_key, session_id: null, ip_address, last_activity: now - (n + 1) * 60_000 })
  }
  const [first, last] = [await page(), await page(here, '?page=5')]
  t.is(first.match(/<li class="card device">/g)?.length, 20)
  t.regex(first, /class="badge">100<[\s\S]*iPhone[\s\S]*2001:db8:0:x[\s\S]*203\.0\.1\.x[\s\S]*Page 1 of 5/)
  t.regex(last, /name="page" value="5"[\s\S]*Page 5 of 5/)
  for (const odd of ['6', '0', '-1', 'x', '999999999']) {
    t.is((await here.get(`/account/sessions?page=${odd}`)).status, 200)
  }
  const { sessions } = await list(here)
  t.is(sessions.length, 101)
  t.is((await endOthers(here)).status, 303)
  t.is((await list(here)).sessions.length, 1)
})

onTable('the log contains who ended sessions, but no key, address or browser', async (t) => {
  const server = startProcess([TYPESCRIPT, 'src/server.ts'], {
    env: {
      NODE_ENV: 'test',
      HOST: 'localhost',
      PORT: '0',
      SECRET_KEY: TEST_SECRET,
      DATABASE_URL: app.services.config.databaseUrl,
      LOG_LEVEL: 'trace',
    },
  })
  t.teardown(() => void server.child.kill('SIGKILL'))
  const [, origin = ''] = await server.printed(/on (http:\S+)/)
  const there = await signedIn({ browser: () => new TestBrowser(origin) })
  const cookies = [await here.cookie(), await there.cookie()]
  t.is((await end(there, await idOf(there, /iPhone/))).status, 303)
  t.is((await endOthers(there)).status, 303)
  await server.printed(/"msg":"sessions ended"[\s\S]*"msg":"sessions ended"/)
  await server.stop()
  const said = server.output()
  t.regex(said, /"security":"sessions ended","userId":"1"/)
  t.notRegex(said, /iPhone|Firefox|Mozilla|127\.0\.0\.1\b|::1"|::ffff/)
  const keys: { session_key: string }[] = await app.services.knex('sessions').select('session_key')
  for (const secret of [...cookies.map((cookie) => cookie.slice(10)), ...keys.map((row) => row.session_key)]) {
    t.false(said.includes(secret))
  }
})

onTable('who tries to end a device that is not theirs is logged (ASVS 16.3.2)', async (t) => {
  const own = await startLogged(t)
  const [ada, grace] = [await signedIn(own.app), await signedIn(own.app, FIREFOX, 'grace')]
  const [device] = (await list(ada)).sessions
  t.is((await end(grace, device?.id ?? '')).status, 404)
  t.deepEqual(
    own.events('access refused').map(({ userId }) => userId),
    ['2'],
  )
})
