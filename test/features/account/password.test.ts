import test from 'ava'
import { LANGUAGES } from '../../../src/web/languages.ts'
import { SITE_NAME } from '../../../src/web/site.ts'
import { has } from '../../storage/present.ts'
import { startApp, type TestApp, type TestBrowser } from '../../support/app.ts'
import { translations } from '../../support/translations.ts'
import { isSignedIn, signIn } from './steps.ts'

const OLD = 'ada-demo-password'
const NEW = 'a completely new one'

let app: TestApp
let here: TestBrowser
test.beforeEach(async () => {
  app = await startApp()
  here = app.browser()
  await signIn(here, 'ada')
})
test.afterEach.always(() => app.close())

const change = (fields: Record<string, unknown> = {}) =>
  here.json('POST', '/account/password', { current: OLD, password: NEW, repeat: NEW, ...fields })
const both = <T>(password: T) => ({ password, repeat: password })
const signsIn = async (password: string) => (await signIn(app.browser(), 'ada', password)).status === 303

test.serial(
  'changing the password needs the current one, and a valid new one (ASVS 6.2.1 to 6.2.5, 6.2.8, 6.2.9, 6.2.11, 7.5.1)',
  async (t) => {
    await app.services.knex('users').update({ username: 'ada-lovelace', username_key: 'ada-lovelace' }).where({ id: 1 })
    const wrong: [Record<string, unknown>, string][] = [
      [{ current: 'x' }, 'current'],
      [{ current: '' }, 'current'],
      [{ repeat: 'y' }, 'repeat'],
      [both('short'), 'password'],
      [both('elevenchars'), 'password'],
      [both('Qwerty123456'), 'password'],
      [both('ＱＷＥＲＴＹ123456'), 'password'],
      [both(`${SITE_NAME.toLowerCase()}-2026`), 'password'],
      [both('ada@ada-lovelace'), 'password'],
      [both('grace-demo-password'), 'password'],
      [both('Ada-Lovelace'), 'password'],
      [both('x'.repeat(1025)), 'password'],
      [both('ä'.repeat(513)), 'password'],
      [{ current: [OLD] }, 'current'],
      [{ current: { $ne: 1 } }, 'current'],
      [{ password: 12_345_678 }, 'password'],
      [{ password: [NEW], repeat: [NEW] }, 'password'],
      [{ repeat: null }, 'repeat'],
    ]
    for (const [fields, field] of wrong) {
      const answer = await change(fields)
      t.is(answer.status, 422, JSON.stringify(fields).slice(0, 60))
      t.true(field in answer.json<{ errors: object }>().errors, JSON.stringify(fields).slice(0, 60))
    }
    await app.services.knex('users').update({ username: 'ada', username_key: 'ada' }).where({ id: 1 })
    t.true(await signsIn(OLD))
    t.is((await change(both('ä'.repeat(512)))).status, 200, '1024 bytes are allowed')
    t.true(await signsIn('ä'.repeat(512)))
    for (const other of ['ä'.repeat(511), `${'ä'.repeat(511)}Ä`, `${'ä'.repeat(512)} `]) t.false(await signsIn(other))
  },
)

test.serial(
  'a password change ends all other sessions, and gives this one a new key (ASVS 7.2.4, 7.4.3)',
  async (t) => {
    const there = app.browser()
    await signIn(there, 'ada')
    const grace = app.browser()
    await signIn(grace, 'grace')
    const before = await here.cookie()
    const answer = await here.post('/account/password', { current: OLD, password: NEW, repeat: NEW })
    t.deepEqual([answer.status, answer.headers.get('location')], [303, '/account'])
    t.regex((await here.get('/account')).text, /role="status"[\s\S]*Your password has been changed/)
    t.not(await here.cookie(), before)
    const replayed = await fetch(`${app.origin}/account`, { headers: { accept: 'application/json', cookie: before } })
    t.is(replayed.status, 401, 'the old cookie of this browser is dead')
    t.is((await here.json('GET', '/account')).status, 200, 'and a late request with it ends nothing')
    if (has('db', 'sealed')) {
      const [counted] = await app.services.knex('sessions').where({ user_id: '1' }).count({ sessions: '*' })
      t.is(Number(counted?.['sessions']), 1, 'the other sessions are gone from the store too')
    }
    t.is((await here.json('GET', '/account')).status, 200)
    t.is((await there.json('GET', '/account')).status, 401)
    t.is((await grace.json('GET', '/account')).status, 200)
    t.deepEqual([await signsIn(OLD), await signsIn(NEW)], [false, true])
  },
)

test.serial('a stolen session cannot be used to guess the password', async (t) => {
  for (let attempt = 0; attempt < 10; attempt++) t.is((await change({ current: `guess ${attempt}` })).status, 422)
  const refused = await change()
  t.is(refused.status, 429)
  t.true(Number(refused.headers.get('retry-after')) > 0)
  t.true(await signsIn(OLD))
})

test.serial(
  'the password form never shows what was typed, and needs a signed-in user (ASVS 6.2.6, 6.2.7)',
  async (t) => {
    const fields = (await here.get('/account/password')).text.match(/<input[^>]*type="password"[^>]*>/g) ?? []
    t.deepEqual(
      fields.map((field) => /autocomplete="([\w-]+)"/.exec(field)?.[1]),
      ['current-password', 'new-password', 'new-password'],
    )
    t.notRegex(fields.join(), /onpaste|readonly|maxlength/, 'they can be pasted, and filled by a password manager')
    const page = await here.post('/account/password', {
      current: 'typed-as-current',
      password: 'typed-as-new',
      repeat: 'z',
    })
    t.is(page.status, 422)
    t.regex(page.text, /id="repeat-error"/)
    t.notRegex(page.text, /typed-as/)
    const stranger = app.browser()
    for (const answer of [await stranger.get('/account/password'), await stranger.post('/account/password')]) {
      t.deepEqual([answer.status, answer.headers.get('location')], [303, '/login?next=%2Faccount%2Fpassword'])
    }
    t.is((await stranger.json('POST', '/account/password', { current: OLD, ...both(NEW) })).status, 401)
    t.true(await signsIn(OLD))
  },
)

test.serial('its min length is a setting; what it says names the number, in the language of the page', async (t) => {
  const own = await startApp({ PASSWORD_MIN_LENGTH: '15' })
  t.teardown(() => own.close())
  const browser = own.browser()
  await signIn(browser, 'ada')
  const fields = { current: OLD, ...both('fourteen chars') }
  const answer = await browser.json('POST', '/account/password', fields)
  t.deepEqual([answer.status, answer.json()], [422, { errors: { password: 'Use at least 15 characters.' } }])
  for (const language of LANGUAGES) {
    const { text } = await browser.post('/account/password', fields, { 'accept-language': language })
    const said = translations(language)
    t.true(text.includes(said('Use at least {min} characters.', { min: 15 })), text)
    t.true(text.includes(`id="password-hint">${said('At least {min} characters.', { min: 15 })}`), text)
  }
  t.is((await browser.json('POST', '/account/password', { current: OLD, ...both('fifteen chars !') })).status, 200)
  for (const PASSWORD_MIN_LENGTH of ['8', '65', 'x']) {
    await t.throwsAsync(startApp({ PASSWORD_MIN_LENGTH }), { message: /^PASSWORD_MIN_LENGTH is wrong/ })
  }
})

test.serial('characters are counted, not bytes or surrogates', async (t) => {
  t.is((await change(both('😀'.repeat(11)))).status, 422)
  t.is((await change(both('😀😁😂😃😄😅😆😇😈😉😊😋'))).status, 200)
})

test('signed out in another tab while the password is changed: it is changed, and nobody is signed in', async (t) => {
  const other = app.browser()
  await signIn(other, 'ada')
  const cookie = await here.cookie()
  const { users } = app.services
  const write = users.changePassword.bind(users)
  users.changePassword = async (...args) => {
    await app.browser().post('/logout', {}, { cookie })
    return await write(...args)
  }
  const form = { current: OLD, password: NEW, repeat: NEW }
  const changed = await here.post('/account/password', form)
  t.deepEqual([changed.status, changed.headers.get('location')], [303, '/login?new-password'])
  t.deepEqual(
    changed.headers.getSetCookie().filter((line) => !/Max-Age=0/.test(line)),
    [],
  )
  t.deepEqual([await isSignedIn(here), await isSignedIn(other)], [false, false])
  t.deepEqual(await app.services.sessionKnex('sessions').where({ user_id: '1' }).select(), [])
  t.deepEqual([await signsIn(OLD), await signsIn(NEW)], [false, true])
})
