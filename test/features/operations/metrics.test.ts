import test from 'ava'
import { has, testOn } from '../../storage/present.ts'
import type { TestApp } from '../../support/app.ts'
import { application } from '../../support/handlers.ts'
import { begun, open, read } from '../../support/requests.ts'
import { appFor, scrape } from './steps.ts'

const COPIES = { SESSION_ENGINE: 'cached_db' }

const bench = ({ services: { engine, config, observe } }: TestApp) => ({
  engine,
  observe,
  expiry: config.session.expiry,
  now: Date.now,
})

test('reading metrics touches no session, sets no cookie, and is not counted as a response', async (t) => {
  const app = await appFor(t, { SESSION_SAVE_EVERY_REQUEST: 'true' })
  const cookie = `${app.services.config.session.cookie.name}=${await begun(bench(app))}`
  const rows = await app.services.knex('sessions')
  const before = await scrape(app)
  for (let n = 0; n < 3; n++) {
    const answer = await fetch(`${app.origin}/metrics`, { headers: { cookie } })
    t.deepEqual(answer.headers.getSetCookie(), [])
    t.is(answer.headers.get('vary'), null)
    await fetch(`${app.origin}/healthz`, { headers: { cookie } })
  }
  t.is((await scrape(app)).counted, before.counted)
  t.deepEqual(await app.services.knex('sessions'), rows)
})

if (has('db', 'sealed')) {
  test('operations of the store are counted and timed, by operation and outcome', async (t) => {
    const app = await appFor(t)
    const one = bench(app)
    const cookie = await begun(one)
    const [a, b] = [await open(one, cookie), await open(one, cookie)]
    a.session.set('a', 1)
    b.session.set('b', 1)
    t.deepEqual([(await a.commit()).outcome, (await b.commit()).outcome], ['saved', 'saved'])
    t.deepEqual(await read(one, cookie), { n: 0, a: 1, b: 1 })
    await read(one, 'x'.repeat(cookie.length))
    const loaded = await one.engine.open(cookie)
    if (loaded.live) await one.engine.end(loaded.loaded)
    const { value } = await scrape(app)
    const count = (operation: string, outcome: string) =>
      value('holdfast_session_operation_seconds_count', { engine: 'db', operation, outcome })
    t.is(count('create', 'done'), 1)
    t.is(count('save', 'saved'), 2)
    t.is(count('save', 'conflict'), 1)
    t.is(count('load', 'done'), 5, 'twice to change, once after the conflict, once to read, once to end')
    t.is(count('delete', 'done'), 1)
    t.is(value('holdfast_session_conflicts_total'), 1)
    t.is(value('holdfast_session_bytes_count', { engine: 'db' }), 4)
    t.true((value('holdfast_session_bytes_sum', { engine: 'db' }) ?? 0) > 0)
    const labels = { engine: 'db', operation: 'save', outcome: 'saved' }
    t.true((value('holdfast_session_operation_seconds_sum', labels) ?? 0) > 0)
    t.is(value('holdfast_session_operation_seconds_bucket', { ...labels, le: '+Inf' }), 2)
  })
}

if (has('db', 'sealed')) {
  test('a store that fails is counted as failed', async (t) => {
    const app = await appFor(t)
    const cookie = await begun(bench(app))
    await app.services.knex.schema.dropTable('sessions')
    await t.throwsAsync(read(bench(app), cookie))
    const labels = { engine: 'db', operation: 'load', outcome: 'failed' }
    t.is((await scrape(app)).value('holdfast_session_operation_seconds_count', labels), 1)
  })
}

test('changes of ended sessions, replays and cookies without a session are counted by kind', async (t) => {
  const app = await appFor(t)
  const { engine, observe } = app.services
  const change = async (between: (cookie: string) => Promise<unknown>) => {
    const { get, begin } = await application(
      t,
      {
        '/change': async (ctx, session) => {
          const own = await session()
          await between(ctx.cookies.get('sid') ?? '')
          own.set('late', true)
        },
      },
      { engine, observe },
    )
    return (await get('/change', await begin())).status
  }
  const ended = async (cookie: string) => {
    const opened = await engine.open(cookie)
    if (opened.live) await engine.end(opened.loaded)
  }
  t.is(await change(ended), 409)
  t.is(
    await change(async (cookie) => {
      const { session, commit } = await open(bench(app), cookie)
      session.set('early', true)
      await commit()
    }),
    200,
  )
  const { name } = app.services.config.session.cookie
  const key = 'x'.repeat((await begun(bench(app))).length)
  for (const cookie of [`${name}=${key}`, `${name}=a b`, `${name}=${key}; ${name}=${key.slice(1)}y`]) {
    await app.browser().get('/', { cookie })
  }
  const { value } = await scrape(app)
  t.is(value('holdfast_session_ended_elsewhere_total'), 1)
  t.is(value('holdfast_session_replays_total'), 1)
  t.is(value('holdfast_session_conflicts_total'), 1)
  const security = (kind: string) => value('holdfast_session_security_events_total', { kind }) ?? 0
  t.deepEqual([security('malformed-cookie'), security('duplicate-cookie')], [1, 1])
  t.true(security('unknown-key') >= 1)
  t.deepEqual([security('undecodable'), security('revoked')], [0, 0])
})

if (has('db', 'sealed')) {
  test('a session that cannot be decrypted is counted as unreadable', async (t) => {
    const app = await appFor(t)
    const cookie = await begun(bench(app))
    await app.services.knex('sessions').update({ data: 'forged' })
    await app.browser().get('/', { cookie: `${app.services.config.session.cookie.name}=${cookie}` })
    t.is((await scrape(app)).value('holdfast_session_security_events_total', { kind: 'undecodable' }), 1)
  })
}

testOn(COPIES)('cached_db: hits, misses, fills and writes of the cache are counted', async (t) => {
  const app = await appFor(t, COPIES)
  const { cache, knex } = app.services
  const cookie = await begun(bench(app))
  await read(bench(app), cookie)
  const row = await knex('sessions').first<{ session_key: string }>('session_key')
  const { epoch } = (await knex('session_epochs').first<{ epoch: string }>('epoch')) ?? { epoch: '' }
  await cache?.delete(`session:1:copy:${epoch}:${row?.session_key}`)
  await read(bench(app), cookie)
  await read(bench(app), cookie)
  const changed = await open(bench(app), cookie)
  changed.session.set('more', 1)
  await changed.commit()
  const { value } = await scrape(app)
  const outcome = (name: string) => value('holdfast_session_cache_total', { outcome: name })
  t.deepEqual(['hit', 'miss', 'filled', 'written', 'failed', 'write-failed'].map(outcome), [3, 1, 2, 1, 0, 0])
  t.is(value('holdfast_session_fallbacks_total'), 0)
  t.is(value('holdfast_cache_up'), 1)
})

testOn(COPIES)(
  'a cache that is down is visible in failures, fallbacks and its state, and in no response',
  async (t) => {
    const app = await appFor(t, COPIES)
    const cookie = await begun(bench(app))
    await app.services.cache?.close()
    for (let n = 0; n < 4; n++) t.truthy(await read(bench(app), cookie))
    const { value } = await scrape(app)
    t.is(value('holdfast_session_cache_total', { outcome: 'failed' }), 4)
    t.is(value('holdfast_session_fallbacks_total'), 4)
    t.is(value('holdfast_cache_up'), 0)
  },
)

testOn(COPIES)('pending writes of write_behind are shown', async (t) => {
  const app = await appFor(t, COPIES)
  t.is((await scrape(app)).value('holdfast_session_write_behind_waiting'), 0)
  app.services.observe({ type: 'write-behind', waiting: 7 })
  t.is((await scrape(app)).value('holdfast_session_write_behind_waiting'), 7)
})

testOn({ SESSION_ENGINE: 'signed_cookies' })('cookies: overflows and cookie sizes are counted', async (t) => {
  const env = { SESSION_ENGINE: 'signed_cookies', SESSION_COOKIE_OVERFLOW: 'degrade', SESSION_COOKIE_DROP: 'long' }
  const app = await appFor(t, env)
  const { engine, observe } = app.services
  const { get, begin } = await application(
    t,
    {
      '/grow': async (_ctx, session) => {
        const own = await session()
        own.set('long', [...crypto.getRandomValues(new Uint8Array(6_000))])
      },
    },
    { engine, observe },
  )
  t.is((await get('/grow', await begin())).status, 200)
  const { value } = await scrape(app)
  t.is(value('holdfast_session_overflows_total'), 1)
  t.is(value('holdfast_session_bytes_count', { engine: 'signed_cookies' }), 2)
})

if (has('db', 'sealed')) {
  test('responses are timed by status class, failed ones too', async (t) => {
    const app = await appFor(t)
    await app.browser().get('/')
    await app.browser().get('/nowhere')
    await app.browser().get('/nowhere?else')
    const cookie = `${app.services.config.session.cookie.name}=${await begun(bench(app))}`
    await app.services.sessionKnex.destroy()
    t.is((await app.browser().get('/', { cookie })).status, 503)
    const { value, series } = await scrape(app)
    const count = (status: string) => value('holdfast_http_response_seconds_count', { status })
    t.deepEqual([count('2xx'), count('3xx'), count('4xx'), count('5xx')], [1, 0, 2, 1])
    const bounds = series.flatMap(({ name, labels: { le, status } }) =>
      name === 'holdfast_http_response_seconds_bucket' && status === '2xx' && le !== undefined ? [le] : [],
    )
    t.true(bounds.includes('0.1') && bounds.includes('0.2'), 'target and alert level are bounds, and so exact')
  })
}

test('the connections of the pool are shown by state', async (t) => {
  const app = await appFor(t)
  const { knex } = app.services
  const state = async (name: string) => (await scrape(app)).value('holdfast_database_connections', { state: name })
  const first = await knex.transaction()
  t.true(((await state('used')) ?? 0) >= 1)
  await first.rollback()
  t.deepEqual([await state('used'), await state('pending')], [0, 0])
  t.true(((await state('free')) ?? 0) >= 1)
})

if (has('db', 'sealed')) {
  test('two applications in one process have separate metrics', async (t) => {
    const [one, other] = [await appFor(t), await appFor(t)]
    const before = (await scrape(other)).counted
    await begun(bench(one))
    await one.browser().get('/')
    t.is((await scrape(other)).counted, before)
    const labels = { engine: 'db', operation: 'create', outcome: 'done' }
    t.is((await scrape(one)).value('holdfast_session_operation_seconds_count', labels), 1)
  })
}
