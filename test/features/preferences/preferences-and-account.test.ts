import test from 'ava'
import { testOn } from '../../storage/present.ts'
import { startApp, type TestApp, type TestBrowser } from '../../support/app.ts'
import { signIn, signOut } from '../account/steps.ts'
import { choose, themeOf } from './steps.ts'

let app: TestApp
test.before(async () => {
  app = await startApp()
})
test.after.always(() => app?.close())

const DEFAULTS = {
  theme: 'light',
  language: 'en',
  timezone: 'UTC',
  items_per_page: 20,
  notifications: { email: true, push: false, sms: false },
}

const read = async (browser: TestBrowser) => (await browser.json('GET', '/preferences')).json<typeof DEFAULTS>()
const write = (browser: TestBrowser, key: unknown, value: unknown) =>
  browser.json('POST', '/preferences', { key, value })

test('preferences of the account apply in another browser', async (t) => {
  const own = await startApp()
  t.teardown(() => own.close())
  const first = own.browser()
  await signIn(first, 'grace')
  await write(first, 'theme', 'dark')
  await first.post('/logout')
  t.is((await read(first)).theme, 'light', 'and are gone from this one')
  const second = own.browser()
  await write(second, 'items_per_page', 9)
  await signIn(second, 'grace')
  t.like(await read(second), { theme: 'dark', items_per_page: 9 })
})

for (const env of [{}, { SESSION_ENGINE: 'cache' }, { SESSION_ENGINE: 'signed_cookies' }]) {
  testOn(env)(`${JSON.stringify(env)}: a theme set on one device applies on the other at its next page`, async (t) => {
    const own = await startApp(env)
    t.teardown(() => own.close())
    const [here, there] = [own.browser(), own.browser()]
    for (const browser of [here, there]) await signIn(browser, 'ada')
    await choose(here, 'theme', 'dark')
    t.regex((await there.get('/')).text, /data-theme="dark"/)
    await there.post('/preferences/reset')
    t.is(await themeOf(here), 'light')
    await signOut(here)
    await signIn(here, 'ada')
    t.is(await themeOf(here), 'light')
  })
}
