import test from 'ava'
import { testOn } from '../../storage/present.ts'
import { startApp, type TestApp } from '../../support/app.ts'
import { startLogged } from '../../support/security-events.ts'
import { isSignedIn, signIn } from '../account/steps.ts'

const COOKIES = { SESSION_ENGINE: 'signed_cookies' }
const DJANGO = { SESSION_ENGINE: 'db', SESSION_FORMAT: 'django' }
const PAGE = '/staff/sessions'

interface Listed {
  user: { id: string; username: string } | null
  sessions: { id: string; device: string; address: string }[]
}

async function signedIn(app: TestApp, username: string) {
  const browser = app.browser()
  await signIn(browser, username)
  return browser
}

testOn({ SESSION_ENGINE: 'db', SESSION_FORMAT: 'sealed' })(
  'staff find a user by name, see the sessions, and end one or all; the user is out at once (ASVS 7.4.5)',
  async (t) => {
    const app = await startApp()
    t.teardown(() => app.close())
    const endings: unknown[] = []
    const { log } = app.services
    log.info = (({ userId, by }: Record<string, unknown>, event: string) => {
      if (event === 'sessions ended') endings.push([userId, by])
    }) as typeof log.info
    const staff = await signedIn(app, 'ada')
    t.regex((await staff.get('/account')).text, /href="\/staff\/sessions"/)
    const [one, two] = [await signedIn(app, 'grace'), await signedIn(app, 'grace')]
    const list = async () => (await staff.json('GET', `${PAGE}?user=GRACE`)).json<Listed>()
    const { user, sessions } = await list()
    t.is(user?.username, 'grace')
    t.is(sessions.length, 2)
    const page = await staff.get(`${PAGE}?user=grace`)
    t.regex(page.text, /grace/)
    const secrets = [await one.cookie(), await two.cookie()].map((cookie) => cookie.split('=')[1] ?? '')
    for (const secret of secrets) t.false(page.text.includes(secret))
    t.notRegex(JSON.stringify(sessions), /"127\.0\.0\.1"/, 'addresses are truncated')

    const ended = await staff.post(`${PAGE}/${user?.id}/${sessions[0]?.id}/end`)
    t.deepEqual([ended.status, ended.headers.get('location')], [303, `${PAGE}?user=grace`])
    t.is((await list()).sessions.length, 1)
    t.deepEqual([await isSignedIn(one), await isSignedIn(two)].sort(), [false, true])
    t.is((await staff.post(`${PAGE}/${user?.id}/${sessions[0]?.id}/end`)).status, 404)

    t.is((await staff.json('POST', `${PAGE}/${user?.id}/end-all`)).status, 200)
    t.deepEqual([await isSignedIn(one), await isSignedIn(two)], [false, false])
    t.deepEqual((await list()).sessions, [])
    t.regex(page.text, /action="[^"]*\/end-all"/)
    const after = (await staff.get(`${PAGE}?user=grace`)).text
    t.regex(after, /Not signed in anywhere\./)
    t.notRegex(after, /\/end-all/, 'nothing is left to end')
    t.true(await isSignedIn(staff))
    t.deepEqual(endings, Array(2).fill(['2', '1']), 'of whom, by whom')
  },
)

testOn(DJANGO)("a session that Django's table cannot name is not found", async (t) => {
  const app = await startApp(DJANGO)
  t.teardown(() => app.close())
  const staff = await signedIn(app, 'ada')
  t.is((await staff.post(`${PAGE}/1/made-up/end`)).status, 404)
})

testOn(COOKIES)('sessions in cookies cannot be listed, but all of them can be ended', async (t) => {
  const app = await startApp(COOKIES)
  t.teardown(() => app.close())
  const staff = await signedIn(app, 'ada')
  const grace = await signedIn(app, 'grace')
  t.regex((await staff.get(`${PAGE}?user=grace`)).text, /end-all[\s\S]*cannot be listed/)
  const { user } = (await staff.json('GET', `${PAGE}?user=grace`)).json<Listed>()
  t.is((await staff.post(`${PAGE}/${user?.id}/end-all`)).status, 303)
  t.false(await isSignedIn(grace))
})

test('nobody else gets in, and a role that was taken away counts at once', async (t) => {
  const { app, events } = await startLogged(t)
  const grace = await signedIn(app, 'grace')
  const staff = await signedIn(app, 'ada')
  const { user } = (await staff.json('GET', `${PAGE}?user=ada`)).json<Listed>()
  const paths = [`${PAGE}/${user?.id}/end-all`, `${PAGE}/${user?.id}/x/end`]
  t.notRegex((await grace.get('/')).text, /staff\/sessions/)
  t.is((await grace.get(`${PAGE}?user=ada`)).status, 403)
  for (const path of paths) t.is((await grace.post(path)).status, 403)
  t.is((await app.browser().json('GET', PAGE)).status, 401)
  for (const path of paths) t.is((await app.browser().json('POST', path)).status, 401)
  await app.services.knex('users').where({ username: 'ada' }).update({ is_staff: false })
  for (const path of paths) t.is((await staff.post(path)).status, 403)
  t.true(await isSignedIn(staff))
  t.deepEqual(
    events('access refused').map(({ userId, path, level }) => [userId, path, level]),
    [['2', PAGE, 40], ...paths.map((path) => ['2', path, 40]), ...paths.map((path) => ['1', path, 40])],
    'who asked for what is logged (ASVS 16.3.2)',
  )
})

test('a name that nobody has, and one that is text, are said and nothing more', async (t) => {
  const { app, events } = await startLogged(t)
  const staff = await signedIn(app, 'ada')
  t.deepEqual((await staff.json('GET', `${PAGE}?user=nobody`)).json(), { user: null, sessions: [] })
  const page = await staff.get(`${PAGE}?user=${encodeURIComponent('<script>alert(1)</script>')}`)
  t.is(page.status, 200)
  t.regex(page.text, /No account has this name/)
  t.notRegex(page.text, /<script>alert/)
  for (const id of ['0', '999', 'x', '1e3', '-1']) t.is((await staff.post(`${PAGE}/${id}/end-all`)).status, 404)
  t.is((await staff.post(`${PAGE}/1/made-up/end`)).status, 404)
  t.is(events('access refused').length, 6)
})
