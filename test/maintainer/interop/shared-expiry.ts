import type { TestFn } from 'ava'
import { Visitor } from '../../support/django/visitor.ts'
import { EXPIRY } from '../../support/engine.ts'
import type { Backend, Bench } from './shared-bench.ts'

const HOUR = 3600

/** Each side has a separate clock; the one here runs ahead or behind, so that no test has to wait. */
function shifted(seconds: number): () => number {
  return () => Date.now() + seconds * 1000
}

/** What one side says about the end of a session, the other keeps to. */
export function expirySuite(test: TestFn, bench: () => Bench, backend: Backend): void {
  test.serial('an expiry in seconds set by Django ends the session here', async (t) => {
    const { django, ours } = bench()
    const visitor = new Visitor()
    await visitor.at(django, 'write', { values: { n: 1 } })
    await visitor.at(django, 'expire', { seconds: HOUR })
    t.is((await visitor.cookie(django))?.maxAge, HOUR)
    t.deepEqual(await visitor.read(await ours(t, { clock: shifted(HOUR - 60) })), { n: 1, _session_expiry: HOUR })
    const after = await visitor.copy()
    t.deepEqual(await after.read(await ours(t, { clock: shifted(2 * HOUR) })), {})
  })

  test.serial('an expiry in seconds set here ends the session in Django', async (t) => {
    const { django, ours } = bench()
    const early = await ours(t, { clock: shifted(-2 * HOUR) })
    for (const [seconds, live] of [
      [3 * HOUR, true],
      [HOUR, !backend.djangoEndsBySeconds],
    ] as const) {
      const visitor = new Visitor()
      await visitor.at(early, 'write', { values: { n: 1 } })
      await visitor.at(early, 'expire', { seconds })
      t.is((await visitor.cookie(django))?.maxAge, seconds)
      t.deepEqual(await visitor.read(django), live ? { n: 1, _session_expiry: seconds } : {}, `${seconds} seconds`)
    }
  })

  test.serial('until the browser closes: neither side gives the cookie an age', async (t) => {
    const { django, ours } = bench()
    const here = await ours(t)
    for (const [first, second] of [
      [django, here],
      [here, django],
    ] as const) {
      const visitor = new Visitor()
      await visitor.at(first, 'expire', { seconds: 0 })
      t.is((await visitor.cookie(first))?.maxAge, null)
      await visitor.at(second, 'increment', { name: 'n' })
      t.is((await visitor.cookie(first))?.maxAge, null)
      await visitor.at(second, 'expire', { seconds: null })
      t.is((await visitor.cookie(first))?.maxAge, EXPIRY.cookieAge)
      t.deepEqual(await visitor.read(first), { n: 1 })
    }
  })

  test.serial('a session without a custom expiry ends by the cookie age', async (t) => {
    const { django, ours } = bench()
    const visitor = new Visitor()
    await visitor.at(django, 'write', { values: { n: 1 } })
    t.deepEqual(await visitor.read(await ours(t, { clock: shifted(EXPIRY.cookieAge - 60) })), { n: 1 })

    const other = new Visitor()
    await other.at(django, 'write', { values: { n: 1 } })
    t.deepEqual(await other.read(await ours(t, { clock: shifted(EXPIRY.cookieAge + 60) })), {})

    const late = new Visitor()
    await late.at(await ours(t, { clock: shifted(-EXPIRY.cookieAge - 60) }), 'write', { values: { n: 1 } })
    t.deepEqual(await late.read(django), {})
  })

  test.serial('a date set here: Django reads it since 4.1; before, it cannot', async (t) => {
    const { django, ours } = bench()
    const here = await ours(t)
    const visitor = new Visitor()
    const date = Math.floor(Date.now() / 1000) * 1000 + HOUR * 1000
    await visitor.at(here, 'write', { values: { n: 1 } })
    await visitor.at(here, 'expire', { date })
    const expected = { n: 1, _session_expiry: new Date(date).toISOString().replace('.000Z', '+00:00') }
    const read = await visitor.attempt(django, 'read')
    const fails = !django.since(4, 1)
    if (fails && backend.oldDjangoFailsToReadDates) t.is(read.status, 500)
    else t.deepEqual(read.data, expected)
    t.is((await visitor.attempt(django, 'increment', { name: 'n' })).status, fails ? 500 : 200)
    t.deepEqual(await visitor.read(here), { ...expected, n: fails ? 1 : 2 })
    t.deepEqual(await visitor.read(await ours(t, { clock: shifted(HOUR + 60) })), {})
  })

  test.serial('a date set by Django, which can since 4.1, ends the session here', async (t) => {
    const { django, ours } = bench()
    const visitor = new Visitor()
    await visitor.at(django, 'write', { values: { n: 1 } })
    const { status } = await visitor.attempt(django, 'expire', { date: Date.now() + HOUR * 1000 })
    t.is(status, django.since(4, 1) ? 200 : 500)
    const rest = { n: 1, ...(django.since(4, 1) ? { _session_expiry: true } : {}) }
    const read = await visitor.read(await ours(t, { clock: shifted(HOUR - 60) }))
    t.deepEqual({ ...read, ...('_session_expiry' in read ? { _session_expiry: true } : {}) }, rest)
    t.is(Object.keys(await visitor.read(await ours(t, { clock: shifted(HOUR + 60) }))).length, status === 200 ? 0 : 1)
  })
}
