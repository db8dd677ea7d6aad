import type { ExecutionContext } from 'ava'
import { z } from 'zod'
import { defineSlice, signIn, signOut } from '../../src/session/index.ts'
import { type Clock, useClock } from './clock.ts'
import type { Deployment, Page, Pages } from './deployment.ts'
import { arrive, gate, type RegisterScenario } from './support.ts'

const ANONYMOUS = [null, null]

const words = defineSlice({
  name: 'scenario-words',
  schema: z.array(z.string()),
  default: (): string[] => [],
  logout: 'keep',
})

/** A visitor who has begun to sign out when something else happens: in another jar, whose answer comes last. */
async function leaving(t: ExecutionContext, deployment: Deployment) {
  const { pass, arrived, open } = gate()
  const { browser, elsewhere } = await visitor(t, deployment, {
    '/word': (session, ctx) => session.update(words, (now) => [...now, String(ctx.query['word'])]),
    '/words': (session) => session.get(words),
    '/leave': async (session) => {
      session.get(words)
      await pass()
      await signOut(session)
    },
  })
  await browser.get('/word?word=first')
  return {
    browser,
    async during(work: () => Promise<unknown>) {
      const left = elsewhere.get('/leave', { cookie: await browser.cookie() })
      await Promise.race([arrived, left])
      await work()
      open()
      const answer = await left
      t.is(answer.status, 200)
      await arrive(browser, answer)
    },
  }
}

/**
 * A visitor of a site in two processes, one of whose pages waits when its change is done.
 *
 * @param clocks those of both processes; the real one by default
 */
export async function visitor(
  t: ExecutionContext,
  deployment: Deployment,
  more: Pages = {},
  clocks?: readonly [here: Clock, there: Clock],
) {
  const { pass, arrived, open } = gate()
  const pages: Pages = {
    '/begin': (session) => {
      deployment.fill(session)
      session.set('word', 'begun')
    },
    '/sign-in': (session) => signIn(session, '7'),
    '/slow': async (session) => {
      session.set('word', 'slow')
      await pass()
    },
    '/change': (session) => session.set('word', 'changed'),
    '/end': (session) => session.flush(),
    '/read': (session) => [session.get('word') ?? null, session.userId],
    ...more,
  }
  const here = await deployment.site(t, pages)
  const there = await deployment.site(t, pages, 1)
  if (clocks !== undefined) {
    useClock(here, clocks[0])
    useClock(there, clocks[1])
  }
  const browser = here.browser()
  t.is((await browser.get('/begin')).status, 200)
  return {
    here,
    browser,
    /** The same visitor in the other process, with a separate jar: the test decides when a response reaches the browser. */
    elsewhere: there.browser(browser.jar.cloneSync()),
    /** Whether a copy of a cookie leads to anything in either process. */
    async opens(cookie: string): Promise<boolean> {
      const answers = await Promise.all([here, there].map((site) => site.browser().get('/read', { cookie })))
      return answers.some(({ text }) => text !== JSON.stringify(ANONYMOUS))
    },
    arrived,
    open,
  }
}

/** Ends of sessions, and what overlaps them. */
export function endings(scenario: RegisterScenario): void {
  scenario('a change that overlaps a logout is a 409, and nothing of it is ever read', async (t, deployment) => {
    const { browser, elsewhere, opens, arrived, open } = await visitor(t, deployment)
    await browser.get('/sign-in')
    const cookie = await browser.cookie()
    const slow = browser.get('/slow', { cookie })
    await Promise.race([arrived, slow])
    t.is((await elsewhere.get('/end', { cookie })).status, 200)
    open()
    const late = await slow
    t.deepEqual([late.status, late.headers.getSetCookie()], [409, []])
    t.deepEqual((await browser.get('/read')).json(), ANONYMOUS)
    t.false(await opens(cookie))
  })

  scenario(
    'a logout sent twice at once is answered twice, and no cookie of the sign-in opens it',
    async (t, deployment) => {
      const { browser, elsewhere, opens } = await visitor(t, deployment)
      await browser.get('/sign-in')
      const first = await browser.cookie()
      await browser.get('/change')
      const last = await browser.cookie()
      const ends = await Promise.all([browser, elsewhere].map((one) => one.get('/end', { cookie: last })))
      t.deepEqual(
        ends.map(({ status }) => status),
        [200, 200],
      )
      t.is(await browser.cookie(), '')
      for (const copy of [first, last]) t.false(await opens(copy))
    },
  )

  scenario(
    'an anonymous session ends with every copy of its cookie, including those from before a sign-in',
    async (t, deployment) => {
      const { browser, opens } = await visitor(t, deployment)
      const before = await browser.cookie()
      await browser.get('/end')
      t.false(await opens(before))
      const again = await visitor(t, deployment)
      const anonymous = await again.browser.cookie()
      await again.browser.get('/sign-in')
      await again.browser.get('/end')
      t.false(await again.opens(anonymous))
    },
    {
      async anonymousCopies(t, deployment) {
        const { browser, opens } = await visitor(t, deployment)
        const anonymous = await browser.cookie()
        await browser.get('/end')
        t.true(await opens(anonymous))
        t.is(await browser.cookie(), '')
      },
    },
  )

  scenario(
    'a sign-out that started before a sign-in does not end it or clear its cookie',
    async (t, deployment) => {
      const { browser, during } = await leaving(t, deployment)
      await during(() => browser.get('/sign-in'))
      t.deepEqual((await browser.get('/read')).json(), ['begun', '7'])
      t.deepEqual((await browser.get('/words')).json(), ['first'])
    },
    {
      async lateAnonymous(t, deployment) {
        const { browser, during } = await leaving(t, deployment)
        await during(() => browser.get('/sign-in'))
        t.deepEqual((await browser.get('/read')).json(), ANONYMOUS)
      },
    },
  )

  scenario(
    'what another tab adds during a sign-out to a kept slice is kept',
    async (t, deployment) => {
      const { browser, during } = await leaving(t, deployment)
      await browser.get('/sign-in')
      await during(() => browser.get('/word?word=second'))
      t.deepEqual((await browser.get('/words')).json(), ['first', 'second'])
      t.deepEqual((await browser.get('/read')).json(), ANONYMOUS)
    },
    {
      async lastAnswerWins(t, deployment) {
        const { browser, during } = await leaving(t, deployment)
        await browser.get('/sign-in')
        await during(() => browser.get('/word?word=second'))
        t.deepEqual((await browser.get('/words')).json(), ['first'])
        t.deepEqual((await browser.get('/read')).json(), ANONYMOUS)
      },
    },
  )

  scenario('a change after the logout, in the same request, starts a new session', async (t, deployment) => {
    const end: Page = async (session) => {
      await session.flush()
      session.set('word', 'new')
    }
    const { browser, opens } = await visitor(t, deployment, { '/end': end })
    await browser.get('/sign-in')
    const cookie = await browser.cookie()
    t.is((await browser.get('/end')).status, 200)
    t.deepEqual((await browser.get('/read')).json(), ['new', null])
    t.false(await opens(cookie))
  })

  scenario(
    'the late response of a logout after a new sign-in: no ended session comes back, and signing in again works',
    async (t, deployment) => {
      const { browser, elsewhere, opens } = await visitor(t, deployment)
      await browser.get('/sign-in')
      const cookie = await browser.cookie()
      // Another jar takes its answer, which reaches the browser last.
      const late = await elsewhere.get('/end', { cookie })
      await browser.get('/sign-in')
      t.deepEqual((await browser.get('/read')).json(), [null, '7'])
      await arrive(browser, late)
      t.deepEqual((await browser.get('/read')).json(), ANONYMOUS)
      t.false(await opens(cookie))
      t.is((await browser.get('/sign-in')).status, 200)
      t.deepEqual((await browser.get('/read')).json(), [null, '7'])
    },
  )
}
