import Router from '@koa/router'
import test from 'ava'
import Koa, { type Context } from 'koa'
import { allowedMethods } from '../../src/web/methods.ts'
import { startApp, type TestApp } from '../support/app.ts'
import { listen } from '../support/koa.ts'
import notes from '../support/notes.ts'
import { examplePath } from '../support/routes.ts'

let app: TestApp
/** The methods of every route. */
const routes = new Map<string, Set<string>>()
/** The allowed methods of every path, of routes and of what has none. */
let known: [string, string[]][]
test.before(async () => {
  app = await startApp()
  for (const { method, path } of app.routes) {
    const example = examplePath(path)
    routes.set(example, (routes.get(example) ?? new Set(['OPTIONS'])).add(method))
  }
  const without = ['/healthz', '/readyz', '/assets/style.css'].map((path): [string, Set<string>] => [
    path,
    new Set(['GET', 'HEAD', 'OPTIONS']),
  ])
  known = [...routes, ...without].map(([path, methods]) => [path, [...methods].sort()])
})
test.after.always(() => app?.close())

async function send(method: string, path: string, accept = 'text/html'): Promise<Response> {
  return await fetch(app.origin + path, { method, headers: { accept }, redirect: 'manual' })
}

test('a wrong method on a known path is a 405 with Allow; OPTIONS has it, too', async (t) => {
  for (const [path, allowed] of known) {
    for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'PROPFIND'].filter(
      (one) => !allowed.includes(one),
    )) {
      const refused = await send(method, path)
      t.deepEqual([refused.status, refused.headers.get('allow')], [405, allowed.join(', ')], `${method} ${path}`)
      t.deepEqual(refused.headers.getSetCookie(), [])
    }
    const options = await send('OPTIONS', path)
    t.deepEqual(
      [options.status, options.headers.get('allow'), await options.text()],
      [204, allowed.join(', '), ''],
      `OPTIONS ${path}`,
    )
  }
})

test('405 is a page or JSON like every error', async (t) => {
  const page = await send('DELETE', '/')
  t.regex(await page.text(), /<h1>Method not allowed<\/h1>/)
  const json = await send('DELETE', '/', 'application/json')
  t.is(typeof JSON.parse(await json.text()).error, 'string')
})

test('an unknown path is a 404 for every method', async (t) => {
  for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS']) {
    for (const path of ['/nothing-here', '/nothing-here/', '/nothing/here']) {
      const answer = await send(method, path)
      t.deepEqual([answer.status, answer.headers.get('allow')], [404, null], `${method} ${path}`)
    }
  }
})

test('HEAD responds like GET, without the body', async (t) => {
  for (const path of ['/', '/healthz', '/assets/style.css', '/nothing-here']) {
    const [get, head] = [await send('GET', path), await send('HEAD', path)]
    t.is(head.status, get.status, path)
    for (const name of ['content-type', 'etag', 'cache-control', 'vary', 'last-modified'])
      t.is(head.headers.get(name), get.headers.get(name), `${name} of ${path}`)
    t.is((await head.arrayBuffer()).byteLength, 0)
    t.true((await get.arrayBuffer()).byteLength > 0)
  }
})

test('a trailing slash redirects to the path without it, with the query string', async (t) => {
  t.is((await send('GET', '/nothing-here/')).status, 404)
  for (const [path, allowed] of known) {
    if (path === '/' || !routes.has(path) || !allowed.includes('GET')) continue
    for (const method of ['GET', 'HEAD']) {
      const answer = await send(method, `${path}/?a=1&b=%2F`)
      t.deepEqual([answer.status, answer.headers.get('location')], [301, `${path}?a=1&b=%2F`], method)
      t.deepEqual(answer.headers.getSetCookie(), [])
    }
  }
})

/** Two routers that share a path, one of them open to any path. */
async function twoRouters() {
  const say = (text: string) => (ctx: Context) => {
    ctx.body = text
  }
  const first = new Router()
  first.get('/shared', say('first'))
  first.get('/missing/:id', (ctx) => {
    ctx.status = 404
  })
  const second = new Router()
  second.put('/shared', say('second'))
  second.get('/any/{*rest}', say('any'))
  second.get(/^.*\.example$/, say('example'))
  const app = new Koa()
  app.use(allowedMethods([first.routes(), second.routes()]))
  app.use(first.routes()).use(second.routes())
  app.use((ctx) => {
    if (ctx.path === '/plain') ctx.body = 'no router'
  })
  return await listen(app)
}

test('Allow contains the methods of all routers', async (t) => {
  const { origin, close } = await twoRouters()
  t.teardown(close)
  const answer = await fetch(`${origin}/shared`, { method: 'DELETE' })
  t.deepEqual([answer.status, answer.headers.get('allow')], [405, 'GET, HEAD, OPTIONS, PUT'])
  t.is(await (await fetch(`${origin}/shared`, { method: 'PUT' })).text(), 'second')
  t.is((await fetch(`${origin}/missing/1`)).status, 404)
  t.is((await fetch(`${origin}/plain`, { method: 'POST' })).status, 200)
})

test('no redirect leads to another host', async (t) => {
  const { origin, close } = await twoRouters()
  t.teardown(close)
  for (const path of ['//evil.example/', '/\\evil.example/', '///evil.example/', '//evil.example//']) {
    const answer = await fetch(origin + path, { redirect: 'manual' })
    t.is(answer.headers.get('location'), null, path)
  }
  const inside = await fetch(`${origin}/any//evil.example/`, { redirect: 'manual' })
  t.is(inside.headers.get('location'), '/any//evil.example')
})

test('HEAD leaves the messages of a page to the GET that shows them', async (t) => {
  const own = await startApp({}, undefined, [notes])
  t.teardown(() => own.close())
  const browser = own.browser()
  await browser.post('/notes', { name: 'milk' })
  const head = await fetch(own.origin, { method: 'HEAD', headers: { cookie: await browser.cookie() } })
  t.is(head.status, 200)
  t.regex((await browser.get('/')).text, /Noted\./)
  t.notRegex((await browser.get('/')).text, /Noted\./)
})
