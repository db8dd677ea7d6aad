import test from 'ava'
import { Changes } from '../../../src/session/changes.ts'
import { djangoCookieCodec } from '../../../src/session/codec/django.ts'
import { emptyData, type SessionData } from '../../../src/session/data.ts'
import { CookieEngine } from '../../../src/session/engines/cookie.ts'
import { SessionTooLargeError } from '../../../src/session/errors.ts'
import { START } from '../../support/engine.ts'

const AGE = 600

function bench() {
  const clock = { now: START }
  const now = () => clock.now
  const codec = djangoCookieCodec({ secrets: ['a secret of the tests: 6f1f0c2b9d8e4a7c'], now })
  const expiry = { cookieAge: AGE, atBrowserClose: false, touchAfter: 0.1 }
  const engine = new CookieEngine({ codec, expiry, maxSize: 1000, now })
  const begin = async (values: Record<string, unknown>) => {
    const data = Object.assign(emptyData(), values) as SessionData
    const client = { ipAddress: null, userAgent: null }
    const rest = { loaded: undefined, changes: new Changes(), client, restartClock: false }
    const committed = await engine.commit({ write: 'create', data, ...rest })
    return committed.outcome === 'saved' ? committed.cookie : ''
  }
  const liveAt = async (cookie: string, seconds: number) => {
    clock.now = START + seconds * 1000
    return (await engine.open(cookie)).live
  }
  return { engine, begin, liveAt }
}

test('the whole session is in the cookie, for the cookie age', async (t) => {
  const { engine, begin, liveAt } = bench()
  const cookie = await begin({ name: 'ada' })
  const opened = await engine.open(cookie)
  t.deepEqual(opened.live && { ...opened.loaded.data }, { name: 'ada' })
  t.true(await liveAt(cookie, AGE))
  t.false(await liveAt(cookie, AGE + 1))
})

test('an expiry of its own counts on the server, shorter and longer than the cookie age (81)', async (t) => {
  const { begin, liveAt } = bench()
  const short = await begin({ _session_expiry: 60 })
  const long = await begin({ _session_expiry: 3600 })
  const date = await begin({ _session_expiry: new Date(START + 30_000).toISOString() })
  t.deepEqual([await liveAt(date, 29), await liveAt(date, 30)], [true, false])
  t.deepEqual([await liveAt(short, 60), await liveAt(short, 61)], [true, false])
  t.deepEqual([await liveAt(long, 3600), await liveAt(long, 3601)], [true, false])
})

test('what a cookie cannot hold is refused with its size', async (t) => {
  const error = await t.throwsAsync(bench().begin({ text: Array.from({ length: 400 }, (_, n) => n * 7919).join() }), {
    instanceOf: SessionTooLargeError,
  })
  t.is(error?.status, 413)
})

test('a changed or foreign cookie is nobody', async (t) => {
  const { engine, begin } = bench()
  const cookie = await begin({ name: 'ada' })
  for (const wrong of [cookie.toUpperCase(), `${cookie}x`, cookie.slice(1), 'x', '', 'a:b:c']) {
    t.like(await engine.open(wrong), { live: false, suspicion: 'undecodable' })
  }
})
