import type { ExecutionContext } from 'ava'
import { visitor } from './endings.ts'
import type { Pages, Place } from './place.ts'
import { arrive, type Story, type Tell } from './support.ts'

const SIGNED_IN = ['begun', '7']

const rotating: Pages = { '/rotate': (session) => session.cycleKey() }

/** A change under way while the key changes, where nothing leads from the old key to the new one. */
const refusedLate: Story = async (t, place) => {
  const { browser, elsewhere, arrived, open } = await visitor(t, place, rotating)
  await browser.get('/sign-in')
  const slow = elsewhere.get('/slow', { cookie: await browser.cookie() })
  await Promise.race([arrived, slow])
  await browser.get('/rotate')
  open()
  const late = await slow
  t.deepEqual([late.status, late.headers.getSetCookie()], [409, []])
  t.deepEqual((await browser.get('/read')).json(), SIGNED_IN)
}

async function logoutAtKeyChange(t: ExecutionContext, place: Place) {
  const { browser, elsewhere, opens } = await visitor(t, place, rotating)
  await browser.get('/sign-in')
  const cookie = await browser.cookie()
  const [changed, ended] = await Promise.all([browser.get('/rotate'), elsewhere.get('/end', { cookie })])
  t.is(ended.status, 200)
  t.true([200, 409].includes(changed.status))
  return { cookies: [cookie, await browser.cookie()], opens }
}

/** Changes of key, and what overlaps them. */
export function keyChanges(tell: Tell): void {
  tell(
    'a change under way while the key changes: it is stored, and its answer leaves the new cookie alone',
    async (t, place) => {
      const { browser, elsewhere, arrived, open } = await visitor(t, place, rotating)
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

  tell(
    'a change under way while somebody signs in, of what a sign-in does not keep: a 409, and the sign-in stands',
    async (t, place) => {
      const { browser, elsewhere, arrived, open } = await visitor(t, place)
      const slow = elsewhere.get('/slow', { cookie: await browser.cookie() })
      await Promise.race([arrived, slow])
      await browser.get('/sign-in')
      open()
      const late = await slow
      t.deepEqual([late.status, late.headers.getSetCookie()], [409, []])
      t.deepEqual((await browser.get('/read')).json(), SIGNED_IN)
    },
    {
      async lateAnonymous(t, place) {
        const { browser, elsewhere, arrived, open } = await visitor(t, place)
        const slow = elsewhere.get('/slow', { cookie: await browser.cookie() })
        await Promise.race([arrived, slow])
        await browser.get('/sign-in')
        open()
        await arrive(browser, await slow)
        t.deepEqual((await browser.get('/read')).json(), ['slow', null])
      },
    },
  )

  tell(
    'a logout while the key changes is answered when no key opens the session any more',
    async (t, place) => {
      for (let race = 0; race < 5; race++) {
        const { cookies, opens } = await logoutAtKeyChange(t, place)
        for (const copy of cookies) t.false(await opens(copy), `race ${race}`)
      }
    },
    {
      async noForwards(t, place) {
        const { cookies, opens } = await logoutAtKeyChange(t, place)
        t.false(await opens(cookies[0] ?? ''), 'the key that it came with')
      },
    },
  )

  tell(
    'a logout with the old key, sent before the key changed, ends the session under its new one',
    async (t, place) => {
      const { browser, elsewhere, opens } = await visitor(t, place, rotating)
      await browser.get('/sign-in')
      const cookie = await browser.cookie()
      await browser.get('/rotate')
      t.is((await elsewhere.get('/end', { cookie })).status, 200)
      for (const copy of [cookie, await browser.cookie()]) t.false(await opens(copy))
    },
    {
      async noForwards(t, place) {
        const { browser, elsewhere } = await visitor(t, place, rotating)
        await browser.get('/sign-in')
        const cookie = await browser.cookie()
        await browser.get('/rotate')
        t.is((await elsewhere.get('/end', { cookie })).status, 200)
        t.deepEqual((await browser.get('/read')).json(), SIGNED_IN, 'the old key leads nowhere')
      },
    },
  )

  tell(
    'a sign-in sent twice at once signs in once, in whatever order the answers arrive',
    async (t, place) => {
      for (const order of [
        [0, 1],
        [1, 0],
      ]) {
        const { browser, elsewhere } = await visitor(t, place)
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
      async noForwards(t, place) {
        const { browser, elsewhere } = await visitor(t, place)
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

  tell(
    'a sign-in whose answer is lost is tried again with the old cookie, and nobody is left out',
    async (t, place) => {
      const { browser, elsewhere, opens } = await visitor(t, place)
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

  tell(
    'many changes of key at once leave the browser signed in, in whatever order the answers arrive',
    async (t, place) => {
      const { browser, elsewhere } = await visitor(t, place, rotating)
      await browser.get('/sign-in')
      const cookie = await browser.cookie()
      const answers = await Promise.all(Array.from({ length: 10 }, () => elsewhere.get('/rotate', { cookie })))
      for (const answer of answers.toReversed()) await arrive(browser, answer)
      t.true(answers.some(({ status }) => status === 200))
      t.deepEqual((await browser.get('/read')).json(), SIGNED_IN)
    },
  )
}
