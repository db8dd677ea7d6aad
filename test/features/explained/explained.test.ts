import test, { type ExecutionContext } from 'ava'
import { emptyData } from '../../../src/session/core/data.ts'
import { Operations } from '../../../src/session/core/operations.ts'
import { SITE_NAME } from '../../../src/web/site.ts'
import { has, testOn } from '../../storage/present.ts'
import { type Answer, startApp, type TestApp } from '../../support/app.ts'

const PRODUCTION = { NODE_ENV: 'production', SECRET_KEY: 'kP3v9QzX7mW2sL5tR8yB1nC4dF6gH0jA-long-enough' }

interface Row {
  label: string
  texts: string[]
}

async function development(t: ExecutionContext, env: Record<string, string> = {}): Promise<TestApp> {
  const app = await startApp({ NODE_ENV: 'development', ...env })
  t.teardown(() => app.close())
  return app
}

/** A session that holds this, as a cookie header. */
async function cookieWith(app: TestApp, data: Record<string, string>): Promise<string> {
  const committed = await app.services.engine.commit({
    write: 'create',
    loaded: undefined,
    data: Object.assign(emptyData(), data),
    changes: new Operations(),
    client: { ipAddress: null, userAgent: null },
    restartClock: false,
  })
  if (committed.outcome !== 'saved') throw new Error('The session was not saved')
  return `${app.services.config.session.cookie.name}=${committed.cookie}`
}

/** What /session says of the session now, by label. */
async function told(app: TestApp, cookie?: string): Promise<Record<string, string[]>> {
  const accept = { accept: 'application/json' }
  const answer = await app.browser().get('/session', cookie === undefined ? accept : { ...accept, cookie })
  const { session } = answer.json<{ session: Row[] }>()
  return Object.fromEntries(session.map(({ label, texts }) => [label, texts]))
}

const panelOf = ({ text }: Answer) => /<aside class="explained"[\s\S]*<\/aside>/.exec(text)?.[0] ?? ''

for (const [mode, env] of [
  ['production', PRODUCTION],
  ['test', {}],
] as const) {
  test(`in ${mode} there is no page, no panel and no Server-Timing (ASVS 13.4.2)`, async (t) => {
    const app = await startApp(env)
    t.teardown(() => app.close())
    const browser = app.browser()
    t.is((await browser.get('/session')).status, 404)
    t.is((await browser.json('GET', '/session')).status, 404)
    for (const path of ['/', '/nothing-here']) {
      const page = await browser.get(path)
      t.is(page.headers.get('server-timing'), null)
      t.notRegex(page.text, /explained/)
    }
  })
}

if (has('db', 'sealed')) {
  test('every page has a closed panel that needs no script, error pages too; JSON has none', async (t) => {
    const app = await development(t)
    const browser = app.browser()
    const page = await browser.get('/')
    t.regex(panelOf(page), /<details>\s*<summary>The session explained/)
    t.regex(panelOf(page), /None: the browser sent no cookie\./)
    t.regex(panelOf(page), /Nothing: there is nothing to keep\./)
    t.notRegex(page.text, /<script|style="|<details[^>]* open/)
    const none = await browser.get('/nothing-here')
    t.is(none.status, 404)
    t.regex(panelOf(none), /the handler never asked for the session/)
    t.deepEqual((await browser.json('GET', '/')).json(), { name: SITE_NAME, engine: 'db', format: 'sealed' })
    t.is((await app.services.knex('sessions').select()).length, 0, 'the panel stores nothing')
  })
}

if (has('db', 'sealed')) {
  test('why there is no session', async (t) => {
    const app = await development(t)
    const why = async (cookie?: string) => (await told(app, cookie))['Loaded']?.[0]
    t.is(await why(), 'None: the browser sent no cookie.')
    t.is(await why('sessionid=no'), 'None: the cookie does not look like a session key.')
    t.regex((await why(`sessionid=${'a'.repeat(32)}`)) ?? '', /^None: no session has this key/)
    t.regex((await why('sessionid=a; sessionid=b')) ?? '', /several cookies/)
    const cookie = await cookieWith(app, { fruit: 'apple' })
    await app.services.knex('sessions').update({ data: 'x'.repeat(80) })
    t.regex((await why(cookie)) ?? '', /cannot be read \(\w+\)/)
    const kept = await told(app, cookie)
    t.regex(kept['Cookie']?.[0] ?? '', /^Neither sent nor deleted/)
  })
}

if (has('db', 'sealed')) {
  test('a live session: engine, size, content, and all times', async (t) => {
    const app = await development(t, { SESSION_IDLE_AGE: '7200', SESSION_ABSOLUTE_AGE: '86400' })
    const cookie = await cookieWith(app, { fruit: 'a red apple', _hidden: 'worm' })
    const rows = await told(app, cookie)
    t.deepEqual(rows['Engine'], ['db, sealed'])
    t.deepEqual(rows['Loaded'], ['From the database.'])
    t.deepEqual(rows['Changed'], ['Nothing.'])
    t.deepEqual(rows['To be saved'], ['Nothing: the session was only read.'])
    t.deepEqual(rows['Size'], ['40\u00a0B as JSON, 0.1% of at most 65,536\u00a0B.'])
    t.regex(rows['End of its age']?.[0] ?? '', /in 14 days$/)
    t.regex(rows['Idle limit']?.[0] ?? '', /in (2 hours|1\d\d minutes)$/)
    t.regex(rows['Absolute limit']?.[0] ?? '', /^None: SESSION_ABSOLUTE_AGE limits signed-in sessions only/)
    t.deepEqual(rows['Expires'], rows['Idle limit'])
    t.regex(rows['Last activity']?.[1] ?? '', /^A read is recorded as activity only after /)
    t.deepEqual(rows['Headers'], [
      'Vary: Cookie, because the response depends on the session.',
      'Cache-Control: private, no-store, because it is for this visitor only.',
    ])
    t.regex(rows['Times']?.[1] ?? '', /^Store operations: load [\d.,]+\u00a0ms \(done\)\.$/)
  })
}

for (const [engine, from] of [
  ['file', ['From a file.']],
  ['cache', ['From the cache.']],
  ['cached_db', ['From the database: the cache had no copy.', 'From the copy in the cache.']],
  ['signed_cookies', ['From the cookie itself.']],
  ['hybrid', ['From the cookie itself.']],
] as const) {
  testOn({ SESSION_ENGINE: engine })(`${engine}: where it was loaded from, without secrets`, async (t) => {
    const app = await development(t, { SESSION_ENGINE: engine, SESSION_CACHE_STRATEGY: 'cache_aside' })
    const cookie = await cookieWith(app, { fruit: 'a red apple' })
    for (const expected of from) t.deepEqual((await told(app, cookie))['Loaded'], [expected])
    const rows = await told(app, cookie)
    const inCookie = engine === 'signed_cookies' || engine === 'hybrid'
    const limit = engine === 'hybrid' ? '3,000' : inCookie ? '4,096' : '65,536'
    t.regex(rows['Size']?.[0] ?? '', inCookie ? /in the cookie/ : /as JSON/)
    t.true(rows['Size']?.[0]?.endsWith(`of at most ${limit}\u00a0B.`), rows['Size']?.[0])
    const page = await app.browser().get('/session', { cookie })
    t.false(page.text.includes(cookie.split('=')[1] ?? ''))
    t.true(page.text.includes('a red apple'))
    t.regex(page.text, /Received: #[0-9a-f]{4}\./)
  })
}

testOn({ SESSION_ENGINE: 'hybrid' })('a session too large for its cookie is loaded from its record', async (t) => {
  const app = await development(t, { SESSION_ENGINE: 'hybrid' })
  const cookie = await cookieWith(app, { long: Array.from({ length: 4000 }, (_, n) => n.toString(36)).join('') })
  t.regex((await told(app, cookie))['Loaded']?.[0] ?? '', /^From its record in the database/)
})

if (has('db', 'sealed')) {
  test('the error page shows that the storage is down', async (t) => {
    const app = await development(t)
    const cookie = await cookieWith(app, { fruit: 'apple' })
    await app.services.sessionKnex.destroy()
    const page = await app.browser().get('/', { cookie })
    t.is(page.status, 503)
    t.regex(panelOf(page), /The storage did not answer \(StoreUnavailableError\)\./)
    t.regex(panelOf(page), /Nothing: the storage did not answer\./)
    t.regex(panelOf(page), /the browser keeps the one it has/)
  })
}

if (has('db', 'sealed')) {
  test('Server-Timing has the load and the total, on pages and JSON, and the save if there is one', async (t) => {
    const app = await development(t, { SESSION_SAVE_EVERY_REQUEST: 'true' })
    const cookie = await cookieWith(app, { fruit: 'apple' })
    const timing = async (path: string, headers: Record<string, string>) =>
      (await app.browser().get(path, headers)).headers.get('server-timing') ?? ''
    t.regex(await timing('/', {}), /^session-load;dur=\d+\.\d;desc="db", total;dur=\d+\.\d$/)
    const saved = /^session-load;dur=\d+\.\d;desc="db", session-save;dur=\d+\.\d;desc="touch", total;dur=\d+\.\d$/
    t.regex(await timing('/', { cookie }), saved)
    t.regex(await timing('/session', { cookie, accept: 'application/json' }), saved)
    t.regex(await timing('/nothing-here', {}), /^total;dur=\d+\.\d$/)
  })
}

test('it shows the last ten requests, only of this session', async (t) => {
  const app = await development(t)
  const cookie = await cookieWith(app, { fruit: 'apple' })
  const other = await cookieWith(app, { fruit: 'pear' })
  const earlier = async (header: string) => {
    const answer = await app.browser().get('/session', { cookie: header, accept: 'application/json' })
    return answer.json<{ earlier: { text: string }[] }>().earlier.map(({ text }) => text)
  }
  t.deepEqual(await earlier(cookie), [])
  t.regex((await app.browser().get('/session', { cookie })).text, /None are known for this session/)
  await app.browser().get('/', { cookie: other })
  for (let n = 1; n <= 12; n++) await app.browser().get(n % 2 === 0 ? '/' : '/nothing-here', { cookie })
  const expected = Array.from({ length: 10 }, (_, n) => (n % 2 === 0 ? 'GET / · 200' : 'GET /nothing-here · 404'))
  t.deepEqual(await earlier(cookie), expected)
  t.deepEqual(await earlier(other), ['GET / · 200'])
})
