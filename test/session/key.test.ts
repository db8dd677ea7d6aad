import test from 'ava'
import { isSessionKey, newSessionKey } from '../../src/session/core/key.ts'

test('10,000 keys: all different, of one shape, every character about equally often (ASVS 7.2.2, 7.2.3, 11.5.1)', (t) => {
  const keys = Array.from({ length: 10_000 }, newSessionKey)
  t.is(new Set(keys).size, 10_000)
  t.true(keys.every(isSessionKey))
  const counts = new Map<string, number>()
  for (const character of keys.join('')) counts.set(character, (counts.get(character) ?? 0) + 1)
  t.is(counts.size, 36)
  const expected = 320_000 / 36
  const chiSquare = [...counts.values()].reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0)
  // 35 degrees of freedom: a fair source stays below 92 except once in a million runs.
  t.true(chiSquare < 92, String(chiSquare))
})

test('other text is not a key', (t) => {
  for (const text of [
    '',
    'a',
    'A'.repeat(32),
    `${'a'.repeat(31)}-`,
    'a'.repeat(33),
    `${'a'.repeat(32)}\n`,
    '../../etc/passwd',
    'ä'.repeat(32),
  ]) {
    t.false(isSessionKey(text), text)
  }
})
