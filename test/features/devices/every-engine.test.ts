import { randomBytes } from 'node:crypto'
import { testOn } from '../../storage/present.ts'
import { startApp, type TestApp, type TestBrowser } from '../../support/app.ts'
import { isSignedIn } from '../account/steps.ts'
import { change, end, endOthers, endsAllOthers, IPHONE, idOf, list, listsAndEndsOne, opens, signedIn } from './steps.ts'

/** Too much for a cookie, however it is compressed. */
const LONG = randomBytes(4_000).toString('base64url')

/** Signed in, with a session that no cookie holds. */
async function withMuch(app: TestApp, userAgent?: string, username?: string): Promise<TestBrowser> {
  const browser = await signedIn(app, userAgent, username)
  await change(app, browser, (session) => session.set('text', LONG), userAgent)
  return browser
}

async function withApp(env: Record<string, string>, work: (app: TestApp) => Promise<void>): Promise<void> {
  const app = await startApp(env)
  try {
    await work(app)
  } finally {
    await app.close()
  }
}

const LISTING: readonly Record<string, string>[] = [
  { SESSION_ENGINE: 'db' },
  { SESSION_ENGINE: 'cached_db' },
  { SESSION_ENGINE: 'cache' },
  { SESSION_ENGINE: 'hybrid' },
  { SESSION_ENGINE: 'db', SESSION_MOVING_FROM: 'cache' },
]

for (const env of LISTING) {
  const name = Object.values(env).join(', ')
  const enter = env['SESSION_ENGINE'] === 'hybrid' ? withMuch : signedIn
  testOn({ ...env, SESSION_FORMAT: 'sealed' })(`${name}: devices are listed, and only their user can end one`, (t) =>
    withApp(env, (app) => listsAndEndsOne(t, app, enter)),
  )

  testOn({ ...env, SESSION_FORMAT: 'sealed' })(`${name}: all others are ended, and the current one continues`, (t) =>
    withApp(env, async (app) => await endsAllOthers(t, app, [await signedIn(app), await signedIn(app, IPHONE)])),
  )
}

testOn({ SESSION_ENGINE: 'signed_cookies' })(
  'signed_cookies: only the current device is listed, and all others are ended',
  (t) =>
    withApp({ SESSION_ENGINE: 'signed_cookies' }, async (app) => {
      const [here, there] = [await signedIn(app), await signedIn(app)]
      const { sessions, complete } = await list(here)
      t.like({ sessions, complete }, { sessions: [{ id: null, current: true }], complete: false })
      t.is(sessions.length, 1)
      t.regex((await here.get('/account/sessions')).text, /Not every device is on this list/)
      await endsAllOthers(t, app, [there])
    }),
)

testOn({ SESSION_ENGINE: 'hybrid' })('hybrid: records are listed, cookies are not, and both are ended', (t) =>
  withApp({ SESSION_ENGINE: 'hybrid' }, async (app) => {
    const [small, large] = [await signedIn(app, IPHONE), await signedIn(app)]
    await change(app, large, (session) => session.set('text', LONG))
    const { sessions, complete } = await list(await signedIn(app))
    t.deepEqual(
      sessions.map(({ device, current }) => [/Firefox/.test(device), current]),
      [
        [false, true],
        [true, false],
      ],
    )
    t.false(complete)
    await endsAllOthers(t, app, [small, large])
  }),
)

testOn({ SESSION_ENGINE: 'hybrid' })('hybrid: ending a large session of this device leaves a small one of it', (t) =>
  withApp({ SESSION_ENGINE: 'hybrid' }, async (app) => {
    const [here, there] = [await signedIn(app), await signedIn(app)]
    await change(app, here, (session) => session.set('text', LONG))
    t.is((await endOthers(here)).status, 303)
    t.deepEqual([await isSignedIn(here), await isSignedIn(there)], [true, false])
    await change(app, here, (session) => void session.delete('text'))
    t.true(await isSignedIn(here))
  }),
)

testOn({ SESSION_ENGINE: 'hybrid' })(
  'hybrid: a cookie that holds the same session as its record is ended with the record',
  (t) =>
    withApp({ SESSION_ENGINE: 'hybrid' }, async (app) => {
      const [here, there] = [await signedIn(app), await signedIn(app, IPHONE)]
      await change(app, there, (session) => session.set('text', LONG))
      const byKey = await there.cookie()
      await change(app, there, (session) => void session.delete('text'))
      const beside = await there.cookie()
      t.true(beside.length > byKey.length * 2, 'the cookie holds the session')
      t.deepEqual([await opens(app, byKey), await opens(app, beside)], [true, true])
      t.is((await end(here, await idOf(here, /Firefox/))).status, 303)
      t.deepEqual([await opens(app, byKey), await opens(app, beside)], [false, false])
      t.true(await isSignedIn(here))
    }),
)

testOn({ SESSION_ENGINE: 'file' })('file: sessions have no user, and the page says how to end them', (t) =>
  withApp({ SESSION_ENGINE: 'file' }, async (app) => {
    const [here, there] = [await signedIn(app), await signedIn(app)]
    const { text } = await here.get('/account/sessions')
    t.regex(text, /does not know whose sessions it keeps[\s\S]*href="\/account\/password"/)
    t.notRegex(text, /action="\/account\/sessions/)
    t.is((await endOthers(here)).status, 409)
    t.true(await isSignedIn(there))
  }),
)

testOn({ SESSION_ENGINE: 'db', SESSION_FORMAT: 'django' })(
  "db with Django's table, which has no column for users: the same",
  (t) =>
    withApp({ SESSION_ENGINE: 'db', SESSION_FORMAT: 'django', SESSION_TABLE: 'django_session' }, async (app) => {
      const here = await signedIn(app)
      t.like(await list(here), { sessions: [{ id: null, current: true }], complete: false })
      t.regex((await here.get('/account/sessions')).text, /does not know whose sessions it keeps/)
    }),
)

testOn({ SESSION_ENGINE: 'hybrid', SESSION_MOVING_FROM: 'db' })(
  'one table of two engines: each of its sessions is listed once, and all others are ended',
  (t) =>
    withApp({ SESSION_ENGINE: 'db' }, async (old) => {
      const phone = await signedIn(old, IPHONE)
      const env = { SESSION_ENGINE: 'hybrid', SESSION_MOVING_FROM: 'db' }
      await withApp({ ...env, DATABASE_URL: old.services.config.databaseUrl }, async (app) => {
        const here = await signedIn(app)
        const { sessions } = await list(here)
        t.deepEqual(
          sessions.map(({ device }) => device.includes('iPhone')),
          [false, true],
        )
        t.is((await endOthers(here)).status, 303)
        t.deepEqual([await opens(app, await phone.cookie()), await isSignedIn(here)], [false, true])
      })
    }),
)

for (const [to, from] of [
  ['signed_cookies', 'db'],
  ['db', 'signed_cookies'],
] as const) {
  testOn({ SESSION_ENGINE: to, SESSION_MOVING_FROM: from, SESSION_FORMAT: 'sealed' })(
    `${from} on the way to ${to}: all others are ended from either`,
    (t) =>
      withApp({ SESSION_ENGINE: from }, async (old) => {
        const [phone, laptop] = [await signedIn(old, IPHONE), await signedIn(old)]
        const env = { SESSION_ENGINE: to, SESSION_MOVING_FROM: from, DATABASE_URL: old.services.config.databaseUrl }
        await withApp(env, async (app) => {
          const here = await signedIn(app)
          const { sessions } = await list(here)
          t.is(sessions.filter(({ device }) => device.includes('iPhone')).length, from === 'db' ? 1 : 0)
          const moving = app.browser()
          await moving.jar.setCookie(`${await laptop.cookie()}; Path=/`, app.origin)
          t.true(await opens(app, await phone.cookie()))
          t.is((await endOthers(moving)).status, 303)
          const cookies = [await phone.cookie(), await here.cookie(), await laptop.cookie()]
          t.deepEqual(await Promise.all(cookies.map((cookie) => opens(app, cookie))), [false, false, false])
          t.true(await isSignedIn(moving))
          const again = await signedIn(app)
          t.is((await endOthers(again)).status, 303)
          t.deepEqual([await isSignedIn(moving), await isSignedIn(again)], [false, true])
        })
      }),
  )
}
