import test from 'ava'
import { type Answer, startApp, type TestApp, type TestBrowser } from '../support/app.ts'
import notes from '../support/notes.ts'
import { signIn } from '../support/notes-steps.ts'
import { accessRows, examplePath } from '../support/routes.ts'

const SAFE = new Set(['GET', 'HEAD', 'OPTIONS'])

let app: TestApp
test.before(async () => {
  app = await startApp({}, undefined, [notes])
})
test.after.always(() => app?.close())

// Of the application itself: those of the notes are there to sign in.
const own = () => app.routes.filter(({ method, path }) => method !== 'HEAD' && !path.startsWith('/notes'))

/** Every route, with who may use it. */
async function routes() {
  const access = await accessRows()
  return own().map(({ method, path }) => ({ method, path: examplePath(path), access: access[`${method} ${path}`] }))
}

const asHtml = (browser: TestBrowser, method: string, path: string) =>
  method === 'GET' ? browser.get(path) : browser.post(path)

test('every route says who may use it, and no row is left of a route that is gone', async (t) => {
  const known = own().map(({ method, path }) => `${method} ${path}`)
  const rows = Object.keys(await accessRows())
  const unsaid = known.filter((route) => !rows.includes(route))
  t.deepEqual(unsaid, [], 'say who may use these routes in test/features/<feature>/access.ts')
  t.deepEqual(rows.sort(), known.sort())
})

test('routes of users and staff refuse strangers, and those of staff refuse users (ASVS 8.2.1)', async (t) => {
  const user = app.browser()
  await signIn(user, 'grace')
  for (const { method, path, access } of await routes()) {
    if (access !== 'users' && access !== 'staff') continue
    const page = await asHtml(app.browser(), method, path)
    t.is(page.status, 303, path)
    t.regex(page.headers.get('location') ?? '', /^\/login\?next=/)
    t.is((await app.browser().json(method, path, method === 'GET' ? undefined : {})).status, 401, path)
    if (access === 'staff') t.is((await asHtml(user, method, path)).status, 403, path)
  }
})

test('requests of other origins are refused on every route, with every unsafe method (ASVS 3.5.1, 3.5.3)', async (t) => {
  for (const { path } of await routes()) {
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE']) {
      const headers = { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' }
      const { status } = await fetch(app.origin + path, { method, headers, redirect: 'manual' })
      t.is(status, 403, `${method} ${path}`)
    }
  }
})

test('what depends on the session is kept by no shared cache (ASVS 14.3.2, 14.2.2)', async (t) => {
  const user = app.browser()
  await signIn(user, 'ada')
  for (const { method, path, access } of await routes()) {
    if (method !== 'GET') continue
    const [stranger, personal] = [await app.browser().get(path), await user.get(path)]
    if (access === 'everyone, without a session') {
      t.is(personal.text, stranger.text, path)
      t.notRegex(personal.headers.get('vary') ?? '', /cookie/i, path)
      continue
    }
    t.regex(stranger.headers.get('vary') ?? '', /cookie/i, path)
    t.regex(personal.headers.get('vary') ?? '', /cookie/i, path)
    t.regex(personal.headers.get('cache-control') ?? '', /no-store/, path)
  }
})

test('HEAD answers as GET without a body, OPTIONS names the methods, and neither begins a session', async (t) => {
  for (const { method, path } of await routes()) {
    if (method !== 'GET') continue
    const answers = await Promise.all(
      ['GET', 'HEAD', 'OPTIONS'].map((name) =>
        fetch(app.origin + path, { method: name, headers: { accept: 'text/html' }, redirect: 'manual' }),
      ),
    )
    const [get, head, options] = answers
    t.deepEqual([head?.status, await head?.text()], [get?.status, ''], path)
    t.is(options?.status, 204, path)
    t.regex(options?.headers.get('allow') ?? '', /GET, HEAD/, path)
    for (const { headers } of answers) t.deepEqual(headers.getSetCookie(), [], path)
  }
})

function checkHeaders({ headers }: Answer): string[] {
  const wanted: Record<string, RegExp> = {
    'content-security-policy': /default-src 'self'.*object-src 'none'.*frame-ancestors 'none'/,
    'x-content-type-options': /^nosniff$/,
    'x-frame-options': /^DENY$/,
    'referrer-policy': /^same-origin$/,
    'strict-transport-security': /^max-age=31536000; includeSubDomains$/,
    'cross-origin-opener-policy': /^same-origin$/,
    'cross-origin-resource-policy': /^same-origin$/,
  }
  return Object.keys(wanted).filter((name) => !wanted[name]?.test(headers.get(name) ?? ''))
}

// Behind a proxy that speaks TLS.
const PRODUCTION = {
  NODE_ENV: 'production',
  SECRET_KEY: 'kP3v9QzX7mW2sL5tR8yB1nC4dF6gH0jA-long-enough',
  TRUSTED_PROXIES: '1',
}
const TLS = { 'x-forwarded-proto': 'https', 'x-forwarded-for': '192.0.2.1' }

test('security headers are on every kind of answer: 200, 303, 403, 404, 405, 500 (ASVS 3.4.1, 3.4.3 to 3.4.6, 3.4.8, 3.5.8, 4.1.1, 13.4.6)', async (t) => {
  const site = await startApp(PRODUCTION, undefined, [notes])
  t.teardown(() => site.close())
  const browser = site.browser()
  const answers = [
    await browser.get('/', TLS),
    await browser.get('/notes/user', TLS),
    await browser.post('/', {}, { ...TLS, 'sec-fetch-site': 'cross-site' }),
    await browser.get('/nothing-here', TLS),
    await browser.post('/', {}, TLS),
  ]
  await site.services.knex.schema.dropTable('sessions')
  const name = site.services.config.session.cookie.name
  answers.push(await browser.get('/', { ...TLS, cookie: `${name}=${'a'.repeat(32)}` }))
  t.deepEqual(
    answers.map(({ status }) => status),
    [200, 303, 403, 404, 405, 500],
  )
  for (const answer of answers) {
    t.deepEqual(checkHeaders(answer), [], String(answer.status))
    t.regex(answer.text === '' ? 'charset=utf-8' : (answer.headers.get('content-type') ?? ''), /charset=utf-8$/)
    t.is(answer.headers.get('x-powered-by'), null)
    t.is(answer.headers.get('server'), null)
  }
})

test('every cookie of a visit in production has its attributes, once (ASVS 3.3.1 to 3.3.5, RFC 6265bis)', async (t) => {
  const site = await startApp(PRODUCTION, undefined, [notes])
  t.teardown(() => site.close())
  const origin = site.origin
  let cookie = ''
  const lines: string[] = []
  const send = async (method: string, path: string, form?: Record<string, string>) => {
    const body = form === undefined ? undefined : new URLSearchParams(form)
    const headers = { ...TLS, accept: 'text/html', cookie }
    const answer = await fetch(origin + path, { method, headers, redirect: 'manual', ...(body ? { body } : {}) })
    const set = answer.headers.getSetCookie()
    const names = set.map((line) => line.split('=', 1)[0])
    t.is(new Set(names).size, names.length, `${path} sets a cookie twice`)
    lines.push(...set)
    const text = await answer.text()
    for (const line of set) {
      const pair = line.split(';', 1)[0] ?? ''
      const value = pair.slice(pair.indexOf('=') + 1)
      if (value.length > 16) t.false(text.includes(value), `${path} shows a cookie`)
      if (pair.startsWith(site.services.config.session.cookie.name)) cookie = pair
    }
  }
  await send('POST', '/notes/sign-in', { username: 'ada' })
  for (const { method, path } of site.routes) if (method === 'GET') await send('GET', examplePath(path))
  for (const { method, path } of site.routes) {
    if (!SAFE.has(method) && !/logout|sign-out/.test(path)) await send(method, examplePath(path), {})
  }
  await send('POST', '/notes/sign-out', {})
  t.true(lines.length >= 2)
  for (const line of lines) {
    const [pair = '', ...attributes] = line.split('; ')
    const names = attributes.map((one) => one.split('=', 1)[0])
    t.regex(pair, /^__Host-[!#$%&'*+\-.^_`|~\w]+=[!#-+\--:<-[\]-~]*$/, 'a token and cookie octets')
    t.true(pair.length <= 4096)
    t.is(new Set(names).size, names.length, line.replace(pair, ''))
    for (const wanted of ['Secure', 'Path=/']) t.true(attributes.includes(wanted), wanted)
    // A removed cookie, as in Django, has no value to hide.
    t.true(attributes.includes('HttpOnly') || line.includes('; Max-Age=0;'), 'HttpOnly')
    t.regex(line, /; SameSite=(Lax|Strict)(;|$)/)
    t.false(names.includes('Domain') || names.includes('Partitioned'))
    t.true(Number(/Max-Age=(\d+)/.exec(line)?.[1] ?? 0) <= 34_560_000)
  }
})
