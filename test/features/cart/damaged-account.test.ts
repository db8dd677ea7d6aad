import test from 'ava'
import type { SessionEvent } from '../../../src/session/core/events.ts'
import { startApp, type TestApp } from '../../support/app.ts'
import { signIn } from '../account/steps.ts'
import { add, quantities } from './steps.ts'

const DAMAGED = '{"cart":{"v":1,"t":1,"d":{"token":"a","quant'

let app: TestApp
const events: SessionEvent[] = []
test.before(async () => {
  app = await startApp()
  app.services.addObserver((event) => void events.push(event))
})
test.after.always(() => app?.close())

const ada = () => app.services.knex('users').where({ username_key: 'ada' })

test.serial(
  'damaged account data do not prevent a sign-in, read as empty, and are not changed until they are repaired',
  async (t) => {
    const mended = { cart: { v: 1, t: 1, d: { token: 'a', quantities: { 3: 1 } } } }
    await ada().update({ account_data: DAMAGED })
    const browser = app.browser()
    await add(browser, 1, 2)
    t.is((await signIn(browser, 'ada')).status, 303)
    t.is((await browser.json('GET', '/account')).status, 200)
    t.deepEqual(await quantities(browser), {})

    for (const form of [await add(browser, 2), await browser.json('POST', '/cart/clear')]) {
      t.deepEqual([form.status, /cannot be read/.test(form.text)], [409, true])
    }
    const page = await browser.post('/cart/items', { productId: '2' })
    t.deepEqual([page.status, /cannot be read/.test(page.text)], [409, true])
    t.is((await browser.json('POST', '/cart/checkout')).status, 422, 'there is nothing to order')
    t.like(await ada().first(), { account_data: DAMAGED, account_version: 0 })
    const { id } = await ada().first('id')
    t.deepEqual(
      events.find(({ type }) => type === 'account-unreadable'),
      { type: 'account-unreadable', userId: String(id) },
    )

    await ada().update({ account_data: JSON.stringify(mended) })
    t.deepEqual(await quantities(browser), { 1: 2, 3: 1 }, 'with what the visitor brought along')
  },
)

test.serial('signing out works with damaged account data, and a new password does not change them', async (t) => {
  await ada().update({ account_data: DAMAGED })
  const browser = app.browser()
  await signIn(browser, 'ada')
  const passwords = { current: 'ada-demo-password', password: 'another long password', repeat: 'another long password' }
  t.is((await browser.json('POST', '/account/password', passwords)).status, 200)
  t.is((await browser.json('POST', '/logout')).status, 200)
  t.is((await browser.json('GET', '/account')).status, 401)
  t.like(await ada().first(), { account_data: DAMAGED })
})
