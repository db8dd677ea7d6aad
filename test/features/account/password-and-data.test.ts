import test from 'ava'
import { testOn } from '../../storage/present.ts'
import type { Answer, TestApp, TestBrowser } from '../../support/app.ts'
import { atStep } from '../../support/barrier.ts'
import { appWithNotes, clearNotes, NOTES, note, notesOf } from '../../support/notes-steps.ts'
import { changePassword, isSignedIn, signIn } from './steps.ts'

const ENGINES: Record<string, Record<string, string>> = {
  db: { SESSION_ENGINE: 'db' },
  cache: { SESSION_ENGINE: 'cache' },
  signed_cookies: { SESSION_ENGINE: 'signed_cookies' },
}
const FILES = { SESSION_ENGINE: 'file', SESSION_FORMAT: 'django' }
const OLD = 'ada-demo-password'
const NEW = 'a completely new one'

const change = (browser: TestBrowser, current = OLD, password = NEW) => changePassword(browser, current, password)

async function signedIn(app: TestApp, password = OLD): Promise<TestBrowser> {
  const browser = app.browser()
  await signIn(browser, 'ada', password)
  return browser
}

for (const [name, settings] of Object.entries(ENGINES)) {
  testOn(settings)(
    `${name}: another tab that polls 50 times during a password change signs no one out, and the account’s data are kept`,
    async (t) => {
      const app = await appWithNotes(t, settings)
      const browser = await signedIn(app)
      await note(browser, 'milk', 2)
      const polls = async () => {
        const seen: Answer[] = []
        for (let n = 0; n < 50; n++) seen.push(await browser.get(n % 2 ? NOTES : '/account'))
        return seen
      }
      const [changed, answers] = await Promise.all([change(browser), polls()])
      t.is(changed.status, 200)
      for (const { status } of answers) t.true([200, 303].includes(status), String(status))
      t.true(await isSignedIn(browser))
      t.deepEqual(await notesOf(browser), { milk: 2 })
    },
  )

  testOn(settings)(
    `${name}: at each step of a password change, other tabs see the account or are anonymous, and end nothing`,
    async (t) => {
      const app = await appWithNotes(t, settings)
      let [current, next] = [OLD, NEW]
      for (let step = 1, last = false; !last; step++) {
        const browser = await signedIn(app, current)
        await clearNotes(browser)
        await note(browser, 'milk', 2)
        let added = 0
        const steps = await atStep(app, {
          step,
          work: async () => t.is((await change(browser, current, next)).status, 200, `step ${step}`),
          meanwhile: async () => {
            t.true([200, 303].includes((await browser.get('/account')).status))
            t.is((await browser.get('/')).status, 200)
            // In a cookie nothing can meet but at the browser.
            if (name === 'signed_cookies') return
            const { status } = await note(browser, 'tea')
            t.true([200, 409].includes(status), String(status))
            added = status === 200 ? 1 : 0
          },
        })
        last = steps < step
        t.true(await isSignedIn(browser), `step ${step}`)
        t.deepEqual(await notesOf(browser), added === 1 ? { milk: 2, tea: 1 } : { milk: 2 }, `step ${step}`)
        ;[current, next] = [next, current === OLD ? 'another new password' : current]
      }
    },
  )

  testOn(settings)(
    `${name}: of three concurrent password changes one succeeds; its session continues, all others end`,
    async (t) => {
      const app = await appWithNotes(t, settings)
      const browsers = [await signedIn(app), await signedIn(app), await signedIn(app)]
      const other = await signedIn(app)
      await note(other, 'milk', 2)
      const old = await other.cookie()
      const { users } = app.services
      const write = users.changePassword.bind(users)
      let arrived = 0
      let go = () => {}
      const all = new Promise<void>((resolve) => {
        go = resolve
      })
      users.changePassword = async (...args) => {
        if (++arrived === 3) go()
        await all
        return await write(...args)
      }
      const passwords = ['a first new password', 'a second new password', 'a third new password']
      const answers = await Promise.all(browsers.map((browser, n) => change(browser, OLD, passwords[n])))
      t.deepEqual(answers.map(({ status }) => status).sort(), [200, 409, 409])
      const won = answers.findIndex(({ status }) => status === 200)
      t.deepEqual(
        await Promise.all(browsers.map(isSignedIn)),
        browsers.map((_, n) => n === won),
      )
      t.regex(answers.find(({ status }) => status === 409)?.text ?? '', /nothing was changed here/)
      t.is((await signIn(app.browser(), 'ada', passwords[won])).status, 303)
      t.is((await signIn(app.browser(), 'ada', OLD)).status, 422)
      t.false(await isSignedIn(other))
      const attacker = app.browser()
      t.deepEqual((await attacker.get(NOTES, { cookie: old })).json(), {})
      t.deepEqual(await notesOf(browsers[won] as TestBrowser), { milk: 2 })
    },
  )
}

test('three concurrent password changes in one browser: one 200, two 409, and it stays signed in', async (t) => {
  const app = await appWithNotes(t)
  const browser = await signedIn(app)
  const passwords = ['a first new password', 'a second new password', 'a third new password']
  const { users } = app.services
  const write = users.changePassword.bind(users)
  const waiting: (() => void)[] = []
  users.changePassword = async (...args) => {
    await new Promise<void>((resolve) => {
      waiting.push(resolve)
      if (waiting.length === 3) for (const go of waiting.splice(0)) go()
    })
    return await write(...args)
  }
  const answers = await Promise.all(passwords.map((password) => change(browser, OLD, password)))
  t.deepEqual(answers.map(({ status }) => status).sort(), [200, 409, 409])
  t.true(await isSignedIn(browser))
})

testOn(FILES)(
  'a session with the hash of an old password is anonymous: it is not changed, and its browser can begin a new one',
  async (t) => {
    // Whose sessions they are is not known in these files, so a new password cannot end them there.
    const app = await appWithNotes(t, FILES)
    const [here, there] = [await signedIn(app), await signedIn(app)]
    await note(there, 'milk', 2)
    t.is((await change(here)).status, 200)
    const cookie = await there.cookie()
    t.is((await there.json('GET', '/account')).status, 401)
    t.is((await note(there, 'tea')).status, 409, 'it may be the one that is just being renewed')
    await app.services.knex('users').update({ password_changed_at: Date.now() - 3_600_000 })
    t.deepEqual(await notesOf(there), {})
    t.is(await there.cookie(), cookie)
    t.is((await note(there, 'tea')).status, 200)
    t.deepEqual(await notesOf(there), { tea: 1 })
    await signIn(there, 'ada', NEW)
    t.deepEqual(await notesOf(there), { milk: 2, tea: 1 })
  },
)
