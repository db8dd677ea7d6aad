import test from 'ava'
import { USER_KEY } from '../../src/session/core/user.ts'
import { EXPIRY, START } from '../support/engine.ts'
import { application } from '../support/handlers.ts'

test('activity is written once per share of the window and needs no new cookie', async (t) => {
  const { get, begin, calls, clock } = await application(t, {}, { expiry: { ...EXPIRY, idleAge: 1000 } })
  const cookie = await begin()
  calls.length = 0
  clock.now = START + 99_000
  t.is((await get('/read', cookie)).setCookie, '')
  clock.now = START + 100_000
  t.is((await get('/read', cookie)).setCookie, '')
  t.is((await get('/read', cookie)).setCookie, '')
  t.deepEqual(calls, ['load', 'load', 'touch', 'load'])
  clock.now = START + 1_099_000
  t.is((await get('/read', cookie)).text, '{"n":1}')
  clock.now = START + 2_099_001
  t.is((await get('/read', cookie)).text, '{}')
})

test('a time written by a wrong clock is corrected by the next request, and the idle age counts again', async (t) => {
  const { get, begin, clock } = await application(t, {}, { expiry: { ...EXPIRY, idleAge: 1000 } })
  clock.now = START + 86_400_000
  const cookie = await begin()
  clock.now = START
  t.is((await get('/read', cookie)).text, '{"n":1}')
  clock.now = START + 1_001_000
  t.is((await get('/read', cookie)).text, '{}')
})

test('polling and prefetching are not activity', async (t) => {
  const { get, begin, calls, clock } = await application(
    t,
    {
      '/poll': async (ctx) => void (await ctx.session({ activity: false })),
    },
    { expiry: { ...EXPIRY, idleAge: 1000 } },
  )
  const cookie = await begin()
  clock.now = START + 500_000
  calls.length = 0
  await get('/poll', cookie)
  await get('/read', cookie, { 'Sec-Purpose': 'prefetch;prerender' })
  t.deepEqual(calls, ['load', 'load'])
})

test('save-every-request counts untouched pages as activity, and sends Vary then (CVE-2026-35192)', async (t) => {
  const { get, begin, calls, store } = await application(t, {}, { saveEveryRequest: true })
  const cookie = await begin()
  calls.length = 0
  const answer = await get('/nothing', cookie)
  t.deepEqual(
    [calls, answer.setCookie, answer.vary, answer.cache],
    [['load', 'touch'], '', 'Cookie', 'private, no-store'],
  )
  t.deepEqual([(await get('/nothing')).setCookie, (await get('/nothing', `sid=${'z'.repeat(32)}`)).setCookie], ['', ''])
  t.is((await (store as unknown as { statistics(): Promise<{ total: number }> }).statistics()).total, 1)
})

test('the idle and absolute ages are enforced on the server, whatever the browser sends (ASVS 7.3.1, 7.3.2)', async (t) => {
  const { get, begin, clock } = await application(
    t,
    { '/in': async (_ctx, session) => (await session()).assign({ n: 1, [USER_KEY]: '7' }) },
    { expiry: { ...EXPIRY, idleAge: 5, absoluteAge: 10 } },
  )
  const idle = await begin()
  clock.now = START + 4000
  t.is((await get('/read', idle)).text, '{"n":1}')
  clock.now = START + 9001
  t.is((await get('/read', idle)).text, '{}')
  const stranger = await begin()
  const { cookie: busy } = await get('/in')
  for (let second = 1; second < 10; second++) {
    clock.now = START + 9001 + second * 1000
    t.is((await get('/increment', busy)).status, 200)
    t.is((await get('/read', busy)).text, `{"n":${second + 1},"_auth_user_id":"7"}`)
    t.is((await get('/increment', stranger)).status, 200)
  }
  clock.now = START + 9001 + 10_000
  t.is((await get('/read', busy)).text, '{}')
  t.is((await get('/read', stranger)).text, '{"n":10}', 'the absolute age is that of a sign-in')
})

test('with save-every-request, polling is still not activity, and an outage fails no page that does not use the session', async (t) => {
  const { get, begin, calls, store } = await application(
    t,
    { '/poll': async (ctx) => void (await ctx.session({ activity: false })) },
    { saveEveryRequest: true },
  )
  const cookie = await begin()
  calls.length = 0
  t.is((await get('/poll', cookie)).setCookie, '')
  t.deepEqual(calls, ['load'])
  await store.close?.()
  t.is((await get('/nothing', cookie)).status, 200)
})
