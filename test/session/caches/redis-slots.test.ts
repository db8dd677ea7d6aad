import test from 'ava'
import { slotOf } from '../../../src/session/caches/redis/redis-slots.ts'

test('the slot of a key is the one that a cluster has for it', (t) => {
  // From CLUSTER KEYSLOT.
  const known: [string, number][] = [
    ['', 0],
    ['123456789', 12739],
    ['session:1:a', 94],
    ['session:1:copy:Zz_-09:kK', 14928],
  ]
  for (const [key, slot] of known) t.is(slotOf(key), slot, key)
})
