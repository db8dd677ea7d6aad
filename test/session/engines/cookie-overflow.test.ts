import test from 'ava'
import { SessionTooLargeError } from '../../../src/session/core/errors.ts'
import { signIn } from '../../../src/session/sign-in.ts'
import { handle } from '../../../src/session/testing/handle.ts'
import { cookieBench } from '../../support/cookie-engine.ts'
import { COOKIE } from '../../support/handlers.ts'
import { begun, open, read } from '../../support/requests.ts'

const DEGRADING = { overflow: 'degrade', dropOrder: ['recent', 'hints'] } as const
const long = (seed: number, length = 300) => Array.from({ length }, (_, n) => (n * 7919 * seed) % 100_003)

test('keys are dropped in their order, the rest is kept, and both are reported', async (t) => {
  const bench = cookieBench({ maxSize: 1000, ...DEGRADING })
  const { session, commit } = await open(bench)
  await signIn(session, '7')
  session.assign({ hints: 'few', recent: long(1, 400), list: [1, 2] })
  const committed = await commit()
  if (committed.outcome !== 'saved') return t.fail()
  t.deepEqual(committed.dropped, ['recent'])
  t.deepEqual({ ...committed.loaded.data }, { _auth_user_id: '7', hints: 'few', list: [1, 2] })
  t.deepEqual({ ...(await read(bench, committed.cookie ?? '')) }, { _auth_user_id: '7', hints: 'few', list: [1, 2] })
  t.like(bench.events, [{ type: 'overflow', dropped: ['recent'], limit: 1000 }])
  t.false('dropped' in (await (await open(bench, committed.cookie)).commit()), 'and nothing more the next time')
})

test('still too large, or not allowed to drop: refused, nothing reported as dropped', async (t) => {
  for (const options of [
    { ...DEGRADING, maxSize: 400 },
    { maxSize: 1000, dropOrder: ['recent'] },
  ]) {
    const bench = cookieBench(options)
    const cookie = await begun(bench, { a: 1 })
    const { session, commit } = await open(bench, cookie)
    session.assign({ recent: long(1), list: long(2) })
    await t.throwsAsync(commit(), { instanceOf: SessionTooLargeError })
    t.deepEqual(bench.events, [])
    t.deepEqual({ ...(await read(bench, cookie)) }, { a: 1 })
  }
})

test('an engine that would have to drop the sign-in does not start', (t) => {
  t.throws(() => cookieBench({ overflow: 'degrade', dropOrder: ['_auth_user_id'] }), { instanceOf: RangeError })
})

test('the response is sent, and the application knows what was dropped', async (t) => {
  const settings = { ...cookieBench({ maxSize: 1000, ...DEGRADING }), cookie: COOKIE }
  const filled = await handle(
    async (ctx) => {
      ;(await ctx.session()).assign({ recent: long(1), hints: long(2), list: [1] })
      ctx.body = 'filled'
    },
    { settings },
  )
  t.deepEqual([filled.status, filled.text, filled.ctx.state['sessionDropped']], [200, 'filled', ['recent', 'hints']])
  t.deepEqual(filled.session.keys(), ['list'])
  const next = await filled.again(async (ctx) => void (await ctx.session()))
  t.is(next.ctx.state['sessionDropped'], undefined)
})
