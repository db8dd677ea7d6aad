import type { ExecutionContext } from 'ava'
import { isSignedIn } from '../features/account/steps.ts'
import { add, checkOut, quantities } from '../features/cart/steps.ts'
import { choose, themeOf } from '../features/preferences/steps.ts'
import { LOCAL } from '../storage/set-ups.ts'
import type { TestBrowser } from '../support/app.ts'
import { type Deployment, PASSWORD } from './deployment.ts'
import { scenariosOn } from './support.ts'

const scenario = scenariosOn(LOCAL.filter(({ large }) => large !== true))

/** A user with an account, on as many devices as needed; every second one in the other process. */
async function customer(t: ExecutionContext, deployment: Deployment) {
  const shops = [await deployment.shop(t), await deployment.shop(t, 1)] as const
  const { id, username } = await deployment.account()
  const { knex } = shops[0].services
  let devices = 0
  const signIn = async (browser: TestBrowser, password = PASSWORD) =>
    (await browser.json('POST', '/login', { username, password })).status
  return {
    signIn,
    device: () => shops[devices++ % 2 === 0 ? 0 : 1].browser(),
    async orders(): Promise<number> {
      return (await knex('orders').where({ user_id: Number(id) })).length
    },
    disable: async () =>
      void (await knex('users')
        .where({ id: Number(id) })
        .update({ disabled_at: Date.now() })),
  }
}

scenario('a cart that was cleared stays empty after sign-outs and sign-ins', async (t, deployment) => {
  const { signIn, device } = await customer(t, deployment)
  const browser = device()
  await signIn(browser)
  await add(browser, 1)
  await browser.json('POST', '/logout')
  await signIn(browser)
  t.deepEqual(await quantities(browser), { 1: 1 })
  await browser.json('POST', '/cart/clear')
  await browser.json('POST', '/logout')
  await signIn(browser)
  t.deepEqual(await quantities(browser), {})
})

scenario('items bought on one device are in no other device’s cart', async (t, deployment) => {
  const { signIn, device, orders } = await customer(t, deployment)
  const [phone, laptop, tablet] = [device(), device(), device()]
  await signIn(phone)
  await add(phone, 1, 3)
  await signIn(laptop)
  t.deepEqual(await quantities(laptop), { 1: 3 })
  t.is((await checkOut(phone)).status, 200)
  await signIn(tablet)
  for (const one of [phone, laptop, tablet]) t.deepEqual(await quantities(one), {})
  t.is((await checkOut(laptop)).status, 422)
  t.is(await orders(), 1)
})

scenario(
  'cart and theme are kept after the session: on the next device, and at once on signed-in ones',
  async (t, deployment) => {
    const { signIn, device } = await customer(t, deployment)
    const [lost, other, next] = [device(), device(), device()]
    await signIn(lost)
    await signIn(other)
    await add(lost, 1, 2)
    await choose(lost, 'theme', 'dark')
    t.deepEqual([await quantities(other), await themeOf(other)], [{ 1: 2 }, 'dark'])
    await lost.jar.removeAllCookies()
    t.deepEqual([await quantities(lost), await themeOf(lost)], [{}, 'light'])
    await signIn(next)
    t.deepEqual([await quantities(next), await themeOf(next)], [{ 1: 2 }, 'dark'])
  },
)

scenario('two devices add at once: both are in the cart', async (t, deployment) => {
  const { signIn, device } = await customer(t, deployment)
  const [phone, laptop] = [device(), device()]
  await signIn(phone)
  await signIn(laptop)
  const answers = await Promise.all(
    Array.from({ length: 10 }, (_, number) => add(number % 2 === 0 ? phone : laptop, number + 1)),
  )
  t.true(answers.every(({ status }) => status === 200))
  const all = Object.fromEntries(answers.map((_, number) => [number + 1, 1]))
  for (const one of [phone, laptop]) t.deepEqual(await quantities(one), all)
})

scenario(
  'a check-out that overlaps a logout: the order exists and its lines are gone, or neither',
  async (t, deployment) => {
    for (let race = 0; race < 5; race++) {
      const { signIn, device, orders } = await customer(t, deployment)
      const [browser, again] = [device(), device()]
      await signIn(browser)
      await add(browser, 1, 2)
      await Promise.all([checkOut(browser), browser.json('POST', '/logout')])
      await signIn(again)
      const ordered = await orders()
      t.true(ordered <= 1)
      t.deepEqual(await quantities(again), ordered === 1 ? {} : { 1: 2 }, `race ${race}`)
      await checkOut(again)
      t.is(await orders(), 1, 'trying again orders nothing twice')
    }
  },
)

scenario('20 check-outs of one cart at once give one order', async (t, deployment) => {
  const { signIn, device, orders } = await customer(t, deployment)
  const [phone, laptop] = [device(), device()]
  await signIn(phone)
  await add(phone, 1, 2)
  await signIn(laptop)
  await Promise.all(Array.from({ length: 20 }, (_, n) => checkOut(n % 2 === 0 ? phone : laptop)))
  t.is(await orders(), 1)
  for (const one of [phone, laptop]) t.deepEqual(await quantities(one), {})
})

const changed = { current: PASSWORD, password: 'another long password', repeat: 'another long password' }

scenario(
  'a new password while another tab polls: no tab is signed out, and the cart is kept',
  async (t, deployment) => {
    const { signIn, device } = await customer(t, deployment)
    const [browser, elsewhere] = [device(), device()]
    await signIn(browser)
    await signIn(elsewhere)
    await add(browser, 1, 2)
    let polling = true
    const poll = async () => {
      while (polling) await browser.json('GET', '/account')
    }
    const polls = [poll(), poll()]
    t.is((await browser.json('POST', '/account/password', changed)).status, 200)
    polling = false
    await Promise.all(polls)
    t.true(await isSignedIn(browser))
    t.deepEqual(await quantities(browser), { 1: 2 })
    t.false(await isSignedIn(elsewhere))
  },
)

scenario(
  'three new passwords at once: one counts, the others are refused, and who changed it is signed in',
  async (t, deployment) => {
    const { signIn, device } = await customer(t, deployment)
    const devices = [device(), device(), device()]
    for (const one of devices) await signIn(one)
    const passwords = devices.map((_, n) => `the new password ${n}`)
    const answers = await Promise.all(
      devices.map((one, n) => {
        const [password, repeat] = [passwords[n], passwords[n]]
        return one.json('POST', '/account/password', { current: PASSWORD, password, repeat })
      }),
    )
    // A session that the winner has ended already is not signed in any more.
    t.is(answers.filter(({ status }) => status === 200).length, 1)
    t.true(answers.every(({ status }) => [200, 401, 409].includes(status)))
    const winner = answers.findIndex(({ status }) => status === 200)
    for (const [n, one] of devices.entries()) t.is(await isSignedIn(one), n === winner)
    for (const [n, password] of passwords.entries()) t.is(await signIn(device(), password), n === winner ? 200 : 422)
  },
)

scenario('a disabled account has no access from that moment: no page, and no order', async (t, deployment) => {
  const { signIn, device, orders, disable } = await customer(t, deployment)
  const browser = device()
  await signIn(browser)
  await add(browser, 1)
  await disable()
  t.is((await checkOut(browser)).status, 401)
  t.false(await isSignedIn(browser))
  t.is(await orders(), 0)
})
