import test, { type ExecutionContext } from 'ava'
import { sealedCookieCodec } from '../../src/session/codec/sealed/sealed-cookie.ts'
import { type CookieTiersOptions, cookieTiers } from '../../src/session/http/cookie-tiers.ts'
import { START } from '../support/engine.ts'
import { serve } from '../support/koa.ts'

const SECRET = 'a secret of the tests: 6f1f0c2b9d8e4a7c'

/** A site that sets, reads and clears by `/verb/tier/name?value`. */
async function site(t: ExecutionContext, options: Partial<CookieTiersOptions> = {}) {
  const clock = { now: START }
  const tiers = cookieTiers(
    { critical: { maxAge: 1800 }, preferences: { maxAge: 86_400 } },
    { secrets: [SECRET], now: () => clock.now, ...options },
  )
  const { origin, close } = await serve(async (ctx) => {
    const [, verb, tierName, name = ''] = ctx.path.split('/')
    const tier = tierName === 'critical' ? tiers.critical : tiers.preferences
    if (verb === 'set') tier.set(ctx, name, ctx.querystring)
    if (verb === 'twice') for (const value of ['first', { last: true }]) tier.set(ctx, name, value)
    if (verb === 'clear') tier.clear(ctx, name)
    ctx.body = JSON.stringify(verb === 'get' ? (tier.get(ctx, name) ?? null) : 'ok')
  })
  t.teardown(close)
  const get = async (path: string, cookie = '') => {
    const { status, headers, ...response } = await fetch(origin + path, { headers: { cookie } }).then(
      async (answer) => ({ status: answer.status, headers: answer.headers, text: await answer.text() }),
    )
    const set = headers.getSetCookie()
    return { status, headers, set, cookie: set[0]?.split(';', 1)[0] ?? '', text: response.text }
  }
  return { get, clock }
}

test('a value can only be read with its name and tier, and is encrypted', async (t) => {
  const { get } = await site(t)
  const answer = await get('/set/critical/step?secret')
  t.regex(answer.set[0] ?? '', /^step=[\w-]+; Max-Age=1800; Expires=[^;]+; Path=\/; SameSite=Lax; HttpOnly$/)
  t.is(answer.headers.get('cache-control'), 'private, no-store')
  t.is(answer.headers.get('vary'), 'Cookie')
  t.false(Buffer.from(answer.cookie.slice(5), 'base64url').includes('secret'))
  t.is((await get('/get/critical/step', answer.cookie)).text, '"secret"')
})

test('a value of one tier or name is invalid in another', async (t) => {
  const { get } = await site(t)
  const { cookie } = await get('/set/preferences/theme?dark')
  t.is((await get('/get/preferences/theme', cookie)).text, '"dark"')
  t.is((await get('/get/critical/theme', cookie)).text, 'null')
  t.is((await get('/get/preferences/other', cookie.replace('theme=', 'other='))).text, 'null')
  const session = sealedCookieCodec({ secrets: [SECRET], cookieName: 'theme', now: () => START })
  t.is((await get('/get/preferences/theme', `theme=${session.encode({ value: 'dark' })}`)).text, 'null')
  t.false(session.decode(cookie.slice(6), 60).ok)
})

test('each tier has its maximum age, whatever the browser sends', async (t) => {
  const { get, clock } = await site(t)
  const [critical, preferences] = [await get('/set/critical/a?1'), await get('/set/preferences/a?1')]
  const at = async (seconds: number) => {
    clock.now = START + seconds * 1000
    const one = (await get('/get/critical/a', critical.cookie)).text
    return [one, (await get('/get/preferences/a', preferences.cookie)).text]
  }
  t.deepEqual(await at(1800), ['"1"', '"1"'])
  t.deepEqual(await at(1801), ['null', '"1"'])
  t.deepEqual(await at(86_400), ['null', '"1"'])
  t.deepEqual(await at(86_401), ['null', 'null'])
})

test('altered, doubled or absent cookies have no value, and none is an error', async (t) => {
  const { get } = await site(t)
  const { cookie } = await get('/set/critical/a?1')
  for (const wrong of [`${cookie}x`, cookie.slice(0, -2), 'a=', 'a=%00', `${cookie}; ${cookie}`, 'b=1', '']) {
    const answer = await get('/get/critical/a', wrong)
    t.deepEqual([answer.status, answer.text, answer.set], [200, 'null', []], wrong)
  }
})

test('only the last value set is sent; a clear removes it', async (t) => {
  const { get } = await site(t)
  const twice = await get('/twice/critical/a')
  t.is(twice.set.length, 1)
  t.is((await get('/get/critical/a', twice.cookie)).text, '{"last":true}')
  t.deepEqual((await get('/clear/critical/a')).set, [
    'a=; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Path=/; SameSite=Lax',
  ])
})

test("secrets rotate, attributes are the application's, and what no cookie can be is an error", async (t) => {
  const old = await site(t)
  const { cookie } = await old.get('/set/critical/a?1')
  const rotated = await site(t, { secrets: ['the new secret, long enough for anybody', SECRET] })
  t.is((await rotated.get('/get/critical/a', cookie)).text, '"1"')
  const strict = await site(t, { cookie: { sameSite: 'Strict', secure: true, path: '/shop' } })
  t.regex((await strict.get('/set/critical/a?1')).set[0] ?? '', /; Path=\/shop; SameSite=Strict; Secure; HttpOnly$/)
  t.is((await strict.get('/set/critical/__Host-a?1')).status, 500)
  const long = Array.from({ length: 1500 }, (_, n) => (n * 7919) % 100_003).join()
  t.is((await old.get(`/set/critical/a?${long}`)).status, 413)
  t.throws(() => cookieTiers({ never: { maxAge: 0 } }, { secrets: [SECRET] }), { instanceOf: RangeError })
  for (const taken of ['', 'hybrid']) {
    t.throws(() => cookieTiers({ [taken]: { maxAge: 1 } }, { secrets: [SECRET] }), { instanceOf: RangeError })
  }
})

test('attributes that browsers would refuse are errors, and SameSite=None is Secure', async (t) => {
  const tiers = (cookie: CookieTiersOptions['cookie']) =>
    cookieTiers({ critical: { maxAge: 60 } }, { secrets: [SECRET], ...(cookie && { cookie }) })
  t.throws(() => tiers({ sameSite: 'None', secure: false }), { instanceOf: TypeError, message: /^cookie\.secure must/ })
  t.throws(() => tiers({ path: 'app' }), { instanceOf: TypeError, message: /^cookie\.path must/ })
  const { get } = await site(t, { cookie: { sameSite: 'None' } })
  t.regex((await get('/set/critical/a?1')).set[0] ?? '', /; SameSite=None; Secure; HttpOnly$/)
})
