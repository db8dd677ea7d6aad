import test from 'ava'
import { isPossible } from '../../storage/present.ts'
import { startApp, type TestApp, type TestBrowser } from '../../support/app.ts'
import { signIn } from '../account/steps.ts'
import { add, CART_ITEMS, quantities } from './steps.ts'

const ENDED = /(?:Your session has ended|You were signed out on another device)\. Sign in again\./

async function signedOutElsewhere(app: TestApp): Promise<TestBrowser> {
  const browser = app.browser()
  await signIn(browser, 'ada')
  await add(browser, 1, 5)
  await add(browser, 2, 1)
  await app.services.engine.endUser('1')
  return browser
}

/** Sends a form; reads the page that it leads to, and signs in there. Returns where that leads, and the page of before. */
async function late(browser: TestBrowser, path: string, form: Record<string, string> = {}) {
  const location = (await browser.post(path, form)).headers.get('location') ?? ''
  const page = (await browser.get(location)).text
  const next = new URL(location, 'http://x').searchParams.get('next') ?? ''
  const back = await browser.post('/login', { username: 'ada', password: 'ada-demo-password', next })
  return { page, back: back.headers.get('location') ?? '', location }
}

for (const env of [{}, { SESSION_ENGINE: 'signed_cookies' }, { SESSION_ENGINE: 'hybrid' }]) {
  if (!isPossible(env)) continue
  const name = JSON.stringify(env)

  test(`${name}: a quantity that is sent too late is there after the sign-in, not saved`, async (t) => {
    const app = await startApp(env)
    t.teardown(() => app.close())
    const browser = await signedOutElsewhere(app)
    const { page, back } = await late(browser, `${CART_ITEMS}/1`, { quantity: '3' })
    t.regex(page, ENDED)
    t.is(back, '/cart?product=1&quantity=3')
    t.deepEqual(await quantities(browser), { 1: 5, 2: 1 })
    const cart = (await browser.get(back)).text
    t.regex(cart, /Your change is not saved yet\.[\s\S]*action="\/cart\/items\/1"[\s\S]*?name="quantity" value="3"/)
    t.regex(cart, /action="\/cart\/items\/2"[\s\S]*?name="quantity" value="1"/)
    t.notRegex((await browser.get('/cart')).text, /not saved yet/)
  })

  test(`${name}: removing and emptying too late changes nothing and says so; what is added is merged`, async (t) => {
    const app = await startApp(env)
    t.teardown(() => app.close())
    for (const path of [`${CART_ITEMS}/1/remove`, '/cart/clear']) {
      const browser = await signedOutElsewhere(app)
      const { page, back } = await late(browser, path)
      t.regex(page, ENDED, path)
      t.notRegex((await browser.get(back)).text, /Removed|Your cart is empty/)
      t.truthy((await quantities(browser))[1])
    }
    const browser = await signedOutElsewhere(app)
    const { page, back, location } = await late(browser, CART_ITEMS, { productId: '3', quantity: '2' })
    t.is(location, '/login?next=%2Fcart')
    t.regex(page, ENDED)
    t.is(back, '/cart')
    t.is((await quantities(browser))[3], 2)
  })
}

test('whoever has never signed in there goes on without being asked to', async (t) => {
  const app = await startApp()
  t.teardown(() => app.close())
  const browser = app.browser()
  const cookie = `sessionid=${'x'.repeat(32)}`
  const answer = await browser.post(CART_ITEMS, { productId: '1', quantity: '2' }, { cookie })
  t.is(answer.headers.get('location'), '/cart')
  t.is((await browser.post(`${CART_ITEMS}/1`, { quantity: '4' })).headers.get('location'), '/cart')
  t.deepEqual(await quantities(browser), { 1: 4 })
})

test('a quantity that is refused is shown again, and any link can only fill it in', async (t) => {
  const app = await startApp()
  t.teardown(() => app.close())
  const browser = app.browser()
  await add(browser, 1, 5)
  t.regex((await browser.post(`${CART_ITEMS}/1`, { quantity: '3"x' })).text, /name="quantity" value="3&quot;x"/)
  for (const query of ['product=1', 'product=1&quantity=100', 'product=x&quantity=3', 'product=2&quantity=3']) {
    const { text } = await browser.get(`/cart?${query}`)
    t.regex(text, /name="quantity" value="5"/, query)
    t.notRegex(text, /not saved yet/, query)
  }
  await browser.get('/cart?product=1&quantity=3')
  t.deepEqual(await quantities(browser), { 1: 5 })
})
