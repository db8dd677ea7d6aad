import test from 'ava'
import { testOn } from '../../storage/present.ts'
import { type Answer, startApp } from '../../support/app.ts'
import { appWithNotes, note } from '../../support/notes-steps.ts'
import { changePassword, LOGIN } from './steps.ts'

const ADA = { username: 'ada', password: 'ada-demo-password' }
const NEW = 'a completely new one'

/** Whether the response sends a session cookie that the browser keeps when it is closed. */
function keepsCookie({ headers }: Answer): boolean {
  const [cookie = '', ...more] = headers.getSetCookie().filter((line) => line.startsWith('sessionid='))
  if (more.length > 0 || !/^\w+=[^;]/.test(cookie)) throw new Error('exactly one cookie is expected')
  return /; Max-Age=[1-9]/i.test(cookie)
}

const SETTINGS: Record<string, Record<string, string>> = {
  'the default': {},
  'at browser close': { SESSION_EXPIRE_AT_BROWSER_CLOSE: 'true' },
  hybrid: { SESSION_ENGINE: 'hybrid' },
  signed_cookies: { SESSION_ENGINE: 'signed_cookies' },
  'signed_cookies, django': { SESSION_ENGINE: 'signed_cookies', SESSION_FORMAT: 'django' },
}

for (const [name, settings] of Object.entries(SETTINGS)) {
  testOn(settings)(
    `${name}: a session ends with the browser, unless it is to be kept, also after a new key or a sign-out`,
    async (t) => {
      const app = await appWithNotes(t, settings)
      const atClose = settings['SESSION_EXPIRE_AT_BROWSER_CLOSE'] === 'true'
      let password = ADA.password
      for (const remember of [false, true]) {
        const browser = app.browser()
        const before = await note(browser, 'milk')
        t.is(keepsCookie(before), !atClose, 'anonymous sessions follow the setting')
        const form = { ...ADA, password, ...(remember ? { remember: 'true' } : {}) }
        t.is(keepsCookie(await browser.post(LOGIN, form)), remember)
        const next = password === NEW ? 'and another one again' : NEW
        t.is(keepsCookie(await changePassword(browser, password, next)), remember, 'the key changes, the choice stays')
        password = next
        await browser.post('/logout')
        t.is(keepsCookie(await note(browser, 'milk')), !atClose)
      }
    },
  )
}

test('JSON chooses with a boolean; anything else is 422', async (t) => {
  const app = await startApp()
  t.teardown(() => app.close())
  for (const remember of [true, false]) {
    t.is(keepsCookie(await app.browser().json('POST', LOGIN, { ...ADA, remember })), remember)
  }
  t.false(keepsCookie(await app.browser().json('POST', LOGIN, ADA)))
  for (const remember of ['maybe', 1, [true], null]) {
    const answer = await app.browser().json('POST', LOGIN, { ...ADA, remember })
    t.deepEqual([answer.status, Object.keys(answer.json<{ errors: object }>().errors)], [422, ['remember']])
  }
})

test('a refused sign-in keeps the tick, and a later one without it ends with the browser', async (t) => {
  const app = await startApp()
  t.teardown(() => app.close())
  const browser = app.browser()
  t.notRegex((await browser.get(LOGIN)).text, /name="remember"[^>]* checked/)
  const refused = await browser.post(LOGIN, { ...ADA, password: 'x', remember: 'true' })
  t.regex(refused.text, /name="remember"[^>]* checked/)
  t.true(keepsCookie(await browser.post(LOGIN, { ...ADA, remember: 'true' })))
  t.false(keepsCookie(await browser.post(LOGIN, ADA)), 'the same session, signed in again')
})

test('of two sign-ins at once in one browser, the choice of the one that is saved last counts', async (t) => {
  const app = await startApp()
  t.teardown(() => app.close())
  const { engine } = app.services
  const { commit } = engine
  for (const remember of [true, false]) {
    const browser = app.browser()
    await note(browser, 'milk')
    const cookie = await browser.cookie()
    const send = (kept: boolean) =>
      app.browser().post(LOGIN, { ...ADA, ...(kept ? { remember: 'true' } : {}) }, { cookie })
    engine.commit = async (...args) => {
      engine.commit = commit
      await send(!remember)
      return await commit.apply(engine, args)
    }
    t.is(keepsCookie(await send(remember)), remember)
  }
})
