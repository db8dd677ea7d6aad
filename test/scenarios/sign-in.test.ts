import type { ExecutionContext } from 'ava'
import { isSignedIn } from '../features/account/steps.ts'
import { add, quantities } from '../features/cart/steps.ts'
import { LOCAL } from '../storage/set-ups.ts'
import type { TestBrowser } from '../support/app.ts'
import { useClock } from './clock.ts'
import { type Deployment, PASSWORD } from './deployment.ts'
import { arrive, scenariosOn } from './support.ts'

// A cart is small: where a session of this size is in a record, see the scenarios of keys.
const scenario = scenariosOn(LOCAL.filter(({ large }) => large !== true))

/** A visitor with two of a product in the cart, and an account to sign in to. */
async function shopper(t: ExecutionContext, deployment: Deployment) {
  const [here, there] = [await deployment.shop(t), await deployment.shop(t, 1)]
  const { username } = await deployment.account()
  const browser = here.browser()
  t.is((await browser.json('POST', '/cart/items', { productId: 1, quantity: 2 })).status, 200)
  const form = { username, password: PASSWORD }
  return {
    browser,
    form,
    sites: [here, there],
    /** The same browser with a copy of its jar: the test decides when responses arrive. */
    before: () => there.browser(browser.jar.cloneSync()),
    isSignedIn: () => isSignedIn(browser),
  }
}

scenario(
  'a double click on "Sign in" with a cart: signed in, the cart once, in whatever order the answers arrive',
  async (t, deployment) => {
    for (const last of [0, 1]) {
      const { browser, form, before, isSignedIn } = await shopper(t, deployment)
      const answers = await Promise.all([before(), before()].map((one) => one.json('POST', '/login', form)))
      const [first, second] = last === 1 ? answers : answers.toReversed()
      for (const answer of [first, second]) {
        t.is(answer?.status, 200)
        if (answer !== undefined) await arrive(browser, answer)
        t.true(await isSignedIn())
        t.deepEqual(await quantities(browser), { 1: 2 })
      }
    }
  },
)

scenario(
  'two first requests at once: two sessions, and the browser keeps the one whose response arrives last',
  async (t, deployment) => {
    const [here, there] = [await deployment.shop(t), await deployment.shop(t, 1)]
    const browser = here.browser()
    const answers = await Promise.all([add(here.browser(), 1), add(there.browser(), 2)])
    for (const [at, answer] of answers.entries()) {
      t.is(answer.status, 200)
      await arrive(browser, answer)
      t.deepEqual(await quantities(browser), { [at + 1]: 1 })
    }
  },
)

scenario(
  'a slow network: items added with the old cookie after a sign-in are in the cart, and no one is signed out',
  async (t, deployment) => {
    const { browser, form, before, isSignedIn } = await shopper(t, deployment)
    const old = before()
    t.is((await browser.json('POST', '/login', form)).status, 200)
    // Several at once, so that they also meet each other in the account.
    const products = [2, 3, 4, 5, 6, 7]
    const answers = await Promise.all(products.map((productId) => old.json('POST', '/cart/items', { productId })))
    for (const late of answers) {
      t.deepEqual([late.status, late.headers.getSetCookie()], [200, []], late.text)
      await arrive(browser, late)
    }
    t.true(await isSignedIn())
    t.deepEqual(await quantities(browser), { 1: 2, ...Object.fromEntries(products.map((id) => [id, 1])) })
  },
  {
    async lateAnonymous(t, deployment) {
      const { browser, form, before, isSignedIn } = await shopper(t, deployment)
      const old = before()
      await browser.json('POST', '/login', form)
      const late = await old.json('POST', '/cart/items', { productId: 2 })
      t.is(late.status, 200)
      await arrive(browser, late)
      t.false(await isSignedIn())
      t.deepEqual(await quantities(browser), { 1: 2, 2: 1 })
    },
    async noForwards(t, deployment) {
      const { browser, form, before, isSignedIn } = await shopper(t, deployment)
      const old = before()
      await browser.json('POST', '/login', form)
      const late = await old.json('POST', '/cart/items', { productId: 2 })
      t.is(late.status, 200, 'a new session')
      t.true(await isSignedIn(), 'until that answer arrives')
      t.deepEqual(await quantities(browser), { 1: 2 })
    },
  },
)

scenario('a sign-in whose response is lost, tried again: signed in, with the cart', async (t, deployment) => {
  const { browser, form, before, isSignedIn } = await shopper(t, deployment)
  t.is((await before().json('POST', '/login', form)).status, 200)
  t.is((await browser.json('POST', '/login', form)).status, 200)
  t.true(await isSignedIn())
  t.deepEqual(await quantities(browser), { 1: 2 })
})

/** The forward that the first sign-in has left is over a minute later, and the sign-in comes once more. */
async function triedAgainLater(
  t: ExecutionContext,
  deployment: Deployment,
  meanwhile: (phone: TestBrowser) => Promise<unknown>,
) {
  const { browser, form, before, isSignedIn, sites } = await shopper(t, deployment)
  const clock = { ahead: 0 }
  for (const site of sites) useClock(site, clock)
  const phone = before()
  await phone.jar.removeAllCookies()
  await phone.json('POST', '/login', form)
  await add(phone, 3)
  t.is((await before().json('POST', '/login', form)).status, 200)
  await meanwhile(phone)
  const { lateRequestSeconds = 0 } = sites[0]?.services.config ?? {}
  clock.ahead += (lateRequestSeconds + 1) * 1000
  t.is((await browser.json('POST', '/login', form)).status, 200)
  t.true(await isSignedIn())
  const found = await quantities(browser)
  t.deepEqual(await quantities(phone), found, 'the account is one')
  await browser.json('POST', '/logout')
  t.is((await browser.json('POST', '/login', form)).status, 200)
  t.deepEqual(await quantities(browser), found)
  return found
}

scenario(
  'a sign-in whose response is lost, tried again a minute later: all data of the account, once',
  async (t, deployment) => {
    t.deepEqual(await triedAgainLater(t, deployment, async () => {}), { 1: 2, 3: 1 })
  },
)

scenario(
  'a sign-in whose answer is lost, tried again a minute later: what was bought since is not back',
  async (t, deployment) => {
    const found = await triedAgainLater(t, deployment, async (phone) => {
      t.is((await phone.json('POST', '/cart/checkout')).status, 200)
      await add(phone, 2)
    })
    t.deepEqual(found, { 2: 1 })
  },
)

scenario(
  'a leftover cookie of our name from another path: the sign-in holds, at once or from the next page on',
  async (t, deployment) => {
    const { browser, form, isSignedIn } = await shopper(t, deployment)
    const stranger = (await deployment.shop(t)).browser()
    await stranger.json('POST', '/cart/items', { productId: 3 })
    const [name, live = ''] = (await stranger.cookie()).split('=')
    const own = (await browser.cookie()).slice(`${name}=`.length)
    for (const leftover of ['x'.repeat(32), 'made up', live, own]) {
      await browser.jar.setCookie(`${name}=${leftover}; Path=/account`, browser.origin)
      t.is((await browser.json('POST', '/login', form)).status, 200)
      // Of two valid cookies neither is used, once.
      if (leftover === live || leftover === own) await isSignedIn()
      t.true(await isSignedIn())
      const sent = await browser.jar.getCookies(`${browser.origin}/account`)
      t.is(sent.filter(({ key }) => key === name).length, 1, 'the leftover is gone')
    }
  },
)
