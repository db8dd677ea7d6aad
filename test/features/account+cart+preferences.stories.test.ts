import test from 'ava'
import { startApp, type TestApp, type TestBrowser } from '../support/app.ts'
import { add, quantities } from '../support/cart.ts'

// Where a record of the database, a record of a cache, and the cookie alone are the session.
const ENGINES: Record<string, Record<string, string>> = {
  db: {},
  cache: { SESSION_ENGINE: 'cache' },
  signed_cookies: { SESSION_ENGINE: 'signed_cookies' },
}

const theme = async (browser: TestBrowser) =>
  (await browser.json('GET', '/preferences')).json<{ theme: string }>().theme
const choose = (browser: TestBrowser, value: string) => browser.json('POST', '/preferences', { key: 'theme', value })

async function signedIn(app: TestApp): Promise<TestBrowser> {
  const browser = app.browser()
  await browser.signIn('ada')
  return browser
}

for (const [name, settings] of Object.entries(ENGINES)) {
  const story = (title: string, tell: (t: import('ava').ExecutionContext, app: TestApp) => Promise<void>) =>
    test(`${name}: ${title}`, async (t) => {
      const app = await startApp(settings)
      t.teardown(() => app.close())
      await tell(t, app)
    })

  story('a cart that was cleared stays empty, whoever signs in and out', async (t, app) => {
    const browser = await signedIn(app)
    await add(browser, 1, 2)
    await browser.post('/logout')
    t.deepEqual(await quantities(browser), {})
    await browser.signIn('ada')
    t.deepEqual(await quantities(browser), { 1: 2 })
    await browser.post('/cart/clear')
    await browser.post('/logout')
    await browser.signIn('ada')
    t.deepEqual(await quantities(browser), {})
  })

  story('what one device buys is bought for all, those that were signed in and those that sign in', async (t, app) => {
    const [here, there] = [await signedIn(app), await signedIn(app)]
    await add(here, 1, 2)
    t.deepEqual(await quantities(there), { 1: 2 }, 'it is there at once')
    t.is((await here.json('POST', '/cart/checkout')).status, 200)
    t.deepEqual(await quantities(there), {})
    t.is((await there.json('POST', '/cart/checkout')).status, 422)
    t.deepEqual(await quantities(await signedIn(app)), {})
  })

  story('the theme of one device is that of the other at its next page', async (t, app) => {
    const [here, there] = [await signedIn(app), await signedIn(app)]
    await choose(here, 'dark')
    t.regex((await there.get('/shop')).text, /data-theme="dark"/)
    await there.post('/preferences/reset')
    t.is(await theme(here), 'light')
    await here.post('/logout')
    t.is(await theme(await signedIn(app)), 'light')
  })

  story(
    'what comes late with the cookie from before a sign-in counts once in the account, or is its own',
    async (t, app) => {
      const browser = app.browser()
      await add(browser, 1, 2)
      const cookie = await browser.cookie()
      await browser.signIn('ada')
      const headers = { cookie, accept: 'application/json' }
      const late = await app.browser().post('/cart/items', { productId: '1', quantity: '3' }, headers)
      const joined = late.status === 200 && late.headers.getSetCookie().length === 0
      t.deepEqual(await quantities(browser), { 1: joined ? 5 : 2 })
    },
  )

  story('two sign-ins at once, and one again after a lost answer: the cart is there once', async (t, app) => {
    const browser = app.browser()
    await add(browser, 1, 2)
    const headers = { cookie: await browser.cookie() }
    const signIn = (jar = app.browser()) =>
      jar.post('/login', { username: 'ada', password: 'ada-demo-password' }, headers)
    const answers = await Promise.all([signIn(browser), signIn()])
    for (const { status } of answers) t.is(status, 303)
    t.deepEqual(await quantities(browser), { 1: 2 })
    // The answer never arrived, so the browser comes back with the cookie from before.
    const later = app.browser()
    await signIn(later)
    await later.signIn('ada')
    t.deepEqual(await quantities(later), { 1: 2 })
    await later.post('/cart/clear')
    await later.post('/login', { username: 'ada', password: 'ada-demo-password' }, headers)
    t.deepEqual(await quantities(browser), {}, 'nor does what was cleared come back')
  })
}

test('a session that expires loses nothing of a cart: it is there after the next sign-in', async (t) => {
  const app = await startApp()
  t.teardown(() => app.close())
  const browser = await signedIn(app)
  await add(browser, 1, 2)
  await app.services.knex('sessions').update({ expires: 0 })
  t.deepEqual(await quantities(browser), {})
  await browser.signIn('ada')
  t.deepEqual(await quantities(browser), { 1: 2 })
})

test('overlapping additions on two devices are all there', async (t) => {
  const app = await startApp()
  t.teardown(() => app.close())
  const devices = [await signedIn(app), await signedIn(app)]
  const products = Array.from({ length: 12 }, (_, n) => n + 1)
  await Promise.all(products.map((id) => add(devices[id % 2] as TestBrowser, id)))
  t.is(Object.keys(await quantities(await signedIn(app))).length, 12)
})
