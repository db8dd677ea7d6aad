import test, { type ExecutionContext } from 'ava'
import type { ExpiryPolicy } from '../../../src/session/core/expiry.ts'
import { sessions } from '../../../src/session/http/middleware.ts'
import { signIn } from '../../../src/session/sign-in.ts'
import { formats } from '../../../src/storage/index.ts'
import { send } from '../../support/client.ts'
import { cookieBench } from '../../support/cookie-engine.ts'
import { START } from '../../support/engine.ts'
import { COOKIE } from '../../support/handlers.ts'
import { serve } from '../../support/koa.ts'
import { begun, open, read } from '../../support/requests.ts'

const BASE: ExpiryPolicy = { cookieAge: 1000, atBrowserClose: false, touchAfter: 0.1 }

type Bench = ReturnType<typeof cookieBench>

async function livesAt(bench: Bench, cookie: string, seconds: number): Promise<boolean> {
  bench.clock.now = START + seconds * 1000
  return (await read(bench, cookie)) !== undefined
}

/** The cookie that a request at this second gets when its activity is written down. */
async function touchedAt(bench: Bench, cookie: string, seconds: number): Promise<string> {
  bench.clock.now = START + seconds * 1000
  const opened = await bench.engine.open(cookie)
  const touched = opened.live ? await bench.engine.touch(opened.loaded) : undefined
  return touched?.cookie ?? ''
}

for (const format of formats) {
  test(`${format.name}: without activity a session ends after the idle age`, async (t) => {
    const bench = cookieBench({ format, expiry: { ...BASE, idleAge: 50 } })
    const cookie = await begun(bench)
    t.true(await livesAt(bench, cookie, 50))
    t.false(await livesAt(bench, cookie, 51))
    const touched = await touchedAt(bench, cookie, 40)
    t.true(await livesAt(bench, touched, 90))
    t.false(await livesAt(bench, touched, 91))
  })

  test(`${format.name}: activity does not extend the absolute age; a sign-in restarts it`, async (t) => {
    const bench = cookieBench({ format, expiry: { ...BASE, absoluteAge: 100 } })
    const cookie = await begun(bench, { _auth_user_id: '7' })
    const touched = await touchedAt(bench, await touchedAt(bench, cookie, 60), 90)
    t.true(await livesAt(bench, touched, 100))
    t.false(await livesAt(bench, touched, 101))
    bench.clock.now = START + 90_000
    const { session, commit } = await open(bench, touched)
    await signIn(session, '7')
    const committed = await commit('cycle')
    const signedIn = committed.outcome === 'saved' ? (committed.cookie ?? '') : ''
    t.true(await livesAt(bench, signedIn, 190))
    t.false(await livesAt(bench, signedIn, 191))
  })

  test(`${format.name}: a cookie made longer ago than the replay window is refused inside any age`, async (t) => {
    for (const own of [null, 500, new Date(START + 500_000)]) {
      const bench = cookieBench({ format, expiry: BASE, maxReplay: 60 })
      const { session, commit } = await open(bench)
      session.set('a', 1)
      session.setExpiry(own)
      const committed = await commit()
      const cookie = committed.outcome === 'saved' ? (committed.cookie ?? '') : ''
      t.true(await livesAt(bench, cookie, 59))
      t.false(await livesAt(bench, cookie, 61))
      t.true(await livesAt(bench, await touchedAt(bench, cookie, 50), 109), 'and its successor lives on')
    }
  })

  test(`${format.name}: over HTTP, activity sends a new cookie before the window ends, but not with each request`, async (t) => {
    const bench = cookieBench({ format, expiry: BASE, maxReplay: 60 })
    const get = await site(t, bench)
    let cookie = (await get('/set')).cookie
    const renewed: number[] = []
    for (let second = 2; second <= 240; second += 2) {
      bench.clock.now = START + second * 1000
      const answer = await get('/read', cookie)
      t.is(answer.text, '"x"')
      if (answer.cookie === '') continue
      renewed.push(second)
      t.regex(answer.setCookie, format.shared ? /Max-Age=60;/ : /Max-Age=34560000;/)
      cookie = answer.cookie
    }
    t.is(renewed.length, 40, 'one every 6 seconds, a tenth of the window')
    bench.clock.now += 61_000
    t.is((await get('/read', cookie)).text, 'null')
  })
}

for (const format of formats.filter(({ shared }) => shared)) {
  test(`${format.name}: the age of the cookie is the setting, however the clock runs in the meantime`, async (t) => {
    const bench = cookieBench({ format, expiry: BASE })
    const ticking = { ...bench, now: () => bench.clock.now++ }
    const { setCookie } = await (await site(t, ticking))('/set')
    t.regex(setCookie, /Max-Age=1000;/)
  })
}

test('no cookie is valid for longer than browsers keep one (RFC 6265bis, 5.5)', async (t) => {
  const bench = cookieBench({ expiry: { ...BASE, cookieAge: 1e9 } })
  const cookie = await begun(bench)
  t.true(await livesAt(bench, cookie, 400 * 86_400))
  t.false(await livesAt(bench, cookie, 400 * 86_400 + 1))
})

test('the times that the engine reports are those of the cookie', async (t) => {
  const bench = cookieBench({ expiry: { ...BASE, absoluteAge: 5000 } })
  const touched = await touchedAt(bench, await begun(bench, { _auth_user_id: '7' }), 30)
  bench.clock.now = START + 40_000
  const opened = await bench.engine.open(touched)
  t.like(opened, {
    loaded: { createdAt: START, lastActivity: START + 30_000, expires: START + 1_030_000, version: 0, key: null },
  })
})

async function site(t: ExecutionContext, { engine, now }: Bench) {
  const { origin, close } = await serve(sessions({ engine, cookie: COOKIE, expiry: BASE, now }), async (ctx) => {
    const session = await ctx.session()
    if (ctx.path === '/set') session.set('a', 'x')
    ctx.body = JSON.stringify(session.get('a') ?? null)
  })
  t.teardown(close)
  return async (path: string, cookie?: string) => {
    const response = await send(origin + path, { headers: cookie === undefined ? {} : { cookie } })
    const [setCookie = ''] = response.headers.getSetCookie()
    return { text: response.text, setCookie, cookie: setCookie.split(';', 1)[0] ?? '' }
  }
}
