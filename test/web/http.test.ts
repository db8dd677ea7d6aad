import { connect } from 'node:net'
import test from 'ava'
import { has } from '../storage/present.ts'
import { startApp, type TestApp } from '../support/app.ts'
import { postPaths } from '../support/routes.ts'
import { statementCounter } from '../support/statements.ts'

let app: TestApp
test.before(async () => {
  app = await startApp()
})
test.after.always(() => app?.close())

/** Every route that changes something, and one that does not. */
async function posts(): Promise<string[]> {
  return ['/', ...(await postPaths())]
}

test('forms of other origins are refused on every route, and change nothing (ASVS 3.5.1, 3.5.2)', async (t) => {
  const foreign: Record<string, string>[] = [
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
    { 'sec-fetch-site': 'cross-site', origin: app.origin },
    { 'sec-fetch-site': 'same-origin', origin: 'https://evil.example' },
    { origin: 'https://evil.example' },
    { origin: 'null' },
    { origin: `${app.origin}.evil.example` },
    { origin: 'https://evil.example', 'x-requested-with': 'XMLHttpRequest' },
    { 'sec-fetch-site': 'cross-site', 'content-type': 'text/plain' },
    { 'sec-fetch-site': 'cross-site', 'content-type': 'multipart/form-data; boundary=x' },
  ]
  const before = await app.services.knex('sessions').count({ count: '*' })
  for (const path of await posts()) {
    for (const headers of foreign) {
      const response = await fetch(app.origin + path, { method: 'POST', headers, body: 'a=1', redirect: 'manual' })
      t.is(response.status, 403, `${path} ${JSON.stringify(headers)}`)
      t.deepEqual(response.headers.getSetCookie(), [])
    }
  }
  t.deepEqual(await app.services.knex('sessions').count({ count: '*' }), before)
})

test('forms of the same origin, and clients other than browsers, are accepted', async (t) => {
  for (const headers of [
    {},
    { 'sec-fetch-site': 'same-origin' },
    { 'sec-fetch-site': 'none' },
    { origin: app.origin },
  ]) {
    const response = await fetch(app.origin, {
      method: 'POST',
      headers: { accept: 'application/json', ...headers },
      redirect: 'manual',
    })
    t.not(response.status, 403)
  }
})

test('safe methods change nothing, whatever their parameters (ASVS 3.5.3)', async (t) => {
  const before = await app.services.knex('sessions').count({ count: '*' })
  for (const path of await posts()) {
    for (const method of ['GET', 'HEAD', 'OPTIONS']) {
      const headers = { 'x-http-method-override': 'POST', 'x-http-method': 'DELETE' }
      const response = await fetch(`${app.origin}${path}?_method=POST`, { method, headers, redirect: 'manual' })
      t.true(response.status < 500, `${method} ${path} ${response.status}`)
      t.deepEqual(response.headers.getSetCookie(), [])
    }
  }
  t.deepEqual(await app.services.knex('sessions').count({ count: '*' }), before)
})

test('a page that never asks for the session: no statement, no Vary: Cookie, no cookie', async (t) => {
  const own = await startApp()
  t.teardown(() => own.close())
  const counted = await statementCounter(own.services.knex, own.services.sessionKnex)
  const cookie = `sessionid=${'a'.repeat(32)}`
  for (const path of ['/healthz', '/assets/style.css', '/assets/favicon.svg', '/assets/none', '/nothing-here']) {
    let response: Response | undefined
    t.is(await counted(async () => (response = await fetch(own.origin + path, { headers: { cookie } }))), 0, path)
    t.notRegex(response?.headers.get('vary') ?? '', /cookie/i, path)
    t.deepEqual(response?.headers.getSetCookie(), [], path)
  }
})

test('many anonymous requests store nothing (CVE-2015-5143)', async (t) => {
  const own = await startApp()
  t.teardown(() => own.close())
  for (let n = 0; n < 300; n++) {
    const cookie = n % 2 === 0 ? undefined : `sessionid=${String(n).padStart(32, 'x')}`
    const response = await fetch(own.origin, cookie === undefined ? {} : { headers: { cookie } })
    t.deepEqual(response.headers.getSetCookie(), [])
    await response.arrayBuffer()
  }
  t.deepEqual(await own.services.knex('sessions').count({ count: '*' }), [{ count: 0 }])
})

test('security headers are on pages, redirects, refusals and files alike', async (t) => {
  for (const path of ['/', '/nothing-here', '/assets/style.css']) {
    const { headers } = await fetch(app.origin + path, { redirect: 'manual' })
    const policy = headers.get('content-security-policy') ?? ''
    for (const part of [
      "default-src 'self'",
      "object-src 'none'",
      "base-uri 'none'",
      "frame-ancestors 'none'",
      "form-action 'self'",
    ])
      t.true(policy.includes(part), part)
    t.notRegex(policy, /unsafe/)
    t.is(headers.get('x-content-type-options'), 'nosniff')
    t.is(headers.get('x-frame-options'), 'DENY')
    t.is(headers.get('referrer-policy'), 'same-origin')
    t.is(headers.get('cross-origin-opener-policy'), 'same-origin')
    t.is(headers.get('x-powered-by'), null)
    t.is(headers.get('access-control-allow-origin'), null)
  }
})

test('no response reflects an origin (ASVS 3.4.2)', async (t) => {
  for (const origin of ['https://evil.example', 'null', `${app.origin}.evil.example`]) {
    const { headers } = await fetch(app.origin, { headers: { origin } })
    t.is(headers.get('access-control-allow-origin'), null)
    t.is(headers.get('access-control-allow-credentials'), null)
  }
})

test('errors are pages or JSON, without internal details (ASVS 16.5.1)', async (t) => {
  const page = await app.browser().get('/nothing-here')
  t.is(page.status, 404)
  t.regex(page.text, /<h1>Page not found<\/h1>/)
  t.regex(page.headers.get('cache-control') ?? '', /no-store/)
  const json = await app.browser().json('GET', '/nothing-here')
  t.deepEqual([json.status, json.json()], [404, { error: 'Page not found' }])
})

if (has('db', 'sealed')) {
  test('a missing table is a 500 and a database that is down a 503, without internal details (ASVS 16.5.1, 16.5.2)', async (t) => {
    const own = await startApp()
    t.teardown(() => own.close())
    await own.services.knex.schema.dropTable('sessions')
    const cookie = `sessionid=${'a'.repeat(32)}`
    // A missing table is a mistake, which does not pass by itself; a database that is down may.
    for (const [status, retryAfter] of [
      [500, null],
      [503, '5'],
    ]) {
      const out = await own.browser().get('/', { cookie })
      t.deepEqual([out.status, out.headers.get('retry-after')], [status, retryAfter])
      t.deepEqual(out.headers.getSetCookie(), [])
      t.notRegex(out.text, /sqlite|SELECT|no such table|node_modules|\.ts:/i)
      await own.services.sessionKnex.destroy()
    }
    t.is((await own.browser().get('/healthz', { cookie })).status, 200)
    t.is((await own.browser().get('/assets/style.css', { cookie })).status, 200)
  })
}

test('odd paths are 404, without a redirect to anywhere (CVE-2021-23384)', async (t) => {
  for (const path of [
    '//evil.example/',
    '/\\evil.example/',
    '/assets/../package.json',
    '/assets/%2e%2e/package.json',
    '/assets/..%2fpackage.json',
    '/assets/%00',
    '/account/x.css',
    '/%ff',
    `/${'x'.repeat(5000)}`,
  ]) {
    const answer = await raw(path)
    t.regex(answer, /^HTTP\/1\.1 (404|400|403)/, path.slice(0, 40))
    t.notRegex(answer, /^Location:/im, path)
    t.notRegex(answer, /"devDependencies"/)
  }
})

test('several Cookie lines are one; TRACE and broken requests are refused (ASVS 13.4.4)', async (t) => {
  t.regex(await raw('/healthz', 'GET', 'Cookie: a=1\r\nCookie: b=2\r\n'), /^HTTP\/1\.1 200/)
  t.regex(await raw('/', 'TRACE'), /^HTTP\/1\.1 (404|405|501)/)
  t.regex(await raw('/', 'POST', 'Content-Length: 3\r\nTransfer-Encoding: chunked\r\n'), /^HTTP\/1\.1 400/)
})

test('unchanged content is a 304', async (t) => {
  for (const path of ['/assets/style.css', '/']) {
    const first = await fetch(app.origin + path)
    const tag = first.headers.get('etag') ?? ''
    t.regex(tag, /^W\/"/)
    await first.arrayBuffer()
    const again = await fetch(app.origin + path, { headers: { 'if-none-match': tag, 'cache-control': 'max-age=0' } })
    t.deepEqual([again.status, (await again.arrayBuffer()).byteLength], [304, 0], path)
  }
})

test('liveness and readiness', async (t) => {
  const own = await startApp()
  t.teardown(() => own.close())
  const all = await own.browser().json('GET', '/readyz')
  t.like(all.json(), { status: 'ok', database: 'ok', sessions: 'ok' })
  await Promise.all([own.services.knex.destroy(), own.services.sessionKnex.destroy()])
  const out = await own.browser().json('GET', '/readyz')
  t.deepEqual([out.status, out.headers.get('retry-after')], [503, '5'])
  t.like(out.json(), { status: 'unavailable', database: 'unavailable' })
  if (has('db')) t.like(out.json(), { sessions: 'unavailable' })
  t.is((await own.browser().json('GET', '/healthz')).status, 200)
})

test('personal responses are private, anonymous ones vary by cookie (ASVS 14.3.2)', async (t) => {
  const stranger = await app.browser().get('/')
  t.regex(stranger.headers.get('vary') ?? '', /Cookie/)
  t.is(stranger.headers.get('cache-control'), null)
})

/** One request exactly as written, and the beginning of its answer. */
function raw(path: string, method = 'GET', headers = ''): Promise<string> {
  const { port } = new URL(app.origin)
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), '127.0.0.1', () => {
      socket.write(`${method} ${path} HTTP/1.1\r\nHost: localhost:${port}\r\nConnection: close\r\n${headers}\r\n`)
    })
    let text = ''
    socket.setEncoding('utf8').on('data', (chunk) => (text += chunk))
    socket.on('close', () => resolve(text)).on('error', reject)
  })
}
