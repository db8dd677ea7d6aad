import test from 'ava'
import { LANGUAGES } from '../../../src/web/languages.ts'
import { startApp, type TestApp, type TestBrowser } from '../../support/app.ts'
import { translations } from '../../support/translations.ts'

const [LANGUAGE = 'en'] = LANGUAGES.slice(-1)

let app: TestApp
test.before(async () => {
  app = await startApp()
})
test.after.always(() => app?.close())

const DEFAULTS = {
  theme: 'light',
  language: 'en',
  timezone: 'UTC',
  items_per_page: 20,
  notifications: { email: true, push: false, sms: false },
}
const FORM = {
  theme: 'light',
  language: 'en',
  timezone: 'UTC',
  items_per_page: '20',
  'notifications.email': 'true',
  boxes: 'shown',
}

const read = async (browser: TestBrowser) => (await browser.json('GET', '/preferences')).json<typeof DEFAULTS>()
const write = (browser: TestBrowser, key: unknown, value: unknown) =>
  browser.json('POST', '/preferences', { key, value })

test('there are defaults, and reading preferences stores nothing', async (t) => {
  const browser = app.browser()
  const answer = await browser.json('GET', '/preferences')
  t.deepEqual(answer.json(), DEFAULTS)
  t.is(answer.headers.get('set-cookie'), null)
})

test('one preference is set by its dotted path; the others keep their defaults', async (t) => {
  const browser = app.browser()
  t.is((await write(browser, 'notifications.email', false)).status, 200)
  await write(browser, 'theme', 'dark')
  t.deepEqual(await read(browser), {
    ...DEFAULTS,
    theme: 'dark',
    notifications: { ...DEFAULTS.notifications, email: false },
  })
  t.deepEqual((await browser.json('POST', '/preferences/reset')).json(), DEFAULTS)
})

test('paths outside the schema are refused and change nothing', async (t) => {
  const browser = app.browser()
  await write(browser, 'theme', 'dark')
  const before = (await browser.json('GET', '/preferences')).text
  const paths: unknown[] = [
    '__proto__.isAdmin',
    'constructor.prototype.x',
    'notifications.__proto__.x',
    'notifications.constructor',
    'prototype.x',
    '__proto__',
    'constructor',
    'toString',
    'hasOwnProperty',
    'toJSON',
    'save',
    'flush',
    '',
    '.',
    'notifications.',
    '.email',
    'notifications.email.x',
    'notifications.fax',
    'a.b.c.d.e.f',
    'theme.x',
    'theme.length',
    '_auth_user_id',
    '_csrf',
    'cart',
    'registration',
    'expires',
    'x'.repeat(65),
    'list.4294967294',
    [['__proto__'], 'x'],
    ['notifications', 'email'],
    1,
    null,
    true,
    { toString: 'theme' },
    undefined,
  ]
  for (const path of paths) {
    const answer = await write(browser, path, 'light')
    t.is(answer.status, 422, JSON.stringify(path))
    t.truthy(answer.json<{ errors?: object }>().errors)
  }
  t.is(({} as Record<string, unknown>)['isAdmin'], undefined)
  t.is(({} as Record<string, unknown>)['x'], undefined)
  t.is((await browser.json('GET', '/preferences')).text, before)
})

test('values outside the schema are refused', async (t) => {
  const browser = app.browser()
  const wrong: [string, unknown][] = [
    ['theme', 'neon'],
    ['theme', ['dark']],
    ['theme', null],
    ['theme', undefined],
    ['language', 'fr'],
    ['timezone', 'Mars/Base'],
    ['timezone', ''],
    ['items_per_page', 4],
    ['items_per_page', 101],
    ['items_per_page', 20.5],
    ['items_per_page', '20'],
    ['notifications.email', 'yes'],
    ['notifications.email', 1],
    ['notifications', 'all'],
    ['notifications', { email: 'x' }],
    ['theme', { $ne: 1 }],
  ]
  for (const [key, value] of wrong)
    t.is((await write(browser, key, value)).status, 422, `${key} ${JSON.stringify(value)}`)
  t.deepEqual(await read(browser), DEFAULTS)
})

test('JSON with __proto__ pollutes no prototype (ASVS 15.3.6)', async (t) => {
  const response = await fetch(`${app.origin}/preferences`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json' },
    body: '{"key":"theme","value":"dark","__proto__":{"isAdmin":true},"constructor":{"prototype":{"isAdmin":true}}}',
  })
  t.true([200, 400, 422].includes(response.status))
  t.is(({} as Record<string, unknown>)['isAdmin'], undefined)
})

test('the form saves all preferences, and shows errors beside the field', async (t) => {
  const browser = app.browser()
  t.is((await browser.post('/preferences', { ...FORM, theme: 'dark', 'notifications.sms': 'true' })).status, 303)
  t.like(await read(browser), { theme: 'dark', notifications: { email: true, push: false, sms: true } })
  const refused = await browser.post('/preferences', {
    ...FORM,
    items_per_page: '4',
    timezone: '"><script>alert(1)</script>',
  })
  t.is(refused.status, 422)
  t.regex(refused.text, /aria-invalid="true"/)
  t.notRegex(refused.text, /<script>alert/)
  t.is((await read(browser)).theme, 'dark')
})

test('a form with only some preferences does not change the others', async (t) => {
  const browser = app.browser()
  await browser.post('/preferences', { ...FORM, timezone: 'Europe/Berlin', 'notifications.sms': 'true' })
  t.is((await browser.post('/preferences', { theme: 'dark' })).status, 303)
  t.like(await read(browser), {
    theme: 'dark',
    timezone: 'Europe/Berlin',
    notifications: { email: true, push: false, sms: true },
  })
  await browser.post('/preferences', { boxes: 'shown', 'notifications.push': 'true' })
  t.like(await read(browser), { theme: 'dark', notifications: { email: false, push: true, sms: false } })
})

test('pages use theme, language and time zone', async (t) => {
  const browser = app.browser()
  const page = await browser.get('/')
  t.regex(page.text, /<html lang="en" data-theme="light">/)
  await browser.post('/preferences', { ...FORM, theme: 'dark', language: LANGUAGE, timezone: 'Asia/Tokyo' })
  const home = await browser.get('/')
  t.true(home.text.includes(`<html lang="${LANGUAGE}" data-theme="dark">`))
  t.true(home.text.includes(translations(LANGUAGE)('Nothing is lost')))
  const time = new Intl.DateTimeFormat(LANGUAGE, { dateStyle: 'medium', timeZone: 'Asia/Tokyo' }).format(Date.now())
  t.true((await browser.get('/preferences')).text.includes(time))
})

test('two tabs save different preferences at once: both are kept', async (t) => {
  const browser = app.browser()
  await write(browser, 'theme', 'dark')
  await Promise.all([
    write(browser, 'language', LANGUAGE),
    write(browser, 'timezone', 'Europe/Berlin'),
    write(browser, 'notifications.sms', true),
  ])
  t.like(await read(browser), {
    theme: 'dark',
    language: LANGUAGE,
    timezone: 'Europe/Berlin',
    notifications: { email: true, sms: true },
  })
})

test('a visitor without a session who saves the defaults, or resets them, is told, and gets no session', async (t) => {
  const own = await startApp()
  t.teardown(() => own.close())
  for (const [path, form, text] of [
    ['/preferences', { theme: 'light' }, /role="status">Your preferences have been saved\./],
    ['/preferences/reset', {}, /role="status">Your preferences have been reset\./],
  ] as const) {
    const browser = own.browser()
    const { headers } = await browser.post(path, form)
    t.deepEqual(headers.getSetCookie(), [])
    t.regex((await browser.get(headers.get('location') ?? '')).text, text)
  }
})
