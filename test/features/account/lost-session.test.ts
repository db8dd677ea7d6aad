import test from 'ava'
import { LANGUAGES } from '../../../src/web/languages.ts'
import { isPossible, testOn } from '../../storage/present.ts'
import type { TestApp, TestBrowser } from '../../support/app.ts'
import { appWithNotes, note } from '../../support/notes-steps.ts'
import { translations } from '../../support/translations.ts'
import { changePassword, LOGIN, signIn } from './steps.ts'

const OLD = 'ada-demo-password'
const NEW = 'a completely new one'
const ENDED = 'Your session has ended. Sign in again.'
const ELSEWHERE = 'You were signed out on another device. Sign in again.'
const EXPIRED = 'Your session has expired. Sign in again.'
const CHANGED = 'Your password was changed. Sign in again.'

/** What the sign-in page says to this browser, when it is sent there by the account page. */
async function said(browser: TestBrowser, cookie?: string): Promise<string | undefined> {
  const headers: Record<string, string> = cookie === undefined ? {} : { cookie }
  const { headers: sent } = await browser.get('/account', headers)
  const location = sent.get('location') ?? ''
  if (location !== '/login?next=%2Faccount') return location
  return /flash-error" role="status">([^<]*)</.exec((await browser.get(location, headers)).text)?.[1]
}

const COOKIES = { SESSION_ENGINE: 'signed_cookies' }
const idOf = async ({ services }: TestApp, username: string) => (await services.users.byUsername(username))?.id ?? ''

for (const [name, env, why] of [
  ['db', { SESSION_ENGINE: 'db', SESSION_FORMAT: 'sealed' }, ENDED],
  ['signed_cookies', COOKIES, ELSEWHERE],
  ['hybrid', { SESSION_ENGINE: 'hybrid' }, ELSEWHERE],
] as const) {
  testOn(env)(
    `${name}: who was signed out elsewhere is told, and comes back to the page after signing in`,
    async (t) => {
      const app = await appWithNotes(t, env)
      const browser = app.browser()
      await signIn(browser, 'ada')
      await app.services.engine.endUser(await idOf(app, 'ada'))
      t.is(await said(browser), why)
      const answer = await browser.json('GET', '/account')
      t.deepEqual([answer.status, answer.json()], [401, { error: why }])
      const back = await browser.post(LOGIN, { username: 'ada', password: OLD, next: '/account' })
      t.is(back.headers.get('location'), '/account')
      t.is((await browser.get('/account')).status, 200)
    },
  )
}

if (isPossible(COOKIES)) {
  test('an expired session in a cookie is told from one that was ended', async (t) => {
    const app = await appWithNotes(t, { ...COOKIES, SESSION_COOKIE_AGE: '1' })
    const browser = app.browser()
    await signIn(browser, 'ada')
    // Its browser would forget it, and a fresh answer would renew it.
    const cookie = await browser.cookie()
    const stranger = app.browser()
    while ((await stranger.get('/account', { cookie })).status === 200) {}
    t.is(await said(stranger, cookie), EXPIRED)
  })
}

if (isPossible({ SESSION_ENGINE: 'file', SESSION_FORMAT: 'django' })) {
  test('a password that was changed elsewhere is named, where the session is still there', async (t) => {
    const app = await appWithNotes(t, { SESSION_ENGINE: 'file', SESSION_FORMAT: 'django' })
    const [here, there] = [app.browser(), app.browser()]
    await signIn(here, 'ada')
    await signIn(there, 'ada')
    t.is((await changePassword(here, OLD, NEW)).status, 200)
    t.is(await said(there), CHANGED)
  })
}

test('an account that is gone is not spoken of', async (t) => {
  const app = await appWithNotes(t)
  const browser = app.browser()
  await signIn(browser, 'grace')
  await app.services.knex('users').where({ username: 'grace' }).update({ disabled_at: 1 })
  t.is(await said(browser), ENDED)
})

test('whoever was not signed in is told nothing, nor whoever has signed out', async (t) => {
  const app = await appWithNotes(t)
  const browser = app.browser()
  t.is(await said(browser), undefined)
  await note(browser, 'milk')
  t.is(await said(browser), undefined)
  t.deepEqual((await browser.json('GET', '/account')).json(), { error: 'Please sign in.' })
  await signIn(browser, 'ada')
  await browser.post('/logout')
  t.is(await said(browser), undefined)
  t.is(await said(app.browser(), `sessionid=${'x'.repeat(32)}`), ENDED, 'any cookie that leads nowhere')
})

testOn({ SESSION_ENGINE: 'db', SESSION_FORMAT: 'sealed' })(
  'a form that was sent too late leads to the sign-in, then back to its page, and is never sent again',
  async (t) => {
    const app = await appWithNotes(t)
    const browser = app.browser()
    await signIn(browser, 'ada')
    await app.services.engine.endUser(await idOf(app, 'ada'))
    const late = await browser.post('/account/password', { current: OLD, password: NEW, repeat: NEW })
    t.deepEqual([late.status, late.headers.get('location')], [303, '/login?next=%2Faccount%2Fpassword'])
    for (const language of LANGUAGES) {
      const { text } = await browser.get(late.headers.get('location') ?? '', { 'accept-language': language })
      t.true(text.includes(`role="status">${translations(language)(ENDED)}<`), text)
      t.notRegex(text, /completely new|demo-password/)
    }
    const back = await browser.post(LOGIN, { username: 'ada', password: OLD, next: '/account/password' })
    t.is(back.headers.get('location'), '/account/password')
    t.is((await browser.get('/account/password')).status, 200)
    t.is((await signIn(app.browser(), 'ada', OLD)).status, 303, 'the password is the old one')
  },
)
