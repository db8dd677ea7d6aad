import test from 'ava'
import { testOn } from '../../storage/present.ts'
import { type Answer, startApp, type TestApp } from '../../support/app.ts'
import { atStep } from '../../support/barrier.ts'
import { signIn } from '../account/steps.ts'
import { add, checkOut, quantities } from './steps.ts'

const ENGINES: Record<string, Record<string, string>> = {
  db: { SESSION_ENGINE: 'db' },
  cache: { SESSION_ENGINE: 'cache' },
  signed_cookies: { SESSION_ENGINE: 'signed_cookies' },
}

const orderCount = async ({ services: { knex } }: TestApp) => (await knex('orders').select('id')).length

async function withCart(app: TestApp) {
  const browser = app.browser()
  await signIn(browser, 'ada')
  await browser.post('/cart/clear')
  await add(browser, 1, 2)
  await add(browser, 2, 1)
  return browser
}

for (const [name, settings] of Object.entries(ENGINES)) {
  testOn(settings)(
    `${name}: a checkout that overlaps a logout orders the cart or keeps it, at each step`,
    async (t) => {
      const app = await startApp(settings)
      t.teardown(() => app.close())
      const outcomes = new Set<string>()
      for (let step = 1, last = false; !last; step++) {
        const browser = await withCart(app)
        const cookie = await browser.cookie()
        let answer: Answer | undefined
        const steps = await atStep(app, {
          step,
          work: async () => {
            answer = await browser.post('/cart/checkout', {}, { cookie })
          },
          meanwhile: async () => t.is((await app.browser().post('/logout', {}, { cookie })).status, 303),
        })
        last = steps < step
        const placed = await orderCount(app)
        const again = app.browser()
        await signIn(again, 'ada')
        const left = await quantities(again)
        t.deepEqual(left, placed === 1 ? {} : { 1: 2, 2: 1 }, `step ${step}: ${answer?.status}`)
        if (answer?.status === 409) t.regex(answer.text, /Anything else that the request was to do may have been done/)
        outcomes.add(`${answer?.status} ${answer?.headers.get('location')?.split('/')[1] ?? ''} ${placed}`)
        t.is((await checkOut(again)).status, placed === 1 ? 422 : 200)
        t.is(await orderCount(app), 1, 'trying again orders nothing twice')
        await app.services.knex('orders').delete()
      }
      // Logged out before, during and after it.
      t.true(outcomes.has('303 login?next=%2Fcart 0'))
      t.true(outcomes.has('303 orders 1'))
      if (name !== 'signed_cookies') t.true(outcomes.has('409  1'), [...outcomes].join())
    },
  )
}

test('what another tab adds during a checkout stays in the cart, also of an ordered product', async (t) => {
  const app = await startApp()
  t.teardown(() => app.close())
  for (let step = 1, last = false; !last; step++) {
    const browser = await withCart(app)
    const steps = await atStep(app, {
      step,
      work: () => browser.json('POST', '/cart/checkout', {}),
      meanwhile: async () => t.is((await add(browser, 1, 1)).status, 200),
    })
    last = steps < step
    const bought = await app.services.knex('order_lines').sum({ sum: 'quantity' }).first()
    const left = Object.values(await quantities(browser)).reduce((sum, count) => sum + count, 0)
    t.is(Number(bought?.['sum']) + left, last ? 3 : 4, `step ${step}`)
    await app.services.knex('orders').delete()
  }
})

test('an account that is disabled or deleted during a slow checkout orders nothing', async (t) => {
  for (const gone of ['disabled', 'deleted']) {
    const app = await startApp()
    t.teardown(() => app.close())
    const { knex } = app.services
    const browser = await withCart(app)
    // The user was read with the session, the prices are known, and the transaction is about to begin.
    await atStep(app, {
      step: 4,
      work: async () => t.is((await checkOut(browser)).status, 409),
      meanwhile: async () => {
        if (gone === 'disabled') await knex('users').where({ username: 'ada' }).update({ disabled_at: Date.now() })
        else await knex('users').where({ username: 'ada' }).delete()
      },
    })
    t.is(await orderCount(app), 0)
    t.is((await browser.json('GET', '/account')).status, 401)
    t.is((await knex('users').where({ username: 'ada' }).whereNull('disabled_at')).length, 0)
  }
})

testOn({ SESSION_ENGINE: 'signed_cookies' })(
  'a cart that two users took over from one copied cookie can be ordered by both',
  async (t) => {
    const app = await startApp({ SESSION_ENGINE: 'signed_cookies' })
    t.teardown(() => app.close())
    const visitor = app.browser()
    await add(visitor, 1, 2)
    const cookie = await visitor.cookie()
    for (const [index, name] of ['ada', 'grace'].entries()) {
      const browser = app.browser()
      const headers = { cookie, accept: 'application/json' }
      const answer = await browser.post('/login', { username: name, password: `${name}-demo-password` }, headers)
      t.is(answer.status, 200)
      t.is((await checkOut(browser)).status, 200)
      t.is(await orderCount(app), index + 1)
    }
  },
)
