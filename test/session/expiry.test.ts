import test from 'ava'
import { asData } from '../../src/session/codec/serializer.ts'
import type { Json } from '../../src/session/core/data.ts'
import { deadline, EXPIRY_KEY, expiryAge, expiryDate, storedExpiry, touchDue } from '../../src/session/core/expiry.ts'
import { USER_KEY } from '../../src/session/core/user.ts'
import { EXPIRY, START } from '../support/engine.ts'

/** The data of a session, with its custom expiry. */
const data = (expiry?: Json, more: Record<string, Json> = {}) =>
  asData({ ...(expiry === undefined ? {} : { [EXPIRY_KEY]: expiry }), ...more })
const seconds = (count: number) => START + count * 1000

test('age in Django’s order', (t) => {
  for (const falsy of [undefined, null, 0, false, '']) t.is(expiryAge(EXPIRY, falsy, START), 1_209_600)
  t.is(expiryAge(EXPIRY, 300, START), 300)
  t.is(expiryAge(EXPIRY, -10, START), -10)
  t.is(expiryAge(EXPIRY, '2026-03-01T12:00:10.900+00:00', START), 10)
  t.is(expiryAge(EXPIRY, '2026-03-01T11:59:59.500+00:00', START), -1)
  t.is(expiryAge(EXPIRY, '2026-03-01T12:00:10', START), 10)
  t.is(expiryAge(EXPIRY, '2026-03-01T12:00:10.678901+00:00', START), 10)
  t.is(expiryAge(EXPIRY, 'junk', START), 1_209_600)
})

test('an expiry beyond the maximum date is refused when it is set, and limited when it was stored', (t) => {
  for (const huge of [1e300, -1e300, Number.NaN, Number.POSITIVE_INFINITY]) {
    t.throws(() => storedExpiry(huge), { instanceOf: RangeError })
  }
  t.is(deadline(EXPIRY, data(1e300), START, START), 8.64e15)
  t.notThrows(() => storedExpiry(10 * 365 * 86_400))
})

test('dates are written as Python reads them', (t) => {
  t.is(storedExpiry(new Date('2030-01-02T03:04:05.678Z')), '2030-01-02T03:04:05.678+00:00')
  t.is(storedExpiry(new Date('2030-01-02T03:04:05.000Z')), '2030-01-02T03:04:05+00:00')
  t.is(expiryDate(EXPIRY, '2030-01-02T03:04:05+00:00', START).toISOString(), '2030-01-02T03:04:05.000Z')
})

test('the earliest of the four limits decides', (t) => {
  t.is(deadline(EXPIRY, data(), START, START), seconds(1_209_600))
  t.is(deadline({ ...EXPIRY, idleAge: 60 }, data(), START, START), seconds(60))
  t.is(deadline({ ...EXPIRY, idleAge: 60 }, data(30), START, START), seconds(30))
  const absolute = { ...EXPIRY, idleAge: 60, absoluteAge: 100 }
  const signedIn = data(undefined, { [USER_KEY]: '7' })
  t.is(deadline(absolute, signedIn, START, seconds(50)), seconds(100))
  t.is(deadline(absolute, signedIn, START, seconds(99)), seconds(100))
  t.is(deadline(absolute, data(), START, seconds(99)), seconds(159), 'an anonymous session has no absolute age')
})

test('a touch is due after the share of the window, not before', (t) => {
  const policy = { ...EXPIRY, idleAge: 1000, touchAfter: 0.1 }
  const record = { createdAt: START, lastActivity: START, expires: seconds(1000) }
  t.false(touchDue(policy, data(), record, seconds(99)))
  t.true(touchDue(policy, data(), record, seconds(100)))
  // Django's table has no last activity: there the expiry decides.
  t.false(touchDue(policy, data(), { ...record, lastActivity: 0 }, seconds(99)))
  t.true(touchDue(policy, data(), { ...record, lastActivity: 0 }, seconds(100)))
})

test('a fixed date does not slide, but activity is still written', (t) => {
  const date = storedExpiry(new Date(seconds(5000)))
  const record = { createdAt: START, lastActivity: START, expires: seconds(5000) }
  t.is(deadline(EXPIRY, data(date), START, seconds(100)), seconds(5000))
  t.false(touchDue(EXPIRY, data(date), record, seconds(4000)))
  t.true(touchDue({ ...EXPIRY, idleAge: 1000 }, data(date), record, seconds(100)))
})
