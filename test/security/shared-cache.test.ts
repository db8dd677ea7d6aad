import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gunzipSync } from 'node:zlib'
import test from 'ava'
import { CookieJar } from 'tough-cookie'
import { isSignedIn, signIn } from '../features/account/steps.ts'
import { startApp, TestBrowser } from '../support/app.ts'
import { accessRows, examplePath } from '../support/routes.ts'
import { startSharedCache } from '../support/shared-cache.ts'

const PEOPLE = { ada: 'Mark of Ada', grace: 'Mark of Grace' }
const MARK = /Mark of (Ada|Grace)/g

for (const env of [{}, { SESSION_SAVE_EVERY_REQUEST: 'true' }] as Record<string, string>[]) {
  test(`behind a shared cache nobody gets a page of somebody else, on any route (ASVS 14.2.2) ${Object.keys(env)}`, async (t) => {
    const app = await startApp(env)
    const cache = await startSharedCache(app.origin)
    t.teardown(async () => {
      cache.close()
      await app.close()
    })
    const browser = async (username: keyof typeof PEOPLE) => {
      await app.services.knex('users').where({ username }).update({ full_name: PEOPLE[username] })
      const one = new TestBrowser(cache.origin, new CookieJar())
      t.is((await signIn(one, username)).status, 303)
      return one
    }
    const [ada, grace] = [await browser('ada'), await browser('grace')]
    const stranger = new TestBrowser(cache.origin, new CookieJar())
    const secrets = [await ada.cookie(), await grace.cookie()].map((cookie) => cookie.split('=')[1] ?? '')
    const access = await accessRows()
    const paths = app.routes.filter(({ method }) => method === 'GET').map(({ path }) => path)
    const hasForm = app.routes.some(({ method, path }) => method === 'POST' && path === '/preferences')

    for (let round = 0; round < 3; round++) {
      // A message for the next page of Ada alone.
      if (round === 1 && hasForm) await ada.post('/preferences', { theme: 'dark' })
      for (const path of [...paths, '/nothing-here']) {
        const address = examplePath(path)
        const headers = { 'accept-encoding': round === 2 ? 'identity' : 'gzip' }
        const whose: [who: string, browser: TestBrowser, more: Record<string, string>, own?: string][] = [
          ['Ada', ada, {}, PEOPLE.ada],
          ['Grace', grace, {}, PEOPLE.grace],
          ['a stranger', stranger, {}],
          ['an empty cookie', stranger, { cookie: '' }],
          ['a foreign cookie', stranger, { cookie: 'other=1' }],
          ['Grace, with the ETag of Ada', grace, {}, PEOPLE.grace],
        ]
        let etag = ''
        for (const [who, one, more, own] of whose) {
          const tagged = who.includes('ETag') && etag !== '' ? { 'if-none-match': etag } : {}
          const { text, headers: got, status } = await one.get(address, { ...headers, ...more, ...tagged })
          if (who === 'Ada') etag = got.get('etag') ?? ''
          const marks = [...text.matchAll(MARK)].map(([mark]) => mark)
          t.true(
            marks.every((mark) => mark === own),
            `${who} sees ${marks} on ${path}`,
          )
          for (const secret of secrets) t.false(text.includes(secret), path)
          if (own === undefined) t.notRegex(text, /action="\/logout"/, `${who} seems signed in on ${path}`)
          else if (access[`GET ${path}`] === 'everyone' && status === 200) t.regex(text, /action="\/logout"/, path)
          if (own === undefined) t.deepEqual(got.getSetCookie(), [], `${who} gets a cookie on ${path}`)
        }
        const head = await fetch(cache.origin + address, { method: 'HEAD', redirect: 'manual' })
        t.deepEqual(head.headers.getSetCookie(), [], path)
      }
    }
    for (const { url, headers, body } of cache.stored()) {
      t.is(headers['set-cookie'], undefined, url)
      const text = headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body
      t.notRegex(text.toString(), MARK, url)
    }
    t.true(await isSignedIn(ada))
    // Something is kept, or nothing would have been tried.
    for (let n = 0; n < 2; n++) t.is((await fetch(`${cache.origin}/assets/style.css`)).status, 200)
    t.true(cache.hits() > 0)
  })
}

test('the cache of this test keeps what may be kept, and would show a page that does not say whose it is', async (t) => {
  let served = 0
  const headersOf: Record<string, Record<string, string>> = {
    '/careless': { 'Set-Cookie': 'sid=1' },
    '/varies': { Vary: 'Cookie' },
    '/private': { 'Cache-Control': 'private' },
    '/no-store': { 'Cache-Control': 'no-store' },
    '/no-cache': { 'Cache-Control': 'no-cache', ETag: '"a"' },
    '/stale': { 'Cache-Control': 'max-age=0' },
    '/any': { Vary: '*' },
  }
  const server = createServer((incoming, outgoing) => {
    served++
    const headers = headersOf[incoming.url ?? ''] ?? {}
    if (headers['ETag'] !== undefined && incoming.headers['if-none-match'] === headers['ETag']) {
      return void outgoing.writeHead(304, headers).end()
    }
    outgoing.writeHead(200, headers).end(`for ${incoming.headers.cookie}`)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const cache = await startSharedCache(`http://localhost:${(server.address() as AddressInfo).port}`)
  t.teardown(() => {
    cache.close()
    server.close()
    server.closeAllConnections()
  })
  const texts = async (path: string) => {
    const get = async (cookie: string) => await (await fetch(cache.origin + path, { headers: { cookie } })).text()
    return [await get('a'), await get('b'), await get('a')]
  }
  t.deepEqual(await texts('/careless'), ['for a', 'for a', 'for a'])
  t.deepEqual(await texts('/no-cache'), ['for a', 'for a', 'for a'])
  t.is(served, 4, 'the first page once, the other each time')
  for (const path of ['/varies', '/private', '/no-store', '/stale', '/any']) {
    t.deepEqual(await texts(path), ['for a', 'for b', 'for a'], path)
  }
  t.is(cache.hits(), 5)
})
