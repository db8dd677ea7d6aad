import test from 'ava'
import { type Explanation, Trace } from '../../src/session/http/explanation.ts'
import type { SessionsOptions } from '../../src/session/http/middleware.ts'
import { SessionState } from '../../src/session/session-state.ts'
import { START } from '../support/engine.ts'
import { application } from '../support/handlers.ts'

const DAY = 86_400_000

/** Keeps the way to explain the latest request. */
function explaining() {
  let latest: (() => Explanation) | undefined
  const explain: SessionsOptions['explain'] = (_ctx, explanation) => {
    latest = explanation
  }
  const now = (): Explanation => {
    if (latest === undefined) throw new Error('No request has come')
    return latest()
  }
  return { explain, now }
}

test('a page without a session: nothing is opened, nothing is done', async (t) => {
  const { explain, now } = explaining()
  const { get } = await application(t, {}, { explain })
  await get('/nothing', `sid=${'a'.repeat(32)}`)
  const { settled, opening, live, decision, writing, content } = now()
  t.deepEqual([settled, opening, live, writing, content], [true, undefined, undefined, undefined, []])
  t.is(decision?.why, 'the handler never asked for the session')
})

test('how a session was opened, and why there is none', async (t) => {
  const { explain, now } = explaining()
  const { get } = await application(t, {}, { explain })
  const unknown = 'a'.repeat(32)
  for (const [cookie, cookies, suspicion] of [
    [undefined, 0, undefined],
    ['sid=no', 1, 'malformed-cookie'],
    [`sid=${unknown}`, 1, 'unknown-key'],
    ['sid=a; sid=b', 2, 'duplicate-cookie'],
  ] as const) {
    await get('/read', cookie)
    const { opening, live, decision } = now()
    t.deepEqual(
      [opening?.cookies, opening?.live, opening?.suspicion, opening?.failed],
      [cookies, false, suspicion, undefined],
    )
    t.true(Number(opening?.milliseconds) >= 0)
    t.deepEqual([live, decision?.write], [undefined, 'none'])
  }
})

test('before the response it shows what will be done, afterwards what was done', async (t) => {
  const { explain, now } = explaining()
  const asides: Explanation[] = []
  const { get, begin } = await application(
    t,
    {
      '/change': async (_ctx, session) => {
        asides.push(now())
        ;(await session()).set('list', [1, 2])
        asides.push(now())
        ;(await session()).delete('n')
      },
    },
    { explain },
  )
  const cookie = await begin()
  t.is(now().decision?.write, 'create')
  await get('/change', cookie)
  const [before, between] = asides
  t.deepEqual([before?.settled, before?.opening, before?.changedKeys], [false, undefined, []])
  t.deepEqual([between?.settled, between?.changedKeys, between?.decision?.write], [false, ['list'], 'save'])
  t.is(between?.writing, undefined)
  t.deepEqual(between?.content, [
    { key: 'n', bytes: 1 },
    { key: 'list', bytes: 5 },
  ])
  t.deepEqual({ ...between?.data }, { n: 1, list: [1, 2] })
  t.deepEqual(between?.changes, [{ key: 'list', before: undefined, after: [1, 2] }])
  const after = now()
  t.deepEqual([after.settled, after.changedKeys, after.decision?.write], [true, ['list', 'n'], 'save'])
  t.deepEqual([after.content, after.bytes], [[{ key: 'list', bytes: 5 }], '{"list":[1,2]}'.length])
  t.deepEqual(after.changes, [
    { key: 'n', before: 1, after: undefined },
    { key: 'list', before: undefined, after: [1, 2] },
  ])
  t.deepEqual([after.opening?.live, after.writing?.failed], [true, undefined])
  t.false(JSON.stringify(after).includes(cookie.slice('sid='.length)))
})

test('objects changed in place are shown and still saved', async (t) => {
  const { explain, now } = explaining()
  let seen: Explanation | undefined
  const { get } = await application(
    t,
    {
      '/put': async (_ctx, session) => (await session()).set('list', [1]),
      '/grow': async (_ctx, session) => {
        const list = (await session()).get('list') as number[]
        list.push(2)
        seen = now()
        list.push(3)
      },
    },
    { explain },
  )
  const { cookie } = await get('/put')
  await get('/grow', cookie)
  t.deepEqual(seen?.changedKeys, ['list'])
  t.deepEqual(seen?.changes, [{ key: 'list', before: [1], after: [1, 2] }])
  t.is((await get('/read', cookie)).text, '{"list":[1,2,3]}')
})

test('the expiry times: each separately, and the earliest', async (t) => {
  const { explain, now } = explaining()
  const expiry = { cookieAge: 14 * 86_400, idleAge: 86_400, absoluteAge: 2 * 86_400, atBrowserClose: false }
  const { get, begin, clock } = await application(
    t,
    { '/in': async (_ctx, session) => (await session()).set('_auth_user_id', '7') },
    { explain, expiry: { ...expiry, touchAfter: 0.5 } },
  )
  await get('/read', await begin())
  t.is(now().live?.absoluteEnds, undefined, 'an anonymous session has none')
  const { cookie } = await get('/in')
  clock.now += DAY / 4
  await get('/read', cookie)
  t.deepEqual(now().live, {
    inCookie: false,
    createdAt: START,
    lastActivity: START,
    expires: START + DAY,
    ageEnds: START + 14 * DAY,
    customExpiry: false,
    idleEnds: START + DAY,
    absoluteEnds: START + 2 * DAY,
    touchFrom: START + DAY / 2,
  })
  t.is(now().decision?.write, 'none')
  clock.now = START + DAY / 2
  await get('/read', cookie)
  t.is(now().decision?.write, 'touch')
})

test('a custom expiry, an end, and a forced save', async (t) => {
  const { explain, now } = explaining()
  const { get, begin } = await application(
    t,
    {
      '/own': async (_ctx, session) => (await session()).setExpiry(3600),
      '/mark': async (_ctx, session) => {
        ;(await session()).modified = true
      },
      '/clear': async (_ctx, session) => (await session()).clear(),
    },
    { explain },
  )
  const cookie = await begin()
  await get('/own', cookie)
  t.deepEqual([now().live?.customExpiry, now().live?.ageEnds], [true, START + 3_600_000])
  await get('/mark', cookie)
  t.deepEqual([now().changed, now().changedKeys], [true, []])
  await get('/clear', cookie)
  t.deepEqual([now().changedKeys, now().content], [['*'], []])
  await get('/end', cookie)
  t.deepEqual([now().flushed, now().live, now().decision?.cookie], [true, undefined, 'clear'])
})

test('errors are named', async (t) => {
  const { explain, now } = explaining()
  const { get, begin, store, codec } = await application(
    t,
    {
      '/late': async (_ctx, session) => {
        const key = (await session()).key ?? ''
        ;(await session()).set('n', 2)
        await store.delete(codec.storeKey(key))
      },
    },
    { explain },
  )
  const cookie = await begin()
  t.is((await get('/late', cookie)).status, 409)
  t.deepEqual([now().decision?.write, now().writing?.failed], ['save', 'SessionEndedError'])
  store.load = () => Promise.reject(new RangeError('out'))
  t.is((await get('/read', cookie)).status, 500)
  t.deepEqual([now().opening?.failed, now().opening?.live, now().decision], ['RangeError', false, undefined])
})

test.serial(
  'without the option nothing is recorded, and with it nothing is computed until the function is called',
  async (t) => {
    const calls: string[] = []
    for (const [prototype, name] of [
      [Trace.prototype, 'open'],
      [Trace.prototype, 'hold'],
      [Trace.prototype, 'apply'],
      [Trace.prototype, 'explain'],
      [SessionState.prototype, 'summary'],
    ] as const) {
      const real: (...args: never[]) => unknown = Reflect.get(prototype, name)
      Reflect.set(prototype, name, function counting(this: unknown, ...args: never[]) {
        calls.push(name)
        return real.apply(this, args)
      })
      t.teardown(() => void Reflect.set(prototype, name, real))
    }
    const silent = await application(t, {})
    await silent.begin()
    t.deepEqual(calls, [])
    const { explain, now } = explaining()
    const explained = await application(t, {}, { explain })
    await explained.begin()
    t.deepEqual(calls.splice(0), ['open', 'hold', 'apply', 'summary'])
    now()
    t.deepEqual(calls, ['explain', 'summary'])
  },
)
