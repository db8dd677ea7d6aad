import test from 'ava'
import { isPossible } from '../../storage/present.ts'
import { startApp, type TestBrowser } from '../../support/app.ts'
import { isSignedIn, signIn } from './steps.ts'

const PAGE = '/account/delete'
const PASSWORD = 'grace-demo-password'

const DELETED = { ok: true }
const idOf = (rows: readonly { id: number }[]) => rows[0]?.id

for (const env of [
  {},
  { SESSION_ENGINE: 'signed_cookies' },
  { SESSION_ENGINE: 'hybrid' },
  { SESSION_ENGINE: 'cache' },
]) {
  if (!isPossible(env)) continue
  test(`${JSON.stringify(env)}: nothing of the person is left, and every session is over at once (ASVS 7.4.2)`, async (t) => {
    const app = await startApp(env)
    t.teardown(() => app.close())
    const [here, there, ada] = [app.browser(), app.browser(), app.browser()]
    for (const browser of [here, there]) await signIn(browser, 'grace')
    await signIn(ada, 'ada')
    const { knex } = app.services
    const id = idOf(await knex('users').where({ username_key: 'grace' }).select('id'))
    await knex('users').where({ id }).update({ line1: 'Street 1', city: 'Town', account_data: '{"cart":{}}' })
    await signIn(app.browser(), 'grace', 'a wrong password')
    const counter = { counter: `account ${id}` }
    t.is((await knex('failed_attempts').where(counter)).length, 1)
    const copies = [await here.cookie(), await there.cookie()]

    t.regex((await here.get('/account')).text, /href="\/account\/delete"/)
    t.regex((await here.get(PAGE)).text, /action="\/account\/delete"/)
    const gone = await here.post(PAGE, { password: PASSWORD })
    t.deepEqual([gone.status, gone.headers.get('location')], [303, '/login?deleted'])
    t.regex((await here.get('/login?deleted')).text, /role="status">Your account has been deleted\./)

    for (const browser of [here, there]) t.false(await isSignedIn(browser))
    const thief = (cookie: string) => app.browser().get('/account', { cookie, accept: 'application/json' })
    for (const cookie of copies) t.is((await thief(cookie)).status, 401)
    t.true(await isSignedIn(ada))
    t.is((await signIn(app.browser(), 'grace')).status, 422)
    t.deepEqual(await knex('failed_attempts').where(counter), [])
    const rest = JSON.stringify(await knex('users').where({ id }).select())
    t.notRegex(rest, /grace|argon2|Street|Town|cart/i)
  })
}

test('where the password was changed meanwhile, nothing is deleted, of features neither', async (t) => {
  const { users, knex, close } = await startApp().then(({ services, close }) => ({ ...services, close }))
  t.teardown(close)
  const grace = await users.byUsername('grace')
  if (grace === undefined) return t.fail()
  await knex('failed_attempts').insert({ counter: 'of a feature', failures: 1, next_at: 0, expires: 9e12 })
  users.onDelete(
    async (_userId, trx) => void (await trx('failed_attempts').where({ counter: 'of a feature' }).delete()),
  )
  await users.changePassword(grace, 'the hash of another password')
  t.false(await users.delete(grace))
  t.is((await knex('failed_attempts').where({ counter: 'of a feature' })).length, 1)
  const now = await users.byUsername('grace')
  t.true(now !== undefined && (await users.delete(now)))
  t.deepEqual(await knex('failed_attempts').where({ counter: 'of a feature' }), [])
})

test('it needs the password, and somebody signed in; JSON deletes too (ASVS 7.5.1)', async (t) => {
  const app = await startApp()
  t.teardown(() => app.close())
  const stranger = app.browser()
  t.is((await stranger.post(PAGE, { password: PASSWORD })).headers.get('location'), '/login?next=%2Faccount%2Fdelete')
  t.is((await stranger.json('POST', PAGE, { password: PASSWORD })).status, 401)
  const browser = app.browser()
  await signIn(browser, 'grace')
  const page = await browser.post(PAGE, { password: 'typed-wrongly' })
  t.is(page.status, 422)
  t.regex(page.text, /id="password-error"/)
  t.notRegex(page.text, /typed-wrongly/)
  for (const body of [{}, { password: '' }, { password: [PASSWORD] }, { password: { $ne: 1 } }]) {
    t.deepEqual(Object.keys((await browser.json('POST', PAGE, body)).json<{ errors: object }>().errors), ['password'])
  }
  t.true(await isSignedIn(browser))
  const answer = await browser.json('POST', PAGE, { password: PASSWORD })
  t.deepEqual([answer.status, answer.json()], [200, DELETED])
  t.false(await isSignedIn(browser))
})

test('a stolen session is no place to guess the password from, here or on the page for a new one', async (t) => {
  const app = await startApp()
  t.teardown(() => app.close())
  const browser = app.browser()
  await signIn(browser, 'grace')
  for (let attempt = 0; attempt < 10; attempt++) {
    t.is((await browser.json('POST', PAGE, { password: `guess ${attempt}` })).status, 422)
  }
  // The first delay is short, and this machine may be busy.
  await app.services.knex('failed_attempts').update({ next_at: Date.now() + 60_000 })
  t.is((await browser.json('POST', PAGE, { password: PASSWORD })).status, 429)
  const change = { current: PASSWORD, password: 'a completely new one', repeat: 'a completely new one' }
  t.is((await browser.json('POST', '/account/password', change)).status, 429)
})

test('two deletions at once are one, and a change that was under way keeps nothing', async (t) => {
  const app = await startApp()
  t.teardown(() => app.close())
  const browser = app.browser()
  await signIn(browser, 'grace')
  const cookie = await browser.cookie()
  const remove = (one: TestBrowser) => one.post(PAGE, { password: PASSWORD }, { cookie })
  const answers = await Promise.all([remove(app.browser()), remove(app.browser())])
  for (const { status } of answers) t.true([303, 409].includes(status), String(status))
  const rows = await app.services.knex('users').select('username_key')
  t.false(rows.some(({ username_key }) => username_key === 'grace'))
})

test('the name is free again, and whoever takes it gets nothing of the one before', async (t) => {
  const app = await startApp()
  t.teardown(() => app.close())
  const browser = app.browser()
  await signIn(browser, 'grace')
  const old = await app.services.users.byUsername('grace')
  await browser.post(PAGE, { password: PASSWORD })
  t.false(await app.services.users.isTaken('grace'))
  const made = await app.services.users.create({
    username: 'grace',
    email: 'other@example.com',
    fullName: 'Other',
    passwordHash: 'x',
  })
  t.not(made.id, old?.id)
})

test('a deletion that is sent twice is answered twice as done', async (t) => {
  const app = await startApp()
  t.teardown(() => app.close())
  const browser = app.browser()
  await signIn(browser, 'grace')
  const cookie = await browser.cookie()
  const { users } = app.services
  const remove = users.delete.bind(users)
  users.delete = async (...args) => {
    users.delete = remove
    await app.browser().post(PAGE, { password: PASSWORD }, { cookie })
    return await remove(...args)
  }
  const second = await browser.post(PAGE, { password: PASSWORD })
  t.deepEqual([second.status, second.headers.get('location')], [303, '/login?deleted'])
})
