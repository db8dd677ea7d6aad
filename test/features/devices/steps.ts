import type { ExecutionContext } from 'ava'
import { OpenedSession } from '../../../src/session/http/opened-session.ts'
import type { Session } from '../../../src/session/index.ts'
import type { TestApp, TestBrowser } from '../../support/app.ts'
import { isSignedIn } from '../account/steps.ts'

export const FIREFOX = 'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0'
export const IPHONE =
  'Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1'

export const PASSWORD = 'ada-demo-password'

/** A device in JSON. */
export interface Listed {
  readonly id: string | null
  readonly device: string
  readonly address: string | null
  readonly signedInAt: number | null
  readonly lastActivity: number
  readonly current: boolean
}

/** Signs in with a new browser. */
export type Enter = (app: TestApp, userAgent?: string, username?: string) => Promise<TestBrowser>

/** A new browser, signed in. */
export async function signedIn(
  app: Pick<TestApp, 'browser'>,
  userAgent = FIREFOX,
  username = 'ada',
): Promise<TestBrowser> {
  const browser = app.browser()
  const form = { username, password: `${username}-demo-password` }
  await browser.post('/login', form, { 'user-agent': userAgent })
  return browser
}

/** What the devices page lists, as JSON. */
export async function list(browser: TestBrowser): Promise<{ sessions: Listed[]; complete: boolean }> {
  return (await browser.json('GET', '/account/sessions')).json()
}

/** The id of the only device of this name beside the current one. */
export async function idOf(browser: TestBrowser, name: RegExp): Promise<string> {
  const { sessions } = await list(browser)
  const [found, ...more] = sessions.filter(({ device, current }) => !current && name.test(device))
  if (typeof found?.id !== 'string' || more.length > 0) throw new Error(`There is no one device ${name}`)
  return found.id
}

export const end = (browser: TestBrowser, id: string, form: Record<string, string> = {}) =>
  browser.post(`/account/sessions/${id}/end`, form)

export const END_OTHERS = '/account/sessions/end-others'

export const endOthers = (browser: TestBrowser, form: Record<string, string> = {}) => browser.post(END_OTHERS, form)

/** Whether a cookie still opens the account, whatever its browser has got since. */
export async function opens(app: TestApp, cookie: string): Promise<boolean> {
  return (await fetch(`${app.origin}/account`, { headers: { accept: 'application/json', cookie } })).status === 200
}

/** Changes a browser's session behind its back, as another request of the same browser would. */
export async function change(
  app: TestApp,
  browser: TestBrowser,
  by: (session: Session) => void,
  userAgent = FIREFOX,
): Promise<void> {
  const { engine, config, observe } = app.services
  const [, value = ''] = (await browser.cookie()).split(/=(.*)/s)
  const opened = await engine.open(value)
  if (!opened.live) throw new Error('This browser has no session')
  const { session } = new OpenedSession(
    { ...opened, value },
    { ...config.session, engine, observe },
    {
      client: { ipAddress: '203.0.113.77', userAgent },
      cookies: 1,
      canSendCookie: () => true,
      sendCookie: (header) => void browser.jar.setCookieSync(header, app.origin),
    },
  )
  by(session)
  await session.save()
}

/** Makes the last time that this session's person gave the password lie this far back. */
export const age = (app: TestApp, browser: TestBrowser, minutes = 11) =>
  change(app, browser, (session) => session.set('_auth_user_time', Date.now() - minutes * 60_000))

/** What holds wherever others can be ended: they are, and this one goes on under another cookie; the one before is for late requests. */
export async function endsAllOthers(t: ExecutionContext, app: TestApp, there: readonly TestBrowser[]): Promise<void> {
  const here = await signedIn(app)
  const grace = await signedIn(app, FIREFOX, 'grace')
  const visitor = app.browser()
  await visitor.get('/')
  const cookies = await Promise.all(there.map((browser) => browser.cookie()))
  const before = await here.cookie()
  t.deepEqual(
    await Promise.all(cookies.map((cookie) => opens(app, cookie))),
    cookies.map(() => true),
  )
  const answer = await endOthers(here)
  t.deepEqual([answer.status, answer.headers.get('location')], [303, '/account/sessions'])
  t.regex((await here.get('/account/sessions')).text, /role="status">All other devices are signed out\./)
  t.deepEqual(
    await Promise.all(cookies.map((cookie) => opens(app, cookie))),
    cookies.map(() => false),
  )
  t.deepEqual([await isSignedIn(here), await isSignedIn(grace)], [true, true])
  t.not(await here.cookie(), before)
  const { sessions } = await list(here)
  t.deepEqual(
    sessions.map(({ current }) => current),
    [true],
  )
}

/** What holds wherever devices are listed: each is there, and one can be ended, by its owner alone. */
export async function listsAndEndsOne(t: ExecutionContext, app: TestApp, enter: Enter = signedIn): Promise<void> {
  const here = await enter(app)
  const phone = await enter(app, IPHONE)
  const edge = await enter(
    app,
    'Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36 Edg/126.0.0.0',
  )
  const { sessions } = await list(here)
  t.deepEqual(sessions.map(({ device, current }) => [device, current]).slice(1), [
    ['Microsoft Edge 126 on Windows', false],
    ['Safari 17 on iPhone', false],
  ])
  t.is(new Set(sessions.map(({ id }) => id)).size, 3)
  const id = await idOf(here, /iPhone/)
  const grace = await enter(app, FIREFOX, 'grace')
  t.is((await end(grace, id)).status, 404, "another user's id is nothing")
  const { engine } = app.services
  for (const { id } of (await engine.listUser('1')).listed) t.false(await engine.endOne('2', id))
  t.true(await isSignedIn(phone))
  t.is((await end(here, id)).headers.get('location'), '/account/sessions')
  t.deepEqual([await isSignedIn(phone), await isSignedIn(edge), await isSignedIn(here)], [false, true, true])
  t.is((await end(here, id)).status, 404, 'ended already')
}
