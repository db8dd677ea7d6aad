import test, { type ExecutionContext } from 'ava'
import { emptyData, type SessionData } from '../../../src/session/core/data.ts'
import { SessionTooLargeError } from '../../../src/session/core/errors.ts'
import { Operations } from '../../../src/session/core/operations.ts'
import { CookieEngine } from '../../../src/session/engines/cookie/cookie.ts'
import { sessions } from '../../../src/session/http/middleware.ts'
import { send } from '../../support/client.ts'
import { cookieCodec } from '../../support/cookie-engine.ts'
import { EXPIRY, START } from '../../support/engine.ts'
import { sealed } from '../../support/formats.ts'
import { COOKIE } from '../../support/handlers.ts'
import { serve } from '../../support/koa.ts'

const SECRET = 'a secret of the tests: 6f1f0c2b9d8e4a7c'
const expiry = { ...EXPIRY, cookieAge: 100 }

function bench({ maxSize = 4096, secret = SECRET } = {}) {
  const clock = { now: START }
  const now = () => clock.now
  const engine = new CookieEngine({ codec: cookieCodec(sealed, now, secret), expiry, maxSize, now })
  const write = async (values: Record<string, unknown>) => {
    const data = Object.assign(emptyData(), values) as SessionData
    const client = { ipAddress: null, userAgent: null }
    const changes = new Operations()
    const committed = await engine.commit({
      write: 'create',
      loaded: undefined,
      data,
      changes,
      client,
      restartClock: false,
    })
    return committed.outcome === 'saved' ? (committed.cookie ?? '') : ''
  }
  /** Whether the cookie is still a session so many seconds after it was made. */
  const livesAt = async (cookie: string, seconds: number) => {
    clock.now = START + seconds * 1000
    return (await engine.open(cookie)).live
  }
  return { engine, clock, write, livesAt, now }
}

test('the cookie is the session: no key, nothing to conflict with', async (t) => {
  const { engine, write } = bench()
  const opened = await engine.open(await write({ user: 'ada' }))
  if (!opened.live) return t.fail()
  t.deepEqual({ ...opened.loaded.data }, { user: 'ada' })
  t.is(opened.loaded.key, null)
  t.is(opened.loaded.version, 0)
})

test('a cookie signed with another secret is anonymous and reported', async (t) => {
  const { engine, write } = bench()
  const cookie = await write({ user: 'ada' })
  const foreign = await bench({ secret: 'another secret of the tests: 1234567' }).write({ user: 'ada' })
  const shortened = [cookie.slice(1), cookie.slice(0, -1), cookie.replace(/.(?=.{20}$)/, '')]
  for (const wrong of ['', 'x', `${cookie}x`, `x${cookie}`, cookie.toUpperCase(), foreign, ...shortened]) {
    t.like(await engine.open(wrong), { live: false, suspicion: 'undecodable' }, wrong)
  }
})

type Row = [expiry: string, own: unknown, lives: number, dead: number]

const CLOCKS: Row[] = [
  // its own expiry                 stored                            lives at   dead at (seconds)
  ['none: the cookie age', undefined, 100, 101],
  ['until the browser closes: the cookie age', 0, 100, 101],
  ['seconds, fewer', 10, 10, 11],
  ['seconds, more', 1000, 1000, 1001],
  ['a date, sooner', '2026-03-01T12:00:10+00:00', 9, 10],
  ['a date, later', '2026-03-01T13:00:00+00:00', 3599, 3600],
  ['text that is no date: the cookie age', 'soon', 100, 101],
]

for (const [what, own, lives, dead] of CLOCKS) {
  test(`the server enforces the expiry: ${what}`, async (t) => {
    const { write, livesAt } = bench()
    const cookie = await write(own === undefined ? { a: 1 } : { a: 1, _session_expiry: own })
    t.true(await livesAt(cookie, 0))
    t.true(await livesAt(cookie, lives))
    t.false(await livesAt(cookie, dead))
  })
}

test('an expiry in the past ends the session at once', async (t) => {
  const { write, livesAt } = bench()
  t.false(await livesAt(await write({ _session_expiry: -10 }), 0))
})

test('a touch creates a cookie with a new time', async (t) => {
  const { engine, write, clock, livesAt } = bench()
  const cookie = await write({ a: 1 })
  clock.now = START + 90_000
  const opened = await engine.open(cookie)
  if (!opened.live) return t.fail()
  const touched = await engine.touch(opened.loaded)
  if (touched === undefined) return t.fail()
  t.not(touched.cookie, cookie)
  t.false(await livesAt(cookie, 190))
  t.true(await livesAt(touched.cookie, 190))
})

test('a value beyond the maximum is refused, not cut and not sent', async (t) => {
  const { write } = bench({ maxSize: 200 })
  t.true((await write({ a: 1 })).length <= 200)
  await t.throwsAsync(write({ a: noise(300) }), { instanceOf: SessionTooLargeError })
})

test('over HTTP: kept, changed, ended; above 4096 bytes with its name a 413, and the old cookie is still valid', async (t) => {
  const { get } = await site(t)
  const begun = await get('/set?x')
  t.is((await get('/read', begun)).text, '"x"')
  const refused = await get(`/set?${noise(4100)}`, begun)
  t.deepEqual([refused.status, refused.setCookie], [413, ''])
  t.is((await get('/read', begun)).text, '"x"')
  t.regex((await get('/end', begun)).setCookie, /^sid=; Max-Age=0/)
})

test('over HTTP: every size up to the limit is sent or refused with 413, nothing in between fails', async (t) => {
  const { get } = await site(t)
  const statuses = new Set<number>()
  // One character more at a time across the last bytes, where the value alone would fit and with its name would not.
  for (let length = 3950; length <= 3990; length++) {
    const answer = await get(`/set?${noise(length)}`)
    statuses.add(answer.status)
    const [pair = ''] = answer.setCookie.split(';', 1)
    t.true(pair.length <= 4097, 'name, = and value')
    t.is(pair === '', answer.status === 413)
  }
  t.deepEqual([...statuses].sort(), [200, 413])
})

async function site(t: ExecutionContext) {
  const { engine, now } = bench()
  const { origin, close } = await serve(sessions({ engine, cookie: COOKIE, expiry, now }), async (ctx) => {
    const session = await ctx.session()
    if (ctx.path === '/set') session.set('a', ctx.querystring)
    if (ctx.path === '/end') await session.flush()
    ctx.body = JSON.stringify(session.get('a') ?? null)
  })
  t.teardown(close)
  const get = async (path: string, from?: { setCookie: string }) => {
    const cookie = from?.setCookie.split(';', 1)[0]
    const response = await send(origin + path, { headers: cookie === undefined ? {} : { cookie } })
    const [setCookie = ''] = response.headers.getSetCookie()
    return { status: response.status, text: response.text, setCookie }
  }
  return { get }
}

/** Text that does not compress, the same in every run: hexadecimal would shrink by half. */
function noise(length: number): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  let state = 1
  return Array.from({ length }, () => {
    state = (state * 48271) % 2147483647
    return alphabet[state % 64]
  }).join('')
}
