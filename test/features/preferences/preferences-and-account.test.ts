import test from 'ava'
import { startApp, type TestApp, type TestBrowser } from '../../support/app.ts'
import { signIn } from '../account/steps.ts'

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
