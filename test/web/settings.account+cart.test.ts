import test from 'ava'
import { openDatabase } from '../../src/database.ts'
import { startApp } from '../support/app.ts'
import { add, quantities } from '../support/cart.ts'
import { migratedSqlite } from '../support/databases.ts'

/** What every setting must keep working: a cart, a sign-in that takes it along, a new password, a sign-out. */
const SETTINGS: Record<string, Record<string, string>> = {
  'the defaults': {},
  'Django format': { SESSION_FORMAT: 'django' },
  'Django format with an absolute age': { SESSION_FORMAT: 'django', SESSION_ABSOLUTE_AGE: '3600' },
  MessagePack: { SESSION_SERIALIZER: 'msgpack' },
  'until the browser closes': { SESSION_EXPIRE_AT_BROWSER_CLOSE: 'true' },
  'save every request': { SESSION_SAVE_EVERY_REQUEST: 'true' },
  'idle and absolute age': { SESSION_IDLE_AGE: '600', SESSION_ABSOLUTE_AGE: '3600' },
  'another cookie name': { SESSION_COOKIE_NAME: 'sid' },
}

for (const [name, env] of Object.entries(SETTINGS)) {
  test(`the application on ${name}`, async (t) => {
    const app = await startApp(env)
    t.teardown(() => app.close())
    const [here, there] = [app.browser(), app.browser()]
    await add(here, 1, 2)
    await here.signIn('ada')
    await there.signIn('ada')
    t.deepEqual(await quantities(here), { 1: 2 })
    const password = { current: 'ada-demo-password', password: 'something quite new', repeat: 'something quite new' }
    t.is((await here.json('POST', '/account/password', password)).status, 200)
    t.is((await there.json('GET', '/account')).status, 401)
    t.is((await here.json('GET', '/account')).status, 200)
    const cookie = await here.cookie()
    t.is((await here.post('/logout')).status, 303)
    t.is((await app.browser().get('/account', { cookie, accept: 'application/json' })).status, 401)
  })
}

test('sessions in a database of their own', async (t) => {
  const url = await migratedSqlite(t)
  const app = await startApp({ SESSION_DATABASE_URL: url })
  t.teardown(() => app.close())
  await app.browser().signIn('ada')
  const knex = openDatabase(url)
  t.teardown(() => knex.destroy())
  t.is((await knex('sessions').where({ user_id: '1' })).length, 1)
  t.is((await app.services.knex('sessions').select()).length, 0)
  t.is((await app.browser().json('GET', '/readyz')).status, 200)
})

test('the address written down is the one that the nearest own proxy saw (A-38)', async (t) => {
  const addressBehind = async (proxies: string, forwarded: string) => {
    const app = await startApp({ TRUSTED_PROXIES: proxies })
    try {
      await fetch(`${app.origin}/cart/items`, {
        method: 'POST',
        body: '{"productId":1}',
        headers: { 'content-type': 'application/json', 'x-forwarded-for': forwarded },
      })
      const [row] = await app.services.knex('sessions').select('ip_address')
      return row.ip_address
    } finally {
      await app.close()
    }
  }
  t.is(await addressBehind('0', '203.0.113.9'), '127.0.0.1')
  t.is(await addressBehind('1', '203.0.113.9'), '203.0.113.9')
  t.is(await addressBehind('1', '<script>, 198.51.100.1, 203.0.113.9'), '203.0.113.9')
  t.is(await addressBehind('1', '203.0.113.9, <script>'), null)
  t.is(await addressBehind('2', '6.6.6.6, 203.0.113.9, 10.0.0.1'), '203.0.113.9')
})

test('a client that sends JSON gets JSON, whatever it accepts', async (t) => {
  const app = await startApp()
  t.teardown(() => app.close())
  const answer = await fetch(`${app.origin}/cart/items`, {
    method: 'POST',
    body: '{"productId":0}',
    headers: { 'content-type': 'application/json' },
  })
  t.is(answer.status, 422)
  t.deepEqual(Object.keys((await answer.json()) as object), ['errors'])
})

test('two devices have one cart, and what both order at once is ordered once', async (t) => {
  const app = await startApp()
  t.teardown(() => app.close())
  const [one, two] = [app.browser(), app.browser()]
  for (const browser of [one, two]) await browser.signIn('grace')
  await add(one, 1)
  await add(two, 2)
  for (const browser of [one, two]) t.deepEqual(await quantities(browser), { 1: 1, 2: 1 })
  const answers = await Promise.all([one, two].map((browser) => browser.json('POST', '/cart/checkout')))
  const orders = answers.filter(({ status }) => status === 200).map((answer) => answer.json<{ id: number }>().id)
  t.is(new Set(orders).size, 1)
  t.deepEqual(await quantities(two), {})
})
