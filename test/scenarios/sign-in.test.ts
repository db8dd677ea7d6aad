import type { ExecutionContext } from 'ava'
import { LOCAL_KINDS } from '../storage/set-ups.ts'
import type { TestBrowser } from '../support/app.ts'
import { clearNotes, isSignedIn, note, notesOf, signIn, signOut } from '../support/notes-steps.ts'
import { useClock } from './clock.ts'
import type { Deployment } from './deployment.ts'
import { arrive, scenariosOn } from './support.ts'

// Notes are small: where a session of this size is in a record, see the scenarios of keys.
const scenario = scenariosOn(LOCAL_KINDS.filter(({ large }) => large !== true))

/** A visitor with a note that counts two, and an account to sign in to. */
async function visitor(t: ExecutionContext, deployment: Deployment) {
  const [here, there] = [await deployment.shop(t), await deployment.shop(t, 1)]
  const { username } = await deployment.account()
  const browser = here.browser()
  t.is((await note(browser, 'milk', 2)).status, 200)
  return {
    browser,
    /** Signs in, in this browser unless another one is given. */
    signIn: (by = browser) => signIn(by, username),
    sites: [here, there],
    /** The same browser with a copy of its jar: the test decides when responses arrive. */
    before: () => there.browser(browser.jar.cloneSync()),
    isSignedIn: () => isSignedIn(browser),
  }
}

scenario(
  'a double click on "Sign in" with notes: signed in, the notes once, in whatever order the answers arrive',
  async (t, deployment) => {
    for (const last of [0, 1]) {
      const { browser, signIn, before, isSignedIn } = await visitor(t, deployment)
      const answers = await Promise.all([before(), before()].map((one) => signIn(one)))
      const [first, second] = last === 1 ? answers : answers.toReversed()
      for (const answer of [first, second]) {
        t.is(answer?.status, 200)
        if (answer !== undefined) await arrive(browser, answer)
        t.true(await isSignedIn())
        t.deepEqual(await notesOf(browser), { milk: 2 })
      }
    }
  },
)

scenario(
  'two first requests at once: two sessions, and the browser keeps the one whose response arrives last',
  async (t, deployment) => {
    const [here, there] = [await deployment.shop(t), await deployment.shop(t, 1)]
    const browser = here.browser()
    const answers = await Promise.all([note(here.browser(), 'note0'), note(there.browser(), 'note1')])
    for (const [at, answer] of answers.entries()) {
      t.is(answer.status, 200)
      await arrive(browser, answer)
      t.deepEqual(await notesOf(browser), { [`note${at}`]: 1 })
    }
  },
)

scenario(
  'a slow network: notes with the old cookie after a sign-in are in the account, and no one is signed out',
  async (t, deployment) => {
    const { browser, signIn, before, isSignedIn } = await visitor(t, deployment)
    const old = before()
    t.is((await signIn()).status, 200)
    // Several at once, so that they also meet each other in the account.
    const names = ['tea', 'rice', 'salt', 'soap', 'jam', 'oil']
    const answers = await Promise.all(names.map((name) => note(old, name)))
    for (const late of answers) {
      t.deepEqual([late.status, late.headers.getSetCookie()], [200, []], late.text)
      await arrive(browser, late)
    }
    t.true(await isSignedIn())
    t.deepEqual(await notesOf(browser), { milk: 2, ...Object.fromEntries(names.map((name) => [name, 1])) })
  },
  {
    async lateAnonymous(t, deployment) {
      const { browser, signIn, before, isSignedIn } = await visitor(t, deployment)
      const old = before()
      await signIn()
      const late = await note(old, 'tea')
      t.is(late.status, 200)
      await arrive(browser, late)
      t.false(await isSignedIn())
      t.deepEqual(await notesOf(browser), { milk: 2, tea: 1 })
    },
    async noForwards(t, deployment) {
      const { browser, signIn, before, isSignedIn } = await visitor(t, deployment)
      const old = before()
      await signIn()
      const late = await note(old, 'tea')
      t.is(late.status, 200, 'a new session')
      t.true(await isSignedIn(), 'until that answer arrives')
      t.deepEqual(await notesOf(browser), { milk: 2 })
    },
  },
)

scenario('a sign-in whose response is lost, tried again: signed in, with the notes', async (t, deployment) => {
  const { browser, signIn, before, isSignedIn } = await visitor(t, deployment)
  t.is((await signIn(before())).status, 200)
  t.is((await signIn()).status, 200)
  t.true(await isSignedIn())
  t.deepEqual(await notesOf(browser), { milk: 2 })
})

/** The forward that the first sign-in has left is over a minute later, and the sign-in comes once more. */
async function triedAgainLater(
  t: ExecutionContext,
  deployment: Deployment,
  meanwhile: (phone: TestBrowser) => Promise<unknown>,
) {
  const { browser, signIn, before, isSignedIn, sites } = await visitor(t, deployment)
  const clock = { ahead: 0 }
  for (const site of sites) useClock(site, clock)
  const phone = before()
  await phone.jar.removeAllCookies()
  await signIn(phone)
  await note(phone, 'rice')
  t.is((await signIn(before())).status, 200)
  await meanwhile(phone)
  const { lateRequestSeconds = 0 } = sites[0]?.services.config ?? {}
  clock.ahead += (lateRequestSeconds + 1) * 1000
  t.is((await signIn()).status, 200)
  t.true(await isSignedIn())
  const found = await notesOf(browser)
  t.deepEqual(await notesOf(phone), found, 'the account is one')
  await signOut(browser)
  t.is((await signIn()).status, 200)
  t.deepEqual(await notesOf(browser), found)
  return found
}

scenario(
  'a sign-in whose response is lost, tried again a minute later: all data of the account, once',
  async (t, deployment) => {
    t.deepEqual(await triedAgainLater(t, deployment, async () => {}), { milk: 2, rice: 1 })
  },
)

scenario(
  'a sign-in whose answer is lost, tried again a minute later: what was cleared since is not back',
  async (t, deployment) => {
    const found = await triedAgainLater(t, deployment, async (phone) => {
      t.is((await clearNotes(phone)).status, 200)
      await note(phone, 'tea')
    })
    t.deepEqual(found, { tea: 1 })
  },
)

scenario(
  'a leftover cookie of our name from another path: the sign-in holds, at once or from the next page on',
  async (t, deployment) => {
    const { browser, signIn, isSignedIn } = await visitor(t, deployment)
    const stranger = (await deployment.shop(t)).browser()
    await note(stranger, 'rice')
    const [name, live = ''] = (await stranger.cookie()).split('=')
    const own = (await browser.cookie()).slice(`${name}=`.length)
    for (const leftover of ['x'.repeat(32), 'made up', live, own]) {
      await browser.jar.setCookie(`${name}=${leftover}; Path=/notes`, browser.origin)
      t.is((await signIn()).status, 200)
      // Of two valid cookies neither is used, once.
      if (leftover === live || leftover === own) await isSignedIn()
      t.true(await isSignedIn())
      const sent = await browser.jar.getCookies(`${browser.origin}/notes/user`)
      t.is(sent.filter(({ key }) => key === name).length, 1, 'the leftover is gone')
    }
  },
)
