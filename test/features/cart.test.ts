import test from 'ava'
import { startApp, type TestApp, type TestBrowser } from '../support/app.ts'

let app: TestApp
test.before(async () => {
  app = await startApp()
})
test.after.always(() => app?.close())

interface CartJson {
  lines: { productId: number; quantity: number; unitPrice: number; total: number }[]
  total: number
}

const cartOf = async (browser: TestBrowser) => (await browser.json('GET', '/cart')).json<CartJson>()
const add = (browser: TestBrowser, productId: unknown, quantity: unknown = 1) =>
  browser.json('POST', '/cart/items', { productId, quantity })
const quantities = async (browser: TestBrowser) =>
  Object.fromEntries((await cartOf(browser)).lines.map((line) => [line.productId, line.quantity]))

async function orderCount(): Promise<number> {
  const row = await app.services.knex('orders').count({ count: '*' }).first()
  return Number(row?.['count'])
}

test('add, set, remove, clear; the same product as number and as text is one line', async (t) => {
  const browser = app.browser()
  await add(browser, 3, 2)
  t.is((await browser.post('/cart/items', { productId: '3', quantity: '1' })).headers.get('location'), '/cart')
  await add(browser, 4)
  t.deepEqual(await quantities(browser), { 3: 3, 4: 1 })
  await browser.post('/cart/items/3', { quantity: '7' })
  t.deepEqual(await quantities(browser), { 3: 7, 4: 1 })
  await browser.post('/cart/items/3/remove')
  t.deepEqual(await quantities(browser), { 4: 1 })
  t.deepEqual((await browser.json('POST', '/cart/clear')).json(), { lines: [], total: 0 })
})

test('totals are integers from the database, whatever the client says (A-18)', async (t) => {
  const browser = app.browser()
  const product = await app.services.knex('products').where({ id: 5 }).first()
  const answer = await browser.json('POST', '/cart/items', {
    productId: 5,
    quantity: 3,
    price: 1,
    unitPrice: 1,
    total: 1,
    discount: 99,
    name: 'free',
  })
  t.deepEqual(answer.json(), {
    lines: [{ productId: 5, quantity: 3, unitPrice: product.price, total: product.price * 3 }],
    total: product.price * 3,
  })
})

test('a quantity is a whole number from 1 to 99, and nothing else (A-17)', async (t) => {
  const browser = app.browser()
  await add(browser, 1, 2)
  const before = (await browser.json('GET', '/cart')).text
  const wrong = [
    -1,
    0,
    1.5,
    1e9,
    100,
    '0x10',
    ' 1',
    '1 ',
    '1_000',
    '1e1',
    'NaN',
    'Infinity',
    '9007199254740993',
    '٣',
    '',
    [1],
    { a: 1 },
    null,
    true,
  ]
  for (const quantity of wrong) {
    t.is((await add(browser, 1, quantity)).status, 422, JSON.stringify(quantity))
    t.is((await browser.json('POST', '/cart/items/1', { quantity })).status, 422, JSON.stringify(quantity))
  }
  for (const body of [
    'quantity=1&quantity=2&productId=1',
    'productId[]=1',
    'productId=1&quantity[]=1',
    'productId[__proto__]=1',
  ]) {
    const response = await fetch(`${app.origin}/cart/items`, {
      method: 'POST',
      body: new URLSearchParams(body),
      headers: { accept: 'application/json', cookie: await browser.cookie() },
    })
    t.is(response.status, 422, body)
  }
  t.is((await browser.json('GET', '/cart')).text, before)
})

test('unknown products are refused; caps hold, and nothing is lost at the cap', async (t) => {
  const browser = app.browser()
  for (const id of [0, -1, 999_999, '1; DROP TABLE products', [1], null, undefined, 'x']) {
    t.is((await add(browser, id)).status, 422, JSON.stringify(id))
  }
  for (const path of ['/cart/items/999999', '/cart/items/x', '/cart/items/0']) {
    t.is((await browser.json('POST', path, { quantity: 1 })).status, 404, path)
  }
  await add(browser, 1, 60)
  const full = await add(browser, 1, 60)
  t.deepEqual(
    [full.status, full.json()],
    [422, { errors: { quantity: 'At most 99 of one product fit into the cart.' } }],
  )
  t.deepEqual(await quantities(browser), { 1: 60 })
})

test('an HTML form that is refused shows the cart again, with the reason', async (t) => {
  const browser = app.browser()
  await add(browser, 1)
  const answer = await browser.post('/cart/items/1', { quantity: '100' })
  t.is(answer.status, 422)
  t.regex(answer.text, /role="alert">Write a whole number from 1 to 99\./)
  t.regex(answer.text, /Your cart/)
})

test('100 products added at once to one session are 100 lines (the first law)', async (t) => {
  const own = await startApp()
  t.teardown(() => own.close())
  const extra = Array.from({ length: 40 }, (_, n) => ({
    name: `Extra ${n}`,
    description: 'x',
    price: 100,
    hue: 1,
    active: true,
  }))
  await own.services.knex('products').insert(extra)
  const browser = own.browser()
  await add(browser, 1)
  const answers = await Promise.all(Array.from({ length: 100 }, (_, n) => add(browser, n + 1)))
  t.true(answers.every(({ status }) => status === 200))
  const { lines } = await cartOf(browser)
  t.is(lines.length, 100)
  t.is(lines.find((line) => line.productId === 1)?.quantity, 2)
  t.is((await add(browser, 101)).status, 422, 'the 101st product')
})

test('two tabs change cart and preferences at the same time: both survive', async (t) => {
  const browser = app.browser()
  await add(browser, 1)
  for (let round = 0; round < 10; round++) {
    const [one, two] = await Promise.all([
      add(browser, 2),
      browser.json('POST', '/preferences', { key: 'items_per_page', value: 10 + round }),
    ])
    t.deepEqual([one.status, two.status], [200, 200])
    t.is((await browser.json('GET', '/preferences')).json<{ items_per_page: number }>().items_per_page, 10 + round)
    t.is((await quantities(browser))[2], round + 1)
  }
})

test('check-out needs a person; the cart goes along through the sign-in', async (t) => {
  const browser = app.browser()
  await add(browser, 1, 2)
  const anonymous = await browser.post('/cart/checkout')
  t.deepEqual([anonymous.status, anonymous.headers.get('location')], [303, '/login?next=%2Fcart'])
  t.is((await browser.json('POST', '/cart/checkout')).status, 401)
  const signedIn = await browser.post('/login', { username: 'grace', password: 'grace-demo-password', next: '/cart' })
  t.is(signedIn.headers.get('location'), '/cart')
  t.is((await quantities(browser))[1], 2)
  const order = (await browser.json('POST', '/cart/checkout')).json<{
    id: number
    total: number
    lines: CartJson['lines']
  }>()
  t.is(order.lines[0]?.quantity, 2)
  t.deepEqual(await cartOf(browser), { lines: [], total: 0 })
  t.is((await browser.get(`/orders/${order.id}`)).status, 200)
  const other = app.browser()
  await other.signIn('ada')
  for (const id of [order.id, 999_999, 'x', '1e1', '../1']) t.is((await other.get(`/orders/${id}`)).status, 404)
})

test.serial('20 check-outs of one cart at once are one order', async (t) => {
  const browser = app.browser()
  await browser.signIn('grace')
  await add(browser, 2, 5)
  const before = await orderCount()
  const answers = await Promise.all(Array.from({ length: 20 }, () => browser.json('POST', '/cart/checkout')))
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
  await browser.signIn('grace')
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

test.serial('a product that is sold no more is shown as gone, and not charged', async (t) => {
  const browser = app.browser()
  await add(browser, 10)
  await add(browser, 11)
  await app.services.knex('products').where({ id: 11 }).update({ active: false })
  t.deepEqual(await quantities(browser), { 10: 1 })
  t.regex((await browser.get('/cart')).text, /no longer sold/)
  t.is((await add(browser, 11)).status, 422)
  await app.services.knex('products').where({ id: 11 }).update({ active: true })
})

test('what was in the cart at sign-out is there at the next sign-in; the larger quantity counts (A-20)', async (t) => {
  const own = await startApp()
  t.teardown(() => own.close())
  const first = own.browser()
  await first.signIn('ada')
  await add(first, 1, 3)
  await add(first, 2, 1)
  await first.post('/logout')
  t.deepEqual(await quantities(first), {})
  const second = own.browser()
  await add(second, 2, 4)
  await add(second, 3, 1)
  await second.signIn('ada')
  t.deepEqual(await quantities(second), { 1: 3, 2: 4, 3: 1 })
  await second.signIn('ada')
  t.deepEqual(await quantities(second), { 1: 3, 2: 4, 3: 1 }, 'signing in again doubles nothing')
})

test('1,000 additions later the sum is exact', async (t) => {
  const own = await startApp()
  t.teardown(() => own.close())
  const browser = own.browser()
  for (let id = 1; id <= 10; id++) await add(browser, id, 99)
  const prices = await own.services.knex('products').where('id', '<=', 10).select('price')
  t.is(
    (await cartOf(browser)).total,
    prices.reduce((sum: number, { price }) => sum + price * 99, 0),
  )
})

test('pages of the shop: length by preference, any page number leads somewhere', async (t) => {
  const browser = app.browser()
  const page = async (query: string) =>
    (await browser.json('GET', `/shop${query}`)).json<{ items: unknown[]; page: number; pages: number }>()
  t.like(await page(''), { page: 1, pages: 4 })
  t.is((await page('?page=4')).items.length, 12)
  for (const [query, expected] of [
    ['?page=99', 4],
    ['?page=0', 1],
    ['?page=-1', 1],
    ['?page=x', 1],
    ['?page=1&page=2', 1],
    ['?page=1e9', 1],
  ] as const) {
    t.is((await page(query)).page, expected, query)
  }
  await browser.json('POST', '/preferences', { key: 'items_per_page', value: 7 })
  t.is((await page('')).items.length, 7)
})
