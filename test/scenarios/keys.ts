import type { ExecutionContext } from 'ava'
import type { Deployment, Pages } from './deployment.ts'
import { visitor } from './endings.ts'
import { arrive, type RegisterScenario, type Scenario } from './support.ts'

const SIGNED_IN = ['begun', '7']

const rotating: Pages = { '/rotate': (session) => session.cycleKey() }

/** A change under way while the key changes, where nothing leads from the old key to the new one. */
const refusedLate: Scenario = async (t, deployment) => {
  const { browser, elsewhere, arrived, open } = await visitor(t, deployment, rotating)
  await browser.get('/sign-in')
  const slow = elsewhere.get('/slow', { cookie: await browser.cookie() })
  await Promise.race([arrived, slow])
  await browser.get('/rotate')
  open()
  const late = await slow
  t.deepEqual([late.status, late.headers.getSetCookie()], [409, []])
  t.deepEqual((await browser.get('/read')).json(), SIGNED_IN)
}

async function logoutAtKeyChange(t: ExecutionContext, deployment: Deployment) {
  const { browser, elsewhere, opens } = await visitor(t, deployment, rotating)
  await browser.get('/sign-in')
  const cookie = await browser.cookie()
  const [changed, ended] = await Promise.all([browser.get('/rotate'), elsewhere.get('/end', { cookie })])
  t.is(ended.status, 200)
  t.true([200, 409].includes(changed.status))
  return { cookies: [cookie, await browser.cookie()], opens }
}

/** Changes of key, and what overlaps them. */
export function keyChanges(scenario: RegisterScenario): void {
  scenario(
    'a change under way while the key changes is stored, and its response does not replace the new cookie',
    async (t, deployment) => {
      const { browser, elsewhere, arrived, open } = await visitor(t, deployment, rotating)
      await browser.get('/sign-in')
      const cookie = await browser.cookie()
      const slow = elsewhere.get('/slow', { cookie })
      await Promise.race([arrived, slow])
      t.is((await browser.get('/rotate')).status, 200)
      t.not(await browser.cookie(), cookie)
      open()
      const late = await slow
      t.deepEqual([late.status, late.headers.getSetCookie()], [200, []])
      t.deepEqual((await browser.get('/read')).json(), ['slow', '7'])
      const old = await elsewhere.get('/read', { cookie })
      t.deepEqual([old.json(), old.headers.getSetCookie()], [SIGNED_IN, []], 'as it was when the key changed')
    },
    { lateCookie: refusedLate, noForwards: refusedLate },
  )

  scenario(
    'a change of a slice that a sign-in drops, under way during the sign-in: a 409, and the sign-in succeeds',
    async (t, deployment) => {
      const { browser, elsewhere, arrived, open } = await visitor(t, deployment)
      const slow = elsewhere.get('/slow', { cookie: await browser.cookie() })
      await Promise.race([arrived, slow])
      await browser.get('/sign-in')
      open()
      const late = await slow
      t.deepEqual([late.status, late.headers.getSetCookie()], [409, []])
      t.deepEqual((await browser.get('/read')).json(), SIGNED_IN)
    },
    {
      async lateAnonymous(t, deployment) {
        const { browser, elsewhere, arrived, open } = await visitor(t, deployment)
        const slow = elsewhere.get('/slow', { cookie: await browser.cookie() })
        await Promise.race([arrived, slow])
        await browser.get('/sign-in')
        open()
        await arrive(browser, await slow)
        t.deepEqual((await browser.get('/read')).json(), ['slow', null])
      },
    },
  )

  scenario(
    'a logout during a change of key is answered when no key opens the session',
    async (t, deployment) => {
      for (let race = 0; race < 5; race++) {
        const { cookies, opens } = await logoutAtKeyChange(t, deployment)
        for (const copy of cookies) t.false(await opens(copy), `race ${race}`)
      }
    },
    {
      async noForwards(t, deployment) {
        const { cookies, opens } = await logoutAtKeyChange(t, deployment)
        t.false(await opens(cookies[0] ?? ''), 'the key that it came with')
      },
    },
  )

  scenario(
    'a logout with the old key, sent before the key changed, ends the session under its new one',
    async (t, deployment) => {
      const { browser, elsewhere, opens } = await visitor(t, deployment, rotating)
      await browser.get('/sign-in')
      const cookie = await browser.cookie()
      await browser.get('/rotate')
      t.is((await elsewhere.get('/end', { cookie })).status, 200)
      for (const copy of [cookie, await browser.cookie()]) t.false(await opens(copy))
    },
    {
      async noForwards(t, deployment) {
        const { browser, elsewhere } = await visitor(t, deployment, rotating)
        await browser.get('/sign-in')
        const cookie = await browser.cookie()
        await browser.get('/rotate')
        t.is((await elsewhere.get('/end', { cookie })).status, 200)
        t.deepEqual((await browser.get('/read')).json(), SIGNED_IN, 'the old key leads nowhere')
      },
    },
  )

  scenario(
    'a sign-in sent twice at once signs in once, in any order of the responses',
    async (t, deployment) => {
      for (const order of [
        [0, 1],
        [1, 0],
      ]) {
        const { browser, elsewhere } = await visitor(t, deployment)
        const cookie = await browser.cookie()
        const other = elsewhere
        const answers = await Promise.all([elsewhere, other].map((one) => one.get('/sign-in', { cookie })))
        for (const at of order) {
          const answer = answers[at]
          t.is(answer?.status, 200)
          if (answer !== undefined) await arrive(browser, answer)
          t.deepEqual((await browser.get('/read')).json(), SIGNED_IN)
        }
      }
    },
    {
      async noForwards(t, deployment) {
        const { browser, elsewhere } = await visitor(t, deployment)
        const cookie = await browser.cookie()
        const answers = await Promise.all([browser, elsewhere].map((one) => one.get('/sign-in', { cookie })))
        t.deepEqual(
          answers.map(({ status }) => status),
          [200, 200],
        )
        const words = new Set<unknown>()
        for (const answer of answers) {
          await arrive(browser, answer)
          const [word, user] = (await browser.get('/read')).json<unknown[]>()
          t.is(user, '7')
          words.add(word)
        }
        t.true(words.has('begun'), 'one of them has the data')
      },
    },
  )

  scenario(
    'a sign-in whose response is lost is tried again with the old cookie and succeeds',
    async (t, deployment) => {
      const { browser, elsewhere, opens } = await visitor(t, deployment)
      const cookie = await browser.cookie()
      t.is((await elsewhere.get('/sign-in', { cookie })).status, 200)
      t.is((await browser.get('/sign-in', { cookie })).status, 200)
      const [, user] = (await browser.get('/read')).json<unknown[]>()
      t.is(user, '7')
      const last = await browser.cookie()
      t.is((await browser.get('/end')).status, 200)
      t.false(await opens(last))
    },
  )

  scenario(
    'many changes of key at once leave the browser signed in, in any order of the responses',
    async (t, deployment) => {
      const { browser, elsewhere } = await visitor(t, deployment, rotating)
      await browser.get('/sign-in')
      const cookie = await browser.cookie()
      const answers = await Promise.all(Array.from({ length: 10 }, () => elsewhere.get('/rotate', { cookie })))
      for (const answer of answers.toReversed()) await arrive(browser, answer)
      t.true(answers.some(({ status }) => status === 200))
      t.deepEqual((await browser.get('/read')).json(), SIGNED_IN)
    },
  )
}
