import test from 'ava'
import { startApp, type TestApp } from '../../support/app.ts'
import { startLogged } from '../../support/security-events.ts'
import { signIn } from '../account/steps.ts'
import { add, type CartJson, cartOf, checkOut, quantities } from './steps.ts'

let app: TestApp
test.before(async () => {
  app = await startApp()
})
test.after.always(() => app?.close())

/** A client with one stolen cookie. */
const attacker = (cookie: string) => fetch(`${app.origin}/account`, { headers: { accept: 'application/json', cookie } })

async function orderCount(): Promise<number> {
  const row = await app.services.knex('orders').count({ count: '*' }).first()
  return Number(row?.['count'])
}

test('a checkout needs a signed-in user; the cart is kept at the sign-in', async (t) => {
  const browser = app.browser()
  await add(browser, 1, 2)
  const anonymous = await browser.post('/cart/checkout')
  t.deepEqual([anonymous.status, anonymous.headers.get('location')], [303, '/login?next=%2Fcart'])
  t.is((await checkOut(browser)).status, 401)
  const signedIn = await browser.post('/login', { username: 'grace', password: 'grace-demo-password', next: '/cart' })
  t.is(signedIn.headers.get('location'), '/cart')
  t.is((await quantities(browser))[1], 2)
  const order = (await checkOut(browser)).json<{
    id: number
    total: number
    lines: CartJson['lines']
  }>()
  t.is(order.lines[0]?.quantity, 2)
  t.deepEqual(await cartOf(browser), { lines: [], total: 0 })
  t.is((await browser.get(`/orders/${order.id}`)).status, 200)
  const other = app.browser()
  await signIn(other, 'ada')
  for (const id of [order.id, 999_999, 'x', '1e1', '../1']) t.is((await other.get(`/orders/${id}`)).status, 404)
})

test('the account page and a page of their own list the orders, the newest first', async (t) => {
  const own = await startApp()
  t.teardown(() => own.close())
  const browser = own.browser()
  await signIn(browser, 'grace')
  t.regex((await browser.get('/account')).text, /You have not ordered anything yet\./)
  t.regex((await browser.get('/orders')).text, /No orders yet/)
  for (let n = 1; n <= 4; n++) {
    await add(browser, n, n)
    await checkOut(browser)
  }
  const listed = (text: string) => [...text.matchAll(/href="\/orders\/(\d+)"/g)].map(([, id]) => Number(id))
  const account = (await browser.get('/account')).text
  t.deepEqual(listed(account), [4, 3, 2])
  t.regex(account, /<a href="\/orders">All 4 orders<\/a>/)
  t.deepEqual(listed((await browser.get('/orders')).text), [4, 3, 2, 1])
  const { orders } = (await browser.json('GET', '/orders')).json<{ orders: { id: number; items: number }[] }>()
  t.deepEqual(
    orders.map(({ id, items }) => [id, items]),
    [
      [4, 4],
      [3, 3],
      [2, 2],
      [1, 1],
    ],
  )
  const other = own.browser()
  await signIn(other, 'ada')
  t.deepEqual(listed((await other.get('/account')).text), [], "nobody else's")
  t.is((await own.browser().get('/orders')).headers.get('location'), '/login?next=%2Forders')
})

test('who asks for an order that is not theirs is logged (ASVS 16.3.2)', async (t) => {
  const { app: own, events } = await startLogged(t)
  const browser = own.browser()
  await signIn(browser, 'ada')
  t.is((await browser.get('/orders/77')).status, 404)
  t.deepEqual(
    events('access refused').map(({ userId, path }) => [userId, path]),
    [['1', '/orders/77']],
  )
})

test.serial('20 concurrent checkouts of one cart are one order', async (t) => {
  const browser = app.browser()
  await signIn(browser, 'grace')
  await add(browser, 2, 5)
  const before = await orderCount()
  const answers = await Promise.all(Array.from({ length: 20 }, () => checkOut(browser)))
  t.is(await orderCount(), before + 1)
  t.true(
    answers.every(({ status }) => status === 200 || status === 422),
    answers.map(({ status }) => status).join(),
  )
  const ids = new Set(answers.filter(({ status }) => status === 200).map((answer) => answer.json<{ id: number }>().id))
  t.is(ids.size, 1)
  t.deepEqual(await cartOf(browser), { lines: [], total: 0 })
})

test.serial('a price that changed since the cart was shown is not charged silently', async (t) => {
  const browser = app.browser()
  await signIn(browser, 'grace')
  await add(browser, 9)
  const { total } = await cartOf(browser)
  await app.services.knex('products').where({ id: 9 }).increment('price', 50)
  const before = await orderCount()
  const refused = await browser.post('/cart/checkout', { total: String(total) })
  t.is(refused.status, 422)
  t.regex(refused.text, /Prices have changed/)
  t.is(await orderCount(), before)
  t.is((await browser.post('/cart/checkout', { total: String(total + 50) })).status, 303)
})

test('the cart at sign-out is there at the next sign-in; the larger quantity counts', async (t) => {
  const own = await startApp()
  t.teardown(() => own.close())
  const first = own.browser()
  await signIn(first, 'ada')
  await add(first, 1, 3)
  await add(first, 2, 1)
  await first.post('/logout')
  t.deepEqual(await quantities(first), {})
  const second = own.browser()
  await add(second, 2, 4)
  await add(second, 3, 1)
  await signIn(second, 'ada')
  t.deepEqual(await quantities(second), { 1: 3, 2: 4, 3: 1 })
  await signIn(second, 'ada')
  t.deepEqual(await quantities(second), { 1: 3, 2: 4, 3: 1 }, 'signing in again doubles nothing')
})

test('the key changes at every sign-in, and the old one reveals no later data (ASVS 7.2.4)', async (t) => {
  const browser = app.browser()
  await browser.json('POST', '/cart/items', { productId: 1 })
  const anonymous = await browser.cookie()
  await signIn(browser, 'ada')
  const first = await browser.cookie()
  await signIn(browser, 'ada')
  const second = await browser.cookie()
  t.is(new Set([anonymous, first, second]).size, 3)
  await browser.json('POST', '/cart/items', { productId: 2 })
  t.is((await attacker(anonymous)).status, 401)
  for (const old of [anonymous, first]) {
    const cart = await fetch(`${app.origin}/cart`, { headers: { accept: 'application/json', cookie: old } })
    t.like(await cart.json(), { total: old === first ? 0 : 2450 })
    t.deepEqual(cart.headers.getSetCookie(), [])
  }
  t.is((await attacker(second)).status, 200)
})

test('a double click on the sign-in button gives one session with one cart', async (t) => {
  const own = await startApp()
  t.teardown(() => own.close())
  const browser = own.browser()
  await browser.json('POST', '/cart/items', { productId: 1 })
  const cookie = await browser.cookie()
  const signIn = () =>
    fetch(`${own.origin}/login`, {
      method: 'POST',
      redirect: 'manual',
      headers: { cookie },
      body: new URLSearchParams({ username: 'ada', password: 'ada-demo-password' }),
    })
  const answers = await Promise.all([signIn(), signIn()])
  t.deepEqual(
    answers.map(({ status }) => status),
    [303, 303],
  )
  const cookies = answers.map(({ headers }) => {
    const session = headers.getSetCookie().find((line) => line.startsWith('sessionid='))
    return session?.split(';')[0] ?? ''
  })
  t.is(new Set(cookies).size, 1)
  const carts = await Promise.all(
    cookies.map(
      async (one) =>
        (
          await fetch(`${own.origin}/cart`, { headers: { accept: 'application/json', cookie: one } })
        ).json() as Promise<{ lines: unknown[] }>,
    ),
  )
  t.deepEqual(
    carts.map(({ lines }) => lines.length),
    [1, 1],
  )
})

test('during a change of key at a sign-in, requests with the old key get no 5xx and sign no one out', async (t) => {
  const browser = app.browser()
  await browser.json('POST', '/cart/items', { productId: 1 })
  const cookie = await browser.cookie()
  const reads = Array.from({ length: 30 }, (_, n) =>
    fetch(
      `${app.origin}/cart${n % 3 === 0 ? '/items' : ''}`,
      n % 3 === 0
        ? {
            method: 'POST',
            headers: { cookie, accept: 'application/json', 'content-type': 'application/json' },
            body: '{"productId":2}',
          }
        : { headers: { cookie, accept: 'application/json' } },
    ),
  )
  const [signedIn, ...answers] = await Promise.all([signIn(browser, 'ada'), ...reads])
  t.is(signedIn.status, 303)
  for (const answer of answers) {
    t.true([200, 409].includes(answer.status), String(answer.status))
    t.false(answer.headers.getSetCookie().some((line) => line.startsWith('sessionid=;')))
  }
  t.is((await browser.json('GET', '/account')).status, 200)
})

test('60 races of a change with a sign-out: the change is saved or refused with a 409, and the cookie stays invalid', async (t) => {
  const outcomes = new Set<number>()
  for (let race = 0; race < 60; race++) {
    const browser = app.browser()
    await browser.json('POST', '/login', { username: 'ada', password: 'ada-demo-password' })
    const cookie = await browser.cookie()
    const headers = { cookie, accept: 'application/json', 'content-type': 'application/json' }
    const change = () => fetch(`${app.origin}/cart/items`, { method: 'POST', headers, body: '{"productId":1}' })
    const signOut = () => fetch(`${app.origin}/logout`, { method: 'POST', headers })
    const [changed, signedOut] =
      race % 2 === 0 ? await Promise.all([change(), signOut()]) : (await Promise.all([signOut(), change()])).reverse()
    outcomes.add(changed?.status ?? 0)
    t.is(signedOut?.status, 200)
    t.is((await attacker(cookie)).status, 401)
    t.false((await app.services.engine.open(cookie.split('=')[1] ?? '')).live)
  }
  for (const status of outcomes) t.true([200, 409].includes(status), String(status))
})

test('two devices share a cart, and concurrent checkouts are one order', async (t) => {
  const app = await startApp()
  t.teardown(() => app.close())
  const [one, two] = [app.browser(), app.browser()]
  for (const browser of [one, two]) await signIn(browser, 'grace')
  await add(one, 1)
  await add(two, 2)
  for (const browser of [one, two]) t.deepEqual(await quantities(browser), { 1: 1, 2: 1 })
  const answers = await Promise.all([one, two].map((browser) => checkOut(browser)))
  const orders = answers.filter(({ status }) => status === 200).map((answer) => answer.json<{ id: number }>().id)
  t.is(new Set(orders).size, 1)
  t.deepEqual(await quantities(two), {})
})
