import test from 'ava'
import { engines } from '../../src/storage/index.ts'
import { isSignedIn, signIn } from '../features/account/steps.ts'
import { isPossible } from '../storage/present.ts'
import { startApp, type TestApp, type TestBrowser } from '../support/app.ts'
import { examplePath } from '../support/routes.ts'

let app: TestApp
let user: TestBrowser
test.beforeEach(async () => {
  app = await startApp()
  user = app.browser()
  await signIn(user, 'grace')
})
test.afterEach.always(() => app?.close())

const SAFE = ['GET', 'HEAD', 'OPTIONS']
const unsafeRoutes = () => app.routes.filter(({ method }) => !SAFE.includes(method))
const pages = () => app.routes.filter(({ method }) => method === 'GET').map(({ path }) => examplePath(path))

/** Every row of every table, without the times of last use. */
async function state(): Promise<string> {
  const { knex } = app.services
  const tables: { name: string }[] = await knex('sqlite_master').where({ type: 'table' }).select('name').orderBy('name')
  const rows = []
  for (const { name } of tables) rows.push([name, await knex(name).select()])
  return JSON.stringify(rows, (key, value) => (/^(last_activity|expires)$/.test(key) ? undefined : value))
}

test.serial('what other sites send changes nothing, whatever its type and form (ASVS 3.5.1, 3.5.2)', async (t) => {
  const cookie = await user.cookie()
  const before = await state()
  const form = 'username=x&password=x&quantity=1&productId=1&theme=dark&accept=true'
  const bodies: [type: string | undefined, body: string][] = [
    ['application/x-www-form-urlencoded', form],
    ['APPLICATION/X-WWW-FORM-URLENCODED', form],
    ['application/json', '{"theme":"dark","quantity":1,"productId":1}'],
    ['application/json;x=y', '{"theme":"dark"}'],
    ['text/plain', '{"theme":"dark","x":"="}'],
    ['multipart/form-data; boundary=x', '--x\r\nContent-Disposition: form-data; name="theme"\r\n\r\ndark\r\n--x--\r\n'],
    [undefined, form],
  ]
  const senders: Record<string, string>[] = [
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
    { origin: 'https://evil.example' },
    { origin: 'null', 'x-requested-with': 'XMLHttpRequest' },
  ]
  for (const { method, path } of unsafeRoutes()) {
    for (const [type, body] of bodies) {
      for (const sender of senders) {
        const headers = { cookie, ...sender, ...(type === undefined ? {} : { 'content-type': type }) }
        const init = { method, headers, body: Buffer.from(body), redirect: 'manual' as const }
        const answer = await fetch(app.origin + examplePath(path), init)
        t.is(answer.status, 403, `${path} ${type} ${JSON.stringify(sender)}`)
        t.deepEqual(answer.headers.getSetCookie(), [], path)
        await answer.arrayBuffer()
      }
    }
  }
  t.is(await state(), before)
  t.true(await isSignedIn(user))
})

test.serial('reading changes nothing of a signed-in user, whatever it asks for (ASVS 3.5.3)', async (t) => {
  const headers = { cookie: await user.cookie(), 'x-http-method-override': 'POST', 'x-method-override': 'DELETE' }
  const before = await state()
  for (const path of new Set(app.routes.map((route) => examplePath(route.path)))) {
    for (const method of SAFE) {
      const url = `${app.origin}${path}?_method=DELETE&theme=dark&quantity=9&password=x&username=x`
      const answer = await fetch(url, { method, headers, redirect: 'manual' })
      t.true(answer.status < 500, path)
      await answer.arrayBuffer()
    }
  }
  t.is(await state(), before)
  t.true(await isSignedIn(user))
})

// What any form has, and what none may set.
const FIELDS = ['username', 'password', 'repeat', 'current', 'next', 'email', 'fullName', 'line1', 'city', 'postcode']
const MORE = [
  'country',
  'language',
  'quantity',
  'productId',
  'total',
  'key',
  'value',
  'theme',
  'accept',
  'token',
  'page',
]
const FORBIDDEN = { isStaff: true, is_staff: 1, role: 'staff', userId: '1', user_id: 1, price: 1, unit_price: 1 }
const VALUES: readonly unknown[] = [
  ['a'],
  [['__proto__'], 'x'],
  { $ne: 1 },
  { toString: 'x' },
  12,
  true,
  null,
  '\u0000',
  '\ud800',
  '__proto__.isStaff',
]

test.serial('fields of any type are no error of the server, and make nobody staff (ASVS 15.3.3, 15.3.5)', async (t) => {
  const { knex } = app.services
  const users = async () => await knex('users').select('username', 'is_staff', 'password_hash')
  const before = await users()
  for (const { method, path } of unsafeRoutes()) {
    const address = examplePath(path)
    for (const value of VALUES) {
      if (!(await isSignedIn(user))) await signIn(user, 'grace')
      const fields = Object.fromEntries([...FIELDS, ...MORE].map((name) => [name, value]))
      for (const browser of [user, app.browser()]) {
        const { status } = await browser.json(method, address, { ...fields, ...FORBIDDEN })
        t.true(status < 500, `${path} ${JSON.stringify(value)}: ${status}`)
      }
    }
    for (const form of ['username[]=a&username[]=b', 'username=a&username=b&next=a&next=b', '__proto__[isStaff]=1']) {
      const headers = { 'content-type': 'application/x-www-form-urlencoded', cookie: await user.cookie() }
      const body = `${form}&constructor[prototype][isStaff]=1&isStaff=true`
      const answer = await fetch(app.origin + address, { method, headers, body, redirect: 'manual' })
      t.true(answer.status < 500, `${path} ${form}: ${answer.status}`)
      await answer.arrayBuffer()
    }
  }
  t.deepEqual(await users(), before)
  t.is(Reflect.get({}, 'isStaff'), undefined)
})

test.serial('the session is read from its cookie and nothing else (ASVS 7.2.1, 14.2.1)', async (t) => {
  const [name = '', key = ''] = (await user.cookie()).split('=')
  const accept = 'application/json'
  const attempts: [path: string, init: RequestInit][] = [
    [`/account?${name}=${key}&sid=${key}`, {}],
    [`/account;${name}=${key}`, {}],
    ['/account', { headers: { authorization: `Bearer ${key}` } }],
    ['/account', { headers: { 'x-session-id': key, 'x-auth-token': key, session: key } }],
    ['/account/password', { method: 'POST', body: new URLSearchParams({ [name]: key, sid: key }) }],
  ]
  for (const [path, init] of attempts) {
    const { status } = await fetch(app.origin + path, { ...init, headers: { accept, ...init.headers } })
    t.true(status === 401 || status === 404, `${path} ${JSON.stringify(init.headers)}: ${status}`)
  }
  for (const path of pages()) {
    const { text, headers } = await user.get(path)
    t.false(text.includes(key) || (headers.get('location') ?? '').includes(key), path)
  }
})

test.serial('what a client says of its role counts for nothing (ASVS 8.3.1)', async (t) => {
  const own = await user.cookie()
  for (const more of ['user=1', 'userId=1; role=staff; isStaff=true', 'is_staff=1; admin=1; known-device=1']) {
    const headers = { cookie: `${own}; ${more}`, 'x-user': '1', 'x-role': 'staff', accept: 'application/json' }
    const answer = await fetch(`${app.origin}/account`, { headers })
    t.like(await answer.json(), { user: { username: 'grace', isStaff: false } }, more)
  }
})

test.serial('every page of a signed-in user has one form to sign out (ASVS 7.4.4)', async (t) => {
  let seen = 0
  for (const path of pages()) {
    const { status, text, headers } = await user.get(path)
    if (status !== 200 || !/html/.test(headers.get('content-type') ?? '')) continue
    // Pages without a session are the same for everybody.
    if (!/cookie/i.test(headers.get('vary') ?? '')) continue
    seen++
    t.is(
      [...text.matchAll(/<form[^>]*method="post"[^>]*action="\/logout"|<form[^>]*action="\/logout"[^>]*method="post"/g)]
        .length,
      1,
      path,
    )
  }
  t.true(seen > 2)
})

test.serial('a path that looks like a file is not a page of the user (ASVS 14.2.5)', async (t) => {
  for (const path of pages().filter((one) => one !== '/')) {
    for (const end of ['/x.css', '%2Fx.js', ';.png', '.css', '%00.css', '%0A.css', '/..%2Fstyle.css', '%3Fx.css']) {
      const { status, text } = await user.get(path + end)
      t.true(status === 404 || status === 400, `${path}${end}: ${status}`)
      t.notRegex(text, /Grace Hopper/, path + end)
    }
  }
})

for (const { name } of engines) {
  const env = { SESSION_ENGINE: name, ...(/cache/.test(name) ? { CACHE_URL: 'memory:' } : {}) }
  if (!isPossible(env)) continue
  test.serial(`${name}: no cookie of the application is taken for another (ASVS 9.2.2)`, async (t) => {
    const own = await startApp(env)
    t.teardown(() => own.close())
    const browser = own.browser()
    await signIn(browser, 'ada')
    const cookies = await browser.jar.getCookies(own.origin)
    t.true(cookies.length >= 2)
    const accept = 'application/json'
    for (const { key } of cookies) {
      for (const { key: other, value } of cookies) {
        const cookie = cookies.map((one) => `${one.key}=${one.key === key ? value : 'x'}`).join('; ')
        const { status } = await fetch(`${own.origin}/account`, { headers: { accept, cookie } })
        t.is(status, key === other && key === own.services.config.session.cookie.name ? 200 : 401, `${other} as ${key}`)
      }
    }
  })
}
