import test from 'ava'
import german from '../../../src/features/explained/locales/de.json' with { type: 'json' }
import { settle } from '../../../src/session/http/settle.ts'

test('every reason of the engine for saving or not is translated to German', (t) => {
  const whys = [200, 500].flatMap((status) =>
    [...Array(512).keys()].map((bits) => {
      const is = (place: number) => (bits & (1 << place)) !== 0
      const [asked, hadCookie, live, flushed] = [is(0), is(1), is(2), is(3)]
      const [changed, empty, cycled, touchDue, accountChanged] = [is(4), is(5), is(6), is(7), is(8)]
      return settle({ status, asked, hadCookie, live, flushed, changed, accountChanged, empty, cycled, touchDue }).why
    }),
  )
  t.true(new Set(whys).size > 5)
  t.deepEqual(
    [...new Set(whys)].filter((why) => !(why in german)),
    [],
  )
})
