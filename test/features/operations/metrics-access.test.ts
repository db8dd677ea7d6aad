import { request } from 'node:http'
import test from 'ava'
import { startApp, type TestApp } from '../../support/app.ts'
import { appFor } from './steps.ts'

const TOKEN = 'a token of the tests'

async function status(app: TestApp, headers: Record<string, string> = {}, method = 'GET'): Promise<number> {
  return (await fetch(`${app.origin}/metrics`, { headers, method })).status
}

/** Headers are sent exactly as given, also if fetch would correct them. */
function rawStatus(app: TestApp, headers: Record<string, string | string[]>): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    request(`${app.origin}/metrics`, { headers }, (answer) => resolve(answer.resume().statusCode))
      .on('error', reject)
      .end()
  })
}

test('this machine reads the metrics without a token, in the text format, with no-store', async (t) => {
  const app = await appFor(t)
  const answer = await fetch(`${app.origin}/metrics`)
  t.is(answer.status, 200)
  t.regex(answer.headers.get('content-type') ?? '', /^text\/plain; version=0\.0\.4; charset=utf-8/)
  t.is(answer.headers.get('cache-control'), 'no-store')
  t.regex(await answer.text(), /^# HELP holdfast_/)
  t.is(await status(app, {}, 'HEAD'), 200)
  for (const method of ['POST', 'PUT', 'DELETE']) {
    const refused = await fetch(`${app.origin}/metrics`, { method })
    t.deepEqual([refused.status, refused.headers.get('allow')], [405, 'GET, HEAD, OPTIONS'])
  }
  const options = await fetch(`${app.origin}/metrics`, { method: 'OPTIONS' })
  t.deepEqual([options.status, options.headers.get('allow'), await options.text()], [204, 'GET, HEAD, OPTIONS', ''])
})

for (const hops of ['0', '1', '2']) {
  test(`with ${hops} trusted proxies, a forwarded address is not this machine`, async (t) => {
    const app = await appFor(t, { TRUSTED_PROXIES: hops })
    for (const forwarded of ['203.0.113.7', '127.0.0.1, 203.0.113.7', '203.0.113.7, 127.0.0.1', '2001:db8::1', 'x']) {
      t.is(await status(app, { 'x-forwarded-for': forwarded }), 403, forwarded)
    }
    t.is(await rawStatus(app, { 'x-forwarded-for': ['127.0.0.1', '203.0.113.7'] }), 403, 'in two headers')
    t.is(await status(app, { forwarded: 'for=203.0.113.7' }), 403)
    t.is(await status(app, { 'x-real-ip': '127.0.0.1' }), 403, 'a proxy that says little is not trusted')
    t.is(await status(app, { via: '1.1 proxy' }), 403)
    for (const local of ['127.0.0.1', '::1', '::ffff:127.0.0.9', '127.0.0.1, ::1']) {
      t.is(await status(app, { 'x-forwarded-for': local }), 200, local)
    }
    const { text } = await app.browser().get('/metrics', { 'x-forwarded-for': '203.0.113.7' })
    t.notRegex(text, /holdfast_/)
  })
}

test('from elsewhere the token gives access, and nothing else', async (t) => {
  const app = await appFor(t, { METRICS_TOKEN: TOKEN.replaceAll(' ', '-'), TRUSTED_PROXIES: '1' })
  const token = TOKEN.replaceAll(' ', '-')
  const away = { 'x-forwarded-for': '203.0.113.7' }
  t.is(await status(app, { ...away, authorization: `Bearer ${token}` }), 200)
  t.is(await status(app, { ...away, authorization: `bearer  ${token}` }), 200, 'the scheme is of any case (RFC 9110)')
  t.is(await status(app, away), 403)
  t.is(await status(app), 403, 'a proxy on this machine may not say for whom it asks')
  const wrong = ['', token.slice(1), `${token}x`, token.toUpperCase(), `${token} x`, 'é'.repeat(20), 'x'.repeat(5_000)]
  for (const given of wrong) {
    t.is(
      await rawStatus(app, { ...away, authorization: Buffer.from(`Bearer ${given}`).toString('latin1') }),
      403,
      given,
    )
  }
  t.is(await status(app, { ...away, authorization: `Basic ${btoa(`x:${token}`)}` }), 403)
  t.is(await status(app, { ...away, authorization: token }), 403)
  t.is((await app.browser().get(`/metrics?token=${token}`, away)).status, 403)
})

test('without a METRICS_TOKEN, no token gives access', async (t) => {
  const app = await appFor(t)
  for (const given of ['Bearer undefined', 'Bearer ', 'Bearer null', 'Bearer x']) {
    t.is(await status(app, { 'x-forwarded-for': '203.0.113.7', authorization: given }), 403, given)
  }
  await t.throwsAsync(startApp({ METRICS_TOKEN: 'short' }), { message: /METRICS_TOKEN.*at least 16/s })
})
