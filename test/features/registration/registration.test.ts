import test from 'ava'
import { LANGUAGES } from '../../../src/web/languages.ts'
import { startApp, type TestApp } from '../../support/app.ts'
import { translations } from '../../support/translations.ts'
import { FINISH, PERSON, PLACE, person, progress } from './steps.ts'

let app: TestApp
test.before(async () => {
  app = await startApp()
})
test.after.always(() => app?.close())

const users = async (username: string) => await app.services.knex('users').where({ username_key: username }).select()

test('JSON has the progress, and never the password', async (t) => {
  const browser = app.browser()
  t.deepEqual(await progress(browser), { current_step: 1, total_steps: 3, completed_steps: [], data: {} })
  await browser.post('/register/1', person('jason'))
  const after = await progress(browser, 2)
  t.deepEqual(after, {
    current_step: 2,
    total_steps: 3,
    completed_steps: [1],
    data: { personal: { username: 'jason', fullName: 'New Comer', email: 'new@example.com' } },
  })
  t.notRegex(JSON.stringify(after), /argon2|correct horse/)
})

test('steps cannot be skipped, repeated with errors or invented (ASVS 2.3.1)', async (t) => {
  const browser = app.browser()
  for (const step of [2, 3]) {
    t.is((await browser.get(`/register/${step}`)).headers.get('location'), '/register/1')
    t.is((await browser.post(`/register/${step}`, { ...PLACE, ...FINISH })).headers.get('location'), '/register/1')
    t.is((await browser.json('POST', `/register/${step}`, { accept: true })).status, 409)
  }
  for (const step of ['0', '4', '-1', '999', 'NaN', '1.5', '01', '1e0', '__proto__']) {
    t.is((await browser.get(`/register/${step}`)).status, 404, step)
    t.is((await browser.post(`/register/${step}`, PERSON)).status, 404, step)
  }
  t.is((await users('newcomer')).length, 0)
})

test('fields of other steps and extra fields are ignored', async (t) => {
  const browser = app.browser()
  await browser.post('/register/1', {
    ...person('plain'),
    is_staff: 'true',
    isStaff: 'true',
    role: 'admin',
    id: '1',
    line1: 'x',
    accept: 'true',
    passwordHash: 'x',
  })
  t.deepEqual(Object.keys((await progress(browser)).data), ['personal'])
  await browser.post('/register/2', { ...PLACE, username: 'other', is_staff: 'true' })
  await browser.post('/register/3', { ...FINISH, username: 'third', is_staff: 'true' })
  t.like((await users('plain'))[0], { is_staff: 0 })
  t.deepEqual([(await users('other')).length, (await users('third')).length], [0, 0])
})

test('invalid input: errors beside the field, with the input, without the password', async (t) => {
  const browser = app.browser()
  const refused = await browser.post('/register/1', {
    ...PERSON,
    username: 'x',
    email: 'nonsense',
    fullName: '<b>Bold</b>',
  })
  t.is(refused.status, 422)
  t.regex(refused.text, /id="username-error"/)
  t.regex(refused.text, /id="email-error"/)
  t.regex(refused.text, /value="&lt;b&gt;Bold&lt;\/b&gt;"/)
  t.notRegex(refused.text, /<b>Bold/)
  t.is(refused.headers.getSetCookie().length, 0)
  const cases: [Record<string, unknown>, string][] = [
    [{ username: 'a b' }, 'username'],
    [{ username: '../x' }, 'username'],
    [{ username: ['a', 'b'] }, 'username'],
    [{ username: { $ne: 1 } }, 'username'],
    [{ email: 'a@b' }, 'email'],
    [{ fullName: '' }, 'fullName'],
    [{ fullName: 'a\u0000b' }, 'fullName'],
    [{ fullName: 'x'.repeat(151) }, 'fullName'],
    [{ email: ['a@example.com'] }, 'email'],
    [{ email: 7 }, 'email'],
    [{ fullName: { first: 'A' } }, 'fullName'],
  ]
  for (const [fields, field] of cases) {
    const answer = await browser.json('POST', '/register/1', { ...PERSON, ...fields })
    t.is(answer.status, 422, JSON.stringify(fields))
    t.true(field in answer.json<{ errors: Record<string, string> }>().errors, JSON.stringify(fields))
  }
  await browser.post('/register/1', person('placer'))
  for (const fields of [
    { country: 'XX' },
    { postcode: '<script>' },
    { line1: ' ' },
    { language: 'fr' },
    { city: 'x'.repeat(101) },
    { line2: 'a\u0000b' },
    { line1: 'a\u0000b' },
    { city: 'a\nb' },
    { line1: ['x'] },
    { line2: { x: 1 } },
    { postcode: 12345 },
    { country: ['DE'] },
    { newsletter: 'maybe' },
    { newsletter: [true] },
  ]) {
    t.is((await browser.json('POST', '/register/2', { ...PLACE, ...fields })).status, 422, JSON.stringify(fields))
  }
})

test('the sign-in page leads to the registration', async (t) => {
  t.regex((await app.browser().get('/login')).text, /<main[\s\S]*<a [^>]*href="\/register">Create an account<\/a>/)
})

test('the second step has the language of the page, unless another one is chosen', async (t) => {
  for (const language of LANGUAGES) {
    const browser = app.browser()
    const headers = { 'accept-language': language }
    await browser.post('/register/1', person(`speaks-${language}`), headers)
    const { text } = await browser.get('/register/2', headers)
    t.regex(text, new RegExp(`name="language" value="${language}" checked`))
    const { language: _chosen, ...place } = PLACE
    await browser.post('/register/2', place, headers)
    t.regex((await browser.get('/register/2')).text, new RegExp(`name="language" value="${language}" checked`))
  }
})

test('a refused form keeps the input, and shows the error', async (t) => {
  const browser = app.browser()
  const taken = await browser.post('/register/1', { ...person('ada'), fullName: 'Ada Two' })
  t.is(taken.status, 422)
  t.regex(taken.text, /id="username-error">This username is taken/)
  for (const value of ['ada', 'Ada Two', 'new@example.com']) t.true(taken.text.includes(`value="${value}"`), value)

  await browser.post('/register/1', person('typist'))
  await browser.post('/register/2', PLACE)
  const { newsletter: _ticked, ...unticked } = PLACE
  const refused = await browser.post('/register/2', { ...unticked, city: '' })
  t.is(refused.status, 422)
  t.regex(refused.text, /name="newsletter"/)
  t.notRegex(refused.text, /name="newsletter"[^>]* checked/, 'a box that was unticked stays so')
})

test('the last step checks the new password, asks for it twice, and keeps the checked box', async (t) => {
  const browser = app.browser()
  await browser.post('/register/1', { ...person('same-as-this'), email: 'long.local.part@example.com' })
  await browser.post('/register/2', PLACE)
  const both = <T>(password: T) => ({ password, repeat: password })
  const cases: [Record<string, unknown>, string][] = [
    [{ password: undefined }, 'password'],
    [both('short'), 'password'],
    [both('elevenchars'), 'password'],
    [both('qwertyuiop12'), 'password'],
    [both('QwertyUiop12'), 'password'],
    [{ password: 123456789012 }, 'password'],
    [both('x'.repeat(1025)), 'password'],
    [both('ä'.repeat(513)), 'password'],
    [both('Same-As-This'), 'password'],
    [both('ｓａｍｅ-as-this-123456'), 'password'],
    [both('long.local.part!'), 'password'],
    [both('Holdfast-Holdfast'), 'password'],
    [{ repeat: 'another long password' }, 'repeat'],
    [{ repeat: ['correct horse battery'] }, 'repeat'],
    [{ accept: false }, 'accept'],
  ]
  for (const [fields, field] of cases) {
    const answer = await browser.json('POST', '/register/3', { ...FINISH, accept: true, ...fields })
    t.is(answer.status, 422, JSON.stringify(fields).slice(0, 60))
    t.deepEqual(Object.keys(answer.json<{ errors: object }>().errors), [field], JSON.stringify(fields).slice(0, 60))
  }
  t.is((await users('same-as-this')).length, 0)
  for (const language of LANGUAGES) {
    const fields = { ...FINISH, ...both('elevenchars') }
    const { text } = await browser.post('/register/3', fields, { 'accept-language': language })
    const said = translations(language)('Use at least {min} characters.', { min: 12 })
    t.true(text.includes(`id="password-error">${said}`), text)
    t.regex(text, /name="accept"[^>]* checked/)
    t.notRegex(text, /elevenchars/)
  }
  t.is((await browser.json('POST', '/register/3', { ...FINISH, accept: true })).status, 200)
})

test('viewing the form stores nothing', async (t) => {
  const browser = app.browser()
  for (const path of ['/register', '/register/1', '/register/2']) {
    t.deepEqual((await browser.get(path)).headers.getSetCookie(), [], path)
    t.deepEqual((await browser.json('GET', path)).headers.getSetCookie(), [], path)
  }
})

test('text of visitors is escaped on the review page', async (t) => {
  const browser = app.browser()
  const evil = '"><script>alert(1)</script>'
  await browser.post('/register/1', { ...person('scripter'), fullName: evil })
  await browser.post('/register/2', { ...PLACE, line1: evil, line2: evil, city: evil })
  for (const step of [1, 2, 3]) {
    const { status, text } = await browser.get(`/register/${step}`)
    t.is(status, 200)
    t.notRegex(text, /<script>alert/)
    t.regex(text, /&lt;script&gt;alert/)
  }
})

test('one address cannot check thousands of usernames', async (t) => {
  const own = await startApp()
  t.teardown(() => own.close())
  const ask = async () => await own.browser().json('POST', '/register/1', person('ada'))
  const answers = await Promise.all(Array.from({ length: 51 }, ask))
  t.is(answers.filter(({ status }) => status === 422).length, 50)
  const [refused] = answers.filter(({ status }) => status === 429)
  t.true(Number(refused?.headers.get('retry-after')) > 0)
})

test('a session that ended on the way: the form begins again, and the address that was typed is kept', async (t) => {
  const browser = app.browser()
  const cookie = `sessionid=${'x'.repeat(32)}`
  const late = await browser.post('/register/2', PLACE, { cookie })
  t.is(late.headers.get('location'), '/register/1?ended')
  t.regex((await browser.get('/register/1?ended')).text, /role="alert">Your session has ended\. Please begin again\./)
  t.is((await browser.post('/register/1', person('latecomer'))).headers.get('location'), '/register/2')
  t.regex((await browser.get('/register/2')).text, /value="Street 1"/)
  const last = await app.browser().post('/register/3', FINISH, { cookie })
  t.is(last.headers.get('location'), '/register/1?ended')
  t.deepEqual(
    last.headers.getSetCookie().filter((line) => !/Max-Age=0/.test(line)),
    [],
    'an invented cookie begins no session',
  )
  t.is((await app.browser().json('POST', '/register/2', PLACE)).status, 409)
  t.deepEqual((await app.browser().post('/register/2', PLACE)).headers.getSetCookie(), [], 'no session, nothing kept')
})
