import { readdir, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import test from 'ava'
import { limitPasswordQueue } from '../../../src/passwords.ts'
import { openSession, type SessionData } from '../../../src/session/index.ts'
import { LANGUAGES } from '../../../src/web/languages.ts'
import { testOn } from '../../storage/present.ts'
import { type Answer, startApp, type TestApp } from '../../support/app.ts'
import { startLogged } from '../../support/security-events.ts'
import { signIn } from '../account/steps.ts'
import { allowedIn, withStatus } from '../account/throttle-suite.ts'
import { FINISH, PLACE, person, progress } from './steps.ts'

const COOKIES = { SESSION_ENGINE: 'signed_cookies' }

let app: TestApp
test.before(async () => {
  app = await startApp()
})
test.after.always(() => app?.close())

const users = async (username: string) => await app.services.knex('users').where({ username_key: username }).select()

test('three steps, one account, signed in under a new key (ASVS 7.2.4)', async (t) => {
  const browser = app.browser()
  t.is((await browser.get('/register')).headers.get('location'), '/register/1')
  t.is((await browser.post('/register/1', person('Walker'))).headers.get('location'), '/register/2')
  const anonymous = await browser.cookie()
  t.is((await browser.post('/register/2', PLACE)).headers.get('location'), '/register/3')
  t.regex((await browser.get('/register/3')).text, /New Comer[\s\S]*Street 1[\s\S]*Germany/)
  t.is((await browser.post('/register/3', {})).status, 422)
  t.is((await browser.post('/register/3', FINISH)).headers.get('location'), '/account')
  t.not(await browser.cookie(), anonymous)
  const old = { accept: 'application/json', cookie: anonymous }
  t.is((await fetch(`${app.origin}/account`, { headers: old })).status, 401, 'the key of before is not signed in')
  t.is((await browser.json('GET', '/account')).json<{ user: { username: string } }>().user.username, 'Walker')
  const [row] = await users('walker')
  t.like(row, { full_name: 'New Comer', city: 'Town', language: LANGUAGES.at(-1) ?? 'en', is_staff: 0 })
  t.regex(row.password_hash, /^\$argon2id\$/)
  t.regex((await browser.get('/')).text, new RegExp(`<html lang="${LANGUAGES.at(-1)}"`))
  t.is((await browser.get('/register/1')).headers.get('location'), '/account', 'one account is enough')
})

test('the sign-in of a new account is logged as one (ASVS 16.3.1)', async (t) => {
  const own = await startLogged(t)
  const browser = own.app.browser()
  await browser.post('/register/1', person('logged'))
  await browser.post('/register/2', PLACE)
  await browser.post('/register/3', FINISH)
  const [row] = await own.app.services.knex('users').where({ username_key: 'logged' }).select('id')
  t.deepEqual(
    own.events().map(({ security, userId }) => [security, userId]),
    [['signed in', String(row.id)]],
  )
})

test('going back: earlier input is kept', async (t) => {
  const browser = app.browser()
  await browser.post('/register/1', person('backer'))
  await browser.post('/register/2', PLACE)
  t.regex((await browser.get('/register/1')).text, /value="backer"/)
  t.is((await browser.post('/register/1', person('backer2'))).status, 303)
  t.deepEqual((await progress(browser)).completed_steps, [1, 2])
  await browser.post('/register/3', FINISH)
  t.is((await signIn(app.browser(), 'backer2', FINISH.password)).status, 303)
})

test('50 concurrent submissions create one account, and no response is a 5xx (ASVS 2.3.4)', async (t) => {
  const own = await startApp()
  t.teardown(() => own.close())
  const browser = own.browser()
  await browser.post('/register/1', person('eager'))
  await browser.post('/register/2', PLACE)
  const cookie = await browser.cookie()
  const answers = await Promise.all(
    Array.from({ length: 50 }, () =>
      fetch(`${own.origin}/register/3`, {
        method: 'POST',
        redirect: 'manual',
        headers: { cookie },
        body: new URLSearchParams(FINISH),
      }),
    ),
  )
  t.is((await own.services.knex('users').where({ username_key: 'eager' })).length, 1)
  // After a double click both responses succeed: it is the same registration.
  t.true(answers.some((answer) => answer.headers.get('location') === '/account'))
  t.true(
    answers.every(({ status }) => status < 500),
    answers.map(({ status }) => status).join(),
  )
})

test('a taken username, also if taken meanwhile, is reported on the step where it can be changed', async (t) => {
  t.deepEqual((await app.browser().json('POST', '/register/1', person('ADA'))).json(), {
    errors: { username: 'This username is taken.' },
  })
  const [one, two] = [app.browser(), app.browser()]
  for (const browser of [one, two]) {
    await browser.post('/register/1', person('twin'))
    await browser.post('/register/2', PLACE)
  }
  t.is((await one.post('/register/3', FINISH)).status, 303)
  const late = await two.post('/register/3', FINISH)
  t.is(late.status, 422)
  t.regex(late.text, /This username is taken\.[\s\S]*action="\/register\/1"/)
  t.is((await two.post('/register/1', person('twin-two'))).status, 303)
  t.is((await two.post('/register/3', FINISH)).headers.get('location'), '/account')
})

test('an unfinished registration is dropped by a sign-in in the same browser', async (t) => {
  const browser = app.browser()
  await browser.post('/register/1', person('leftover'))
  await signIn(browser, 'grace')
  await browser.post('/logout')
  t.deepEqual((await progress(browser)).data, {})
  const signedIn = app.browser()
  await signedIn.post('/register/1', person('leftover'))
  await signIn(signedIn, 'grace')
  const stored = await app.services.engine.open((await signedIn.cookie()).split('=')[1] ?? '')
  t.true(stored.live && stored.loaded.data['registration'] === undefined)
})

test('a partial registration is not a sign-in (WSTG-SESS-08)', async (t) => {
  const browser = app.browser()
  await browser.post('/register/1', person('partial'))
  await browser.post('/register/2', PLACE)
  t.is((await browser.json('GET', '/account')).status, 401)
})

test('an interrupted registration resumes at the same step', async (t) => {
  const browser = app.browser()
  await browser.post('/register/1', person('resumer'))
  await browser.get('/login')
  t.is((await browser.get('/register')).headers.get('location'), '/register/2')
  for (let reload = 0; reload < 2; reload++) t.is((await browser.get('/register/2')).status, 200)
  await browser.post('/register/2', PLACE)
  t.is((await browser.get('/register')).headers.get('location'), '/register/3')
  t.regex((await browser.get('/register/2')).text, /value="Street 1"/)
  await browser.post('/register/2', { ...PLACE, line1: 'Street 2' })
  t.is((await browser.post('/register/3', FINISH)).headers.get('location'), '/account')
  t.is((await users('resumer'))[0]?.line1, 'Street 2')
})

test('two tabs: the data of each are kept, and the slower one finds the account created', async (t) => {
  const browser = app.browser()
  await browser.post('/register/1', person('tabby'))
  const tab = () => browser.post('/register/1', { ...person('tabby'), fullName: 'Tab One' })
  await Promise.all([tab(), browser.post('/register/2', PLACE)])
  const { data, completed_steps } = await progress(browser)
  t.deepEqual(completed_steps, [1, 2])
  t.like(data, { personal: { fullName: 'Tab One' }, address: { line1: 'Street 1' } })
  await browser.post('/register/3', FINISH)
  for (const step of [1, 2, 3]) {
    const late = await browser.post(`/register/${step}`, { ...person('tabby2'), ...PLACE, ...FINISH })
    t.is(late.headers.get('location'), '/account')
    t.is((await browser.json('POST', `/register/${step}`, { accept: true })).status, 409)
  }
  t.deepEqual([(await users('tabby')).length, (await users('tabby2')).length], [1, 0])
})

test('no session ever has the password or its hash, at any step or after a refusal', async (t) => {
  const own = await startApp()
  t.teardown(() => own.close())
  const browser = own.browser()
  const session = async () =>
    JSON.stringify(await own.services.engine.open((await browser.cookie()).split('=')[1] ?? ''))
  const keeps = async (step: string) => t.notRegex(await session(), /argon2|correct horse|passwordHash/, step)
  await browser.post('/register/1', { ...person('keeper'), ...FINISH, passwordHash: '$argon2id$x' })
  await keeps('1')
  await browser.post('/register/2', { ...PLACE, ...FINISH })
  await keeps('2')
  const refused = await browser.post('/register/3', { ...FINISH, accept: '' })
  t.is(refused.status, 422)
  t.notRegex(refused.text, /correct horse/)
  await keeps('refused')
  await browser.post('/register/3', FINISH)
  t.notRegex(await session(), /"passwordHash"|correct horse|argon2|"registration"/)
  t.notRegex((await browser.get('/account')).text, /argon2|correct horse/)
  const folder = dirname(own.services.config.databaseUrl.replace('sqlite:', ''))
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name))
  t.true(files.length > 0)
  for (const file of files) t.false((await readFile(file)).includes(FINISH.password), file)
})

test('a registration that an older version began goes on, and loses its hash with the first form', async (t) => {
  const browser = app.browser()
  await browser.post('/register/1', person('older'))
  await browser.post('/register/2', PLACE)
  const { engine, config } = app.services
  const opened = await openSession({ ...config.session, engine }, await browser.cookie())
  opened.session.updateAll((data) => {
    const { d } = data['registration'] as { d: { data: SessionData } }
    d.data['personal'] = { ...person('older'), passwordHash: '$argon2id$v=19$old' }
  })
  await opened.session.save()
  const stored = async () => JSON.stringify(await engine.open((await browser.cookie()).split('=')[1] ?? ''))
  t.regex(await stored(), /argon2/)
  for (const step of [1, 2, 3]) {
    t.is((await browser.get(`/register/${step}`)).status, 200)
    t.notRegex((await browser.json('GET', `/register/${step}`)).text, /argon2/)
  }
  t.is((await browser.post('/register/3', { ...FINISH, accept: '' })).status, 422)
  t.notRegex(await stored(), /argon2|passwordHash/)
  t.regex(await stored(), /older/)
  t.is((await browser.post('/register/3', FINISH)).headers.get('location'), '/account')
  t.is((await users('older')).length, 1)
})

testOn({ SESSION_ENGINE: 'db', SESSION_FORMAT: 'sealed' })(
  'the last step sent twice is one account and two welcomes, but not with another password',
  async (t) => {
    const browser = app.browser()
    await browser.post('/register/1', person('twice'))
    await browser.post('/register/2', PLACE)
    const cookie = await browser.cookie()
    const finish = (password: string) =>
      app.browser().post('/register/3', { accept: 'true', password, repeat: password }, { cookie })
    const answers = await Promise.all([finish(FINISH.password), finish(FINISH.password)])
    t.deepEqual(
      answers.map(({ status, headers }) => [status, headers.get('location')]),
      [
        [303, '/account'],
        [303, '/account'],
      ],
    )
    t.is((await users('twice')).length, 1)
    // Both answers lead to the one session that is signed in.
    const [row] = await users('twice')
    t.is((await app.services.engine.listUser(String(row.id))).listed.length, 1)
  },
)

testOn(COOKIES)(
  'two tabs that finish one registration with different passwords: one is welcome, the other is told',
  async (t) => {
    const own = await startApp(COOKIES)
    t.teardown(() => own.close())
    const browser = own.browser()
    await browser.post('/register/1', person('differ'))
    await browser.post('/register/2', PLACE)
    const cookie = await browser.cookie()
    const finish = (password: string) =>
      own.browser().post('/register/3', { accept: 'true', password, repeat: password }, { cookie })
    t.is((await finish('a first long password')).status, 303)
    t.is((await finish('a second long password')).status, 422)
    t.is((await finish('a first long password')).status, 303)
    t.is((await signIn(own.browser(), 'differ', 'a second long password')).status, 422)
    t.is((await signIn(own.browser(), 'differ', 'a first long password')).status, 303)
  },
)

testOn(COOKIES)('an old cookie of a registration tells no more of the password than a sign-in does', async (t) => {
  const own = await startApp({ ...COOKIES, ATTEMPTS_PER_ADDRESS: '100000' })
  t.teardown(() => own.close())
  const browser = own.browser()
  await browser.post('/register/1', person('oracle'))
  await browser.post('/register/2', PLACE)
  const cookie = await browser.cookie()
  t.is((await browser.post('/register/3', FINISH)).headers.get('location'), '/account')

  const again = async (password: string) =>
    await own.browser().post('/register/3', { ...FINISH, password, repeat: password }, { cookie })
  const started = performance.now()
  const guesses: Answer[] = []
  for (let n = 0; n < 20; n++) guesses.push(await again(`wrong horse battery ${n}`))
  t.true(withStatus(guesses, 422).length <= allowedIn(performance.now() - started))
  t.is(withStatus(guesses, 422).length + withStatus(guesses, 429).length, 20)
  // On a slow machine the delay may be over by now.
  const counter = own.services.knex('failed_attempts').whereLike('counter', 'account %')
  t.is(await counter.update({ next_at: Date.now() + 60_000 }), 1)
  t.is((await own.browser().post('/login', { username: 'oracle', password: 'wrong' })).status, 429)

  await own.services.knex('failed_attempts').delete()
  t.is((await again(FINISH.password)).headers.get('location'), '/account')
  await own.services
    .knex('users')
    .where({ username: 'oracle' })
    .decrement('created_at', 11 * 60_000)
  const late = await again(FINISH.password)
  t.is(late.status, 422)
  t.regex(late.text, /This username is taken/)
})

test('a class behind one address registers: only looks at names that lead to no account are limited', async (t) => {
  const own = await startApp({ ATTEMPTS_PER_ADDRESS: '3' })
  t.teardown(() => own.close())
  for (let n = 0; n < 4; n++) {
    const browser = own.browser()
    t.is((await browser.post('/register/1', person(`pupil-${n}`))).status, 303)
    await browser.post('/register/2', PLACE)
    t.is((await browser.post('/register/3', FINISH)).headers.get('location'), '/account')
  }
  const looks = []
  for (let n = 0; n < 4; n++) looks.push((await own.browser().post('/register/1', person(`other-${n}`))).status)
  t.deepEqual(looks, [303, 303, 303, 429])
})

// Serial: the queue is that of the whole process.
test.serial('whoever has to wait in the last step sees it again, and in the first what was typed', async (t) => {
  const own = await startApp({ ATTEMPTS_PER_ADDRESS: '3' })
  t.teardown(() => own.close())
  const browser = own.browser()
  await browser.post('/register/1', person('patient'))
  await browser.post('/register/2', PLACE)
  limitPasswordQueue(0)
  const busy = await browser.post('/register/3', FINISH)
  const json = await browser.json('POST', '/register/3', FINISH)
  limitPasswordQueue(own.services.config.passwordQueue)
  t.is(busy.status, 503)
  t.regex(busy.headers.get('retry-after') ?? '', /^\d+$/)
  t.regex(
    busy.text,
    /action="\/register\/3"[\s\S]*id="password-error">Too many people[\s\S]*name="accept"[^>]* checked/,
  )
  t.false(busy.text.includes(FINISH.password))
  t.is(json.status, 503)

  const late = await browser.post('/register/3', FINISH)
  t.is(late.status, 429, 'the looks at names are used up')
  t.regex(late.headers.get('retry-after') ?? '', /^\d+$/)
  t.regex(late.text, /id="password-error">Too many attempts\.[\s\S]*name="accept"[^>]* checked/)
  t.false(late.text.includes(FINISH.password))
  const first = await own.browser().post('/register/1', { ...person('typed'), email: 'typed@example.com' })
  t.is(first.status, 429)
  t.regex(first.text, /id="username-error">Too many attempts\.[\s\S]*value="typed@example\.com"/)
  await own.services.knex('failed_attempts').delete()
  t.is((await browser.post('/register/3', FINISH)).headers.get('location'), '/account')
})
