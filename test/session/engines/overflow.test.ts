import test from 'ava'
import { plainJson, type SessionData } from '../../../src/session/core/data.ts'
import { SessionTooLargeError } from '../../../src/session/core/errors.ts'
import { checkDropOrder, fitCookie } from '../../../src/session/engines/cookie/overflow.ts'

const text = (length: number) => 'x'.repeat(length)
const encode = (data: SessionData) => JSON.stringify(data)
const DATA = { recent: text(40), hints: text(40), list: text(40), _auth_user_id: '7' }
const tried = (values: object, maxSize: number, dropOrder: string[], overflow: 'error' | 'degrade' = 'degrade') =>
  fitCookie(plainJson(values) as SessionData, encode, { maxSize, overflow, dropOrder })

test('a session that fits is stored as a whole', (t) => {
  const { data, dropped, cookie } = tried(DATA, 1000, ['recent', 'hints', 'list'])
  t.deepEqual(dropped, [])
  t.deepEqual({ ...data }, DATA)
  t.is(cookie, JSON.stringify(DATA))
})

test('keys go in their declared order, and only until the rest fits', (t) => {
  const all = JSON.stringify(DATA).length
  const { list, _auth_user_id } = DATA
  const one = tried(DATA, all - 1, ['hints', 'absent', 'recent', 'list'])
  t.deepEqual([one.dropped, one.bytes], [['hints'], all])
  t.deepEqual({ ...one.data }, { recent: DATA.recent, list, _auth_user_id })
  const two = tried(DATA, all - 60, ['hints', 'absent', 'recent', 'list'])
  t.deepEqual(two.dropped, ['hints', 'recent'])
  t.deepEqual({ ...two.data }, { list, _auth_user_id })
})

test('at exactly the maximum nothing is dropped, with one byte less something is', (t) => {
  const all = JSON.stringify(DATA).length
  t.deepEqual(tried(DATA, all, ['hints']).dropped, [])
  t.deepEqual(tried(DATA, all - 1, ['hints']).dropped, ['hints'])
})

test('nothing undeclared is ever dropped: too large is refused with its size', (t) => {
  const refused = { instanceOf: SessionTooLargeError, message: /174 bytes; the limit is 60/ }
  const all = JSON.stringify(DATA).length
  t.is(all, 174)
  t.throws(() => tried(DATA, 60, []), refused)
  t.throws(() => tried(DATA, 60, ['hints', 'recent']), refused)
  t.throws(() => tried(DATA, 60, ['hints', 'recent', 'list'], 'error'), refused)
  t.deepEqual(tried(DATA, 60, ['hints', 'recent', 'list']).dropped, ['hints', 'recent', 'list'])
})

test("the codec's own limit counts too, and other errors are no reason to drop anything", (t) => {
  const policy = { maxSize: 1000, overflow: 'degrade', dropOrder: ['hints'] } as const
  const strict = (data: SessionData) => {
    if (data['hints'] !== undefined) throw new SessionTooLargeError(500, 400)
    return encode(data)
  }
  t.deepEqual(fitCookie(plainJson(DATA) as SessionData, strict, policy).dropped, ['hints'])
  const broken = () => {
    throw new TypeError('not this way')
  }
  t.throws(() => fitCookie(plainJson(DATA) as SessionData, broken, policy), { instanceOf: TypeError })
})

test('the sign-in cannot be declared as droppable', (t) => {
  t.notThrows(() => checkDropOrder(['recent', 'hints']))
  t.throws(() => checkDropOrder(['recent', '_auth_user_id']), { instanceOf: RangeError })
  t.throws(() => checkDropOrder(['_session_id']), { instanceOf: RangeError })
})
