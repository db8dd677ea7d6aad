import test from 'ava'
import { testOn } from '../../storage/present.ts'
import { startApp, type TestApp, type TestBrowser } from '../../support/app.ts'
import { signIn } from '../account/steps.ts'
import { add, checkOut, quantities } from './steps.ts'

// Where a record of the database, a record of a cache, and the cookie alone are the session.
const ENGINES: Record<string, Record<string, string>> = {
  db: { SESSION_ENGINE: 'db' },
  cache: { SESSION_ENGINE: 'cache' },
  signed_cookies: { SESSION_ENGINE: 'signed_cookies' },
}

async function signedIn(app: TestApp): Promise<TestBrowser> {
  const browser = app.browser()
  await signIn(browser, 'ada')
  return browser
}

for (const [name, settings] of Object.entries(ENGINES)) {
  const onEngine = (title: string, scenario: (t: import('ava').ExecutionContext, app: TestApp) => Promise<void>) =>
    testOn(settings)(`${name}: ${title}`, async (t) => {
      const app = await startApp(settings)
      t.teardown(() => app.close())
      await scenario(t, app)
    })

  onEngine('a cart that was cleared stays empty after sign-ins and sign-outs', async (t, app) => {
    const browser = await signedIn(app)
    await add(browser, 1, 2)
    await browser.post('/logout')
    t.deepEqual(await quantities(browser), {})
    await signIn(browser, 'ada')
    t.deepEqual(await quantities(browser), { 1: 2 })
    await browser.post('/cart/clear')
    await browser.post('/logout')
    await signIn(browser, 'ada')
    t.deepEqual(await quantities(browser), {})
  })

  onEngine(
    'what one device buys is bought for all, those that were signed in and those that sign in',
    async (t, app) => {
      const [here, there] = [await signedIn(app), await signedIn(app)]
      await add(here, 1, 2)
      t.deepEqual(await quantities(there), { 1: 2 }, 'it is there at once')
      t.is((await checkOut(here)).status, 200)
      t.deepEqual(await quantities(there), {})
      t.is((await checkOut(there)).status, 422)
      t.deepEqual(await quantities(await signedIn(app)), {})
    },
  )

  onEngine(
    'a late request with the cookie before a sign-in changes the account once, or a separate session',
    async (t, app) => {
      const browser = app.browser()
      await add(browser, 1, 2)
      const cookie = await browser.cookie()
      await signIn(browser, 'ada')
      const headers = { cookie, accept: 'application/json' }
      const late = await app.browser().post('/cart/items', { productId: '1', quantity: '3' }, headers)
      const joined = late.status === 200 && late.headers.getSetCookie().length === 0
      t.deepEqual(await quantities(browser), { 1: joined ? 5 : 2 })
    },
  )

  onEngine('two sign-ins at once, and one again after a lost answer: the cart is there once', async (t, app) => {
    const browser = app.browser()
    await add(browser, 1, 2)
    const headers = { cookie: await browser.cookie() }
    const enter = (jar = app.browser()) =>
      jar.post('/login', { username: 'ada', password: 'ada-demo-password' }, headers)
    const answers = await Promise.all([enter(browser), enter()])
    for (const { status } of answers) t.is(status, 303)
    t.deepEqual(await quantities(browser), { 1: 2 })
    // The answer never arrived, so the browser comes back with the cookie from before.
    const later = app.browser()
    await enter(later)
    await signIn(later, 'ada')
    t.deepEqual(await quantities(later), { 1: 2 })
    await later.post('/cart/clear')
    await later.post('/login', { username: 'ada', password: 'ada-demo-password' }, headers)
    t.deepEqual(await quantities(browser), {}, 'nor does what was cleared come back')
  })
}

testOn({ SESSION_ENGINE: 'db', SESSION_FORMAT: 'sealed' })(
  'an expired session does not lose the cart: it is there after the next sign-in',
  async (t) => {
    const app = await startApp()
    t.teardown(() => app.close())
    const browser = await signedIn(app)
    await add(browser, 1, 2)
    await app.services.knex('sessions').update({ expires: 0 })
    t.deepEqual(await quantities(browser), {})
    await signIn(browser, 'ada')
    t.deepEqual(await quantities(browser), { 1: 2 })
  },
)

test('overlapping additions on two devices are all saved', async (t) => {
  const app = await startApp()
  t.teardown(() => app.close())
  const devices = [await signedIn(app), await signedIn(app)]
  const products = Array.from({ length: 12 }, (_, n) => n + 1)
  await Promise.all(products.map((id) => add(devices[id % 2] as TestBrowser, id)))
  t.is(Object.keys(await quantities(await signedIn(app))).length, 12)
})
