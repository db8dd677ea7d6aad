import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { setImmediate as pause, setTimeout as pauseFor } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import test, { type ExecutionContext } from 'ava'
import Koa, { type Context } from 'koa'
import koaSession from 'koa-session'
import { sealedCodec } from '../../src/session/codec/sealed/sealed.ts'
import { adoptKoaSessions, type KoaSessionOptions } from '../../src/session/http/koa-session.ts'
import { type Session, StoredEngine, sessions, signIn, signOut } from '../../src/session/index.ts'
import { MemoryStore } from '../../src/session/stores/memory.ts'
import { printedFiles } from '../support/blocks.ts'
import { deferred } from '../support/handlers.ts'
import { listen } from '../support/koa.ts'

const SECRET = 'a secret of the tests: 6f1f0c2b9d8e4a7c'
const KEYS = ['keys of the old application']
const DAY = 86_400_000

/** A store as applications write them for koa-session. */
class OldStore {
  readonly records = new Map<string, string>()
  down = false
  /** Called at the beginning of a read. */
  onRead: () => Promise<void> = async () => {}

  async get(key: string): Promise<unknown> {
    await this.onRead()
    if (this.down) throw new Error('the old store is down')
    return JSON.parse(this.records.get(key) ?? 'null')
  }
  async set(key: string, session: unknown): Promise<void> {
    this.records.set(key, JSON.stringify(session))
  }
  async destroy(key: string): Promise<void> {
    this.records.delete(key)
  }
}

/** The cookies that koa-session sends for these values. */
async function oldCookies(
  t: ExecutionContext,
  values: Record<string, unknown>,
  options: Parameters<typeof koaSession>[0] = {},
): Promise<string> {
  const app = new Koa()
  app.keys = KEYS
  app.use(koaSession(options, app))
  app.use((ctx) => {
    Object.assign(ctx, { session: { ...values } })
    ctx.body = 'ok'
  })
  const { origin, close } = await listen(app)
  t.teardown(close)
  return cookiesOf(await fetch(origin))
}

type Handler = (ctx: Context, session: Session) => Promise<void> | void

/** The new application: `GET /` shows the session, every other path is a handler of the test. */
async function newApp(
  t: ExecutionContext,
  handlers: Record<string, Handler> = {},
  options: Partial<KoaSessionOptions> = {},
) {
  const expiry = { cookieAge: 1_209_600, atBrowserClose: false, touchAfter: 0.1 }
  const cookie = { name: 'sid', path: '/', secure: false, httpOnly: true, sameSite: 'Lax', maxSize: 4096 } as const
  const store = new MemoryStore()
  const created: string[] = []
  const [create, load] = [store.create.bind(store), store.load.bind(store)]
  // As with a server, so that requests overlap.
  store.load = async (key) => {
    await pause()
    return await load(key)
  }
  store.create = async (key, record) => {
    created.push(JSON.stringify(record))
    await pause()
    return await create(key, record)
  }
  const engine = new StoredEngine({ store, codec: sealedCodec({ secrets: [SECRET], namespace: 'sid' }), expiry })
  const settings = { engine, cookie, expiry }
  const app = new Koa()
  app.keys = KEYS
  const until = new Date(Date.now() + 30 * DAY)
  app.use(adoptKoaSessions({ settings, adopted: store, secrets: [SECRET], until, ...options }))
  app.use(sessions(settings))
  app.use(async (ctx) => {
    if (ctx.path === '/public') {
      ctx.set('Cache-Control', 'public, max-age=60')
      ctx.body = 'the same for all'
      return
    }
    const session = await ctx.session()
    await handlers[ctx.path]?.(ctx, session)
    ctx.body = JSON.stringify({ user: session.userId, ...Object.fromEntries(session.entries()) })
  })
  const { origin, close } = await listen(app)
  t.teardown(close)
  const get = async (cookies: string, path = '/') => {
    const response = await fetch(origin + path, { headers: { cookie: cookies } })
    const { status } = response
    const cache = response.headers.get('cache-control')
    const sent = response.headers.getSetCookie()
    const sid = sent.find((header) => header.startsWith('sid='))
    return { status, cache, sent, sid: sid?.split(';')[0] ?? '', text: await response.text() }
  }
  const count = async () => (await store.statistics()).total
  return { get, store, count, created }
}

function cookiesOf(response: Response): string {
  return response.headers
    .getSetCookie()
    .map((header) => header.split(';')[0])
    .join('; ')
}

const add: Handler = (_ctx, session) => session.update('n', (n) => Number(n ?? 0) + 1)

test('a session in a cookie goes on, and its cookies are removed', async (t) => {
  const cookies = await oldCookies(t, { n: 2, list: { lines: ['tea'] } })
  const { get } = await newApp(t, { '/add': add })
  const first = await get(cookies, '/add')
  t.deepEqual(JSON.parse(first.text), { user: null, n: 3, list: { lines: ['tea'] } })
  t.deepEqual(
    first.sent.filter((header) => /expires=Thu, 01 Jan 1970/i.test(header)).map((header) => header.split('=')[0]),
    ['koa.sess', 'koa.sess.sig'],
  )
  t.regex(first.sid, /^sid=[a-z0-9]{32}$/)
  t.deepEqual(JSON.parse((await get(first.sid, '/add')).text), { user: null, n: 4, list: { lines: ['tea'] } })
  t.is((await get(first.sid)).sent.length, 0)
})

test('no shared cache gives the cookies of a public page to others', async (t) => {
  const cookies = await oldCookies(t, { n: 2 })
  const { get } = await newApp(t)
  const first = await get(cookies, '/public')
  t.regex(first.sid, /^sid=/)
  t.is(first.cache, 'private, no-store')
  t.is((await get(first.sid, '/public')).cache, 'public, max-age=60')
  t.is((await get(`koa.sess=forged; ${first.sid}`, '/public')).cache, 'private, no-store', 'it removes a cookie')
})

test('a session in a store goes on, an outage of that store is a 503, and the old record is destroyed', async (t) => {
  const store = new OldStore()
  const options = { key: 'old', store, genid: () => randomUUID() }
  const cookies = await oldCookies(t, { userId: 7, theme: 'dark' }, options)
  const convert: KoaSessionOptions['convert'] = async (session, { userId, ...values }) => {
    session.assign(values)
    if (typeof userId === 'number') await signIn(session, String(userId))
  }
  const { get } = await newApp(t, {}, { key: 'old', store, convert })
  store.down = true
  const failed = await get(cookies)
  t.deepEqual([failed.status, failed.sent], [503, []])
  store.down = false
  const silent = deferred()
  store.onRead = () => silent.promise
  const late = await Promise.race([get(cookies), pauseFor(8000, undefined, { ref: false })])
  t.deepEqual([late?.status, late?.sent], [503, []], 'also a store that says nothing')
  silent.resolve()
  const first = await get(cookies)
  t.like(JSON.parse(first.text), { user: '7', theme: 'dark' })
  t.is(store.records.size, 0)
  t.like(JSON.parse((await get(first.sid)).text), { user: '7', theme: 'dark' })
})

for (const where of ['a cookie', 'a store']) {
  test(`overlapping requests with one old cookie share one session, and every change is kept: ${where}`, async (t) => {
    const store = where === 'a store' ? { store: new OldStore() } : {}
    const cookies = await oldCookies(t, { n: 0 }, store)
    const { get, count } = await newApp(t, { '/add': add }, store)
    const answers = await Promise.all(Array.from({ length: 40 }, () => get(cookies, '/add')))
    t.deepEqual([...new Set(answers.map(({ status }) => status))], [200])
    const sids = new Set(answers.map(({ sid }) => sid))
    t.is(sids.size, 1)
    t.is(JSON.parse((await get([...sids].join())).text).n, 40)
    t.is(await count(), 1)
    t.is((await get(cookies)).sid, [...sids].join(), 'also if every response was lost')
  })
}

test('a request that finds the old record destroyed gets the session that another one has made of it', async (t) => {
  const store = new OldStore()
  const cookies = await oldCookies(t, { n: 1 }, { store })
  const { get } = await newApp(t, { '/add': add }, { store })
  let other = Promise.resolve({ sid: '' })
  store.onRead = async () => {
    store.onRead = async () => {}
    other = get(cookies, '/add')
    await other
  }
  const { text, sid } = await get(cookies, '/add')
  t.is(JSON.parse(text).n, 3)
  t.is(sid, (await other).sid)
})

test('an old cookie that comes back after the sign-out opens nothing', async (t) => {
  const cookies = await oldCookies(t, { user: 'ada' })
  const { get, count } = await newApp(t, { '/out': async (_ctx, session) => await signOut(session) })
  const { sid } = await get(cookies)
  await get(sid, '/out')
  const late = await get(cookies)
  t.deepEqual([late.text, late.sid], ['{"user":null}', ''])
  t.is(await count(), 0)
  const other = await oldCookies(t, { user: 'bob' })
  const out = await get(other, '/out')
  t.regex(out.sent.join(), /sid=;/)
  t.is((await get(other)).text, '{"user":null}')
})

test('a late response does not replace the cookie of a newer key', async (t) => {
  const cookies = await oldCookies(t, { n: 1 })
  const [arrived, release] = [deferred(), deferred()]
  const { get } = await newApp(t, {
    '/slow': async () => {
      arrived.resolve()
      await release.promise
    },
    '/sign-in': async (_ctx, session) => await signIn(session, 'ada'),
  })
  const slow = get(cookies, '/slow')
  await arrived.promise
  const { sid } = await get(cookies, '/sign-in')
  release.resolve()
  t.is((await slow).sid, '')
  t.is(JSON.parse((await get(sid)).text).user, 'ada')
})

test('forged, expired, unreadable and late sessions are not adopted', async (t) => {
  const cookies = await oldCookies(t, { user: 'ada' })
  const [first = '', ...rest] = cookies.split('; ')
  const forged = Buffer.from('{"user":"eve"}').toString('base64')
  const { get, count } = await newApp(t)
  t.is((await get([`koa.sess=${forged}`, ...rest].join('; '))).text, '{"user":null}')
  t.is((await get(first)).text, '{"user":null}')
  const { get: later } = await newApp(t, {}, { now: () => Date.now() + 2 * DAY })
  t.is((await later(cookies)).text, '{"user":null}')
  const { get: over } = await newApp(t, {}, { until: new Date(Date.now() - 1) })
  t.is((await over(cookies)).text, '{"user":null}')
  const { get: unsigned } = await newApp(t, {}, { signed: false })
  for (const value of ['%', 'bnVsbA==', 'WzFd', 'x'.repeat(100)])
    t.is((await unsigned(`koa.sess=${value}`)).text, '{"user":null}')
  t.is(await count(), 0)
})

test('what is remembered contains no session key, and a session until the browser closes stays one', async (t) => {
  const cookies = await oldCookies(t, { n: 1 }, { maxAge: 'session' })
  const { get, created } = await newApp(t)
  const { sid, sent } = await get(cookies)
  t.is(created.length, 2)
  t.false(created.join().includes(sid.slice(4)))
  t.notRegex(sent.find((header) => header.startsWith('sid=')) ?? '', /max-age|expires/i)
})

test('the application of the guide adopts a signed-in user', async (t) => {
  const cookies = await oldCookies(t, { userId: 7, views: 2 })
  const folder = await printedFiles(t, ['docs/coming-from-koa-session.md'])
  const { createApp } = (await import(pathToFileURL(join(folder, 'app.ts')).href)) as {
    createApp(store: undefined, keys: string[], secret: string): Koa
  }
  const { origin, close } = await listen(createApp(undefined, KEYS, SECRET))
  t.teardown(close)
  const answer = await fetch(origin, { headers: { cookie: cookies } })
  t.deepEqual(await answer.json(), { views: 3, user: '7' })
})
