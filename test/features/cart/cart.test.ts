import test from 'ava'
import { startApp, type TestApp } from '../../support/app.ts'
import { add, cartOf, quantities } from './steps.ts'

let app: TestApp
test.before(async () => {
  app = await startApp()
})
test.after.always(() => app?.close())

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

test('totals are integers from the database, whatever the client sends', async (t) => {
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

test('a quantity is a whole number from 1 to 99, and nothing else', async (t) => {
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

test('unknown products are refused; limits are enforced, and nothing is lost at the limit', async (t) => {
  const browser = app.browser()
  for (const id of [0, -1, 999_999, '1; DROP TABLE products', [1], null, undefined, 'x']) {
    t.is((await add(browser, id)).status, 422, JSON.stringify(id))
  }
  for (const path of ['/cart/items/999999', '/cart/items/x', '/cart/items/0']) {
    t.is((await browser.json('POST', path, { quantity: 1 })).status, 404, path)
  }
  await add(browser, 1, 60)
  const full = await add(browser, 1, 60)
  t.deepEqual([full.status, full.json()], [422, { errors: { quantity: 'You can order at most 99 of one product.' } }])
  t.deepEqual(await quantities(browser), { 1: 60 })
})

test('a quantity that is refused is shown at its line, with the reason', async (t) => {
  const browser = app.browser()
  await add(browser, 1)
  await add(browser, 2, 7)
  const answer = await browser.post('/cart/items/1', { quantity: '100' })
  t.is(answer.status, 422)
  t.regex(
    answer.text,
    /id="quantity-1" name="quantity" value="100"[^>]* aria-invalid="true" aria-describedby="quantity-1-error"/,
  )
  t.regex(answer.text, /id="quantity-1-error">Enter a whole number from 1 to 99\./)
  t.regex(answer.text, /autofocus>[\s\S]*<a href="#quantity-1">Enter a whole number/)
  t.regex(answer.text, /id="quantity-2" name="quantity" value="7"(?![^>]*aria-invalid)/)
  const gone = await browser.post('/cart/items/3', { quantity: '0' })
  t.regex(gone.text, /role="alert" tabindex="-1" autofocus>Enter a whole number from 1 to 99\./, 'no such line')
})

test('adding from the shop stays there, and says what is in the cart or why not', async (t) => {
  const browser = app.browser()
  const form = { productId: '30', page: '2' }
  const added = await browser.post('/cart/items', form)
  t.deepEqual([added.status, added.headers.get('location')], [303, '/shop?page=2#product-30'])
  const { name } = await app.services.knex('products').where({ id: 30 }).first()
  const shop = (await browser.get('/shop?page=2')).text
  t.true(shop.includes(`${name} is in your cart.`))
  const product = (text: string) => text.split('id="product-30"')[1]?.split('</li>')[0] ?? ''
  t.regex(product(shop), /In your cart: 1/)
  await add(browser, 30, 98)
  const full = await browser.post('/cart/items', form)
  t.is(full.status, 422)
  t.regex(full.text, /autofocus>[\s\S]*<a href="#product-30">You can order at most 99 of one product\./)
  t.regex(product(full.text), /class="error">You can order at most 99[\s\S]*In your cart: 99/)
  for (const page of ['-1', 'x', '1&x=', '//evil.example']) {
    const elsewhere = await app.browser().post('/cart/items', { productId: '1', page })
    t.is(elsewhere.headers.get('location'), '/cart', page)
  }
})

test('who adds to the cart with a session that has ended is told so', async (t) => {
  const browser = app.browser()
  const cookie = `sessionid=${'k'.repeat(32)}`
  await browser.post('/cart/items', { productId: '1' }, { cookie })
  t.regex((await browser.get('/cart')).text, /flash-error" role="alert">Your earlier session has ended/)
  const newcomer = app.browser()
  await newcomer.post('/cart/items', { productId: '1' })
  t.notRegex((await newcomer.get('/cart')).text, /Your earlier session/)
})

test('100 products added at once to one session are 100 lines', async (t) => {
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

test.serial('a product that is no longer sold is shown as unavailable, and not charged', async (t) => {
  const browser = app.browser()
  await add(browser, 10)
  await add(browser, 11)
  await app.services.knex('products').where({ id: 11 }).update({ active: false })
  t.deepEqual(await quantities(browser), { 10: 1 })
  t.regex((await browser.get('/cart')).text, /no longer available/)
  t.is((await add(browser, 11)).status, 422)
  await app.services.knex('products').where({ id: 11 }).update({ active: true })
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

test('concurrent additions that fill the cart: those that fit are saved, the others are refused', async (t) => {
  const own = await startApp()
  t.teardown(() => own.close())
  const extra = Array.from({ length: 60 }, (_, n) => ({
    name: `Extra ${n}`,
    description: 'x',
    price: 100,
    hue: 1,
    active: true,
  }))
  await own.services.knex('products').insert(extra)
  const browser = own.browser()
  await add(browser, 1)
  const answers = await Promise.all(Array.from({ length: 130 }, (_, n) => add(browser, n + 1)))
  t.is((await cartOf(browser)).lines.length, 100)
  t.is(answers.filter(({ status }) => status === 200).length, 100)
  t.is(answers.filter(({ status }) => status === 422).length, 30)
})
