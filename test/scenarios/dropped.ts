import { z } from 'zod'
import { defineSlice, signIn } from '../../src/session/index.ts'
import type { Page, Pages } from './deployment.ts'
import { gate, overlapping, type RegisterScenario, type Scenario } from './support.ts'

const draft = defineSlice<{ text: string }>({
  name: 'scenario-draft',
  schema: z.object({ text: z.string() }),
  default: () => ({ text: '' }),
  login: 'drop',
})

const kept = defineSlice<{ text: string }>({
  name: 'scenario-kept',
  schema: z.object({ text: z.string() }),
  default: () => ({ text: '' }),
})

const write: Page = (session) => {
  session.set(draft, { text: 'saved' })
  session.set(kept, { text: 'saved' })
}
const read: Page = (session) => [session.userId, session.get(draft).text, session.get(kept).text]
const signingIn: Page = (session) => signIn(session, '7')

const begin: Page = (session) => session.set(kept, { text: 'begun' })
const beginWithDraft: Page = (session) => {
  session.set(draft, { text: 'begun' })
  session.set(kept, { text: 'begun' })
}

/** What a sign-in drops, and another request saves meanwhile. */
export function droppedSlices(scenario: RegisterScenario): void {
  for (const [before, first] of [
    ['nothing was there before', begin],
    ['some was there before', beginWithDraft],
  ] as const) {
    const during = (found: string): Scenario => {
      return async (t, deployment) => {
        const overlap = await overlapping(t, deployment, { begin: first, first: signingIn, second: write, read })
        t.deepEqual([overlap.first.status, overlap.second.status], [200, 200])
        t.deepEqual(overlap.read, ['7', '', found])
      }
    }
    scenario(
      `saved during a sign-in that drops it: it is gone, and what a sign-in keeps is there; ${before}`,
      during('saved'),
      { lastAnswerWins: during('begun') },
    )
  }

  scenario(
    'a slice that a sign-in drops, saved afterwards by an earlier request: a 409, and nothing of it is stored',
    async (t, deployment) => {
      const overlap = await overlapping(t, deployment, { begin: beginWithDraft, first: write, second: signingIn, read })
      t.deepEqual([overlap.first.status, overlap.second.status], [409, 200])
      t.deepEqual(overlap.first.headers.getSetCookie(), [])
      t.deepEqual(overlap.read, ['7', '', 'begun'])
    },
    {
      async lateAnonymous(t, deployment) {
        const overlap = await overlapping(t, deployment, {
          begin: beginWithDraft,
          first: write,
          second: signingIn,
          read,
        })
        t.deepEqual([overlap.first.status, overlap.second.status], [200, 200])
        t.deepEqual(overlap.read, [null, 'saved', 'saved'], 'the anonymous cookie is back')
      },
    },
  )

  scenario('a save between two sign-ins of a double click is not dropped by the second', async (t, deployment) => {
    const { pass, arrived, open } = gate()
    const pages: Pages = {
      '/begin': (session, ...rest) => {
        deployment.fill(session)
        return beginWithDraft(session, ...rest)
      },
      '/sign-in': signingIn,
      '/slow': async (...page) => {
        await signingIn(...page)
        await pass()
      },
      '/write': write,
      '/read': read,
    }
    const browser = (await deployment.site(t, pages)).browser()
    await browser.get('/begin')
    const again = (await deployment.site(t, pages, 1)).browser(browser.jar.cloneSync())
    const second = again.get('/slow')
    await Promise.race([arrived, second])
    await browser.get('/sign-in')
    t.is((await browser.get('/write')).status, 200)
    open()
    t.is((await second).status, 200)
    t.deepEqual((await browser.get('/read')).json(), ['7', 'saved', 'saved'])
  })
}
