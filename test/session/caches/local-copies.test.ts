import test from 'ava'
import type { CacheEntry } from '../../../src/session/caches/cache.ts'
import { LocalCopies } from '../../../src/session/caches/redis/local-copies.ts'
import { entry } from './bench.ts'

/** A server's entry whose readings a test answers one by one. */
function bench(entries = 10) {
  const copies = new LocalCopies(entries)
  const waiting: ((found: CacheEntry | undefined) => void)[] = []
  const read = (key = 'a') => copies.get(key, () => new Promise((resolve) => void waiting.push(resolve)))
  const answer = (found: CacheEntry | undefined) => waiting.shift()?.(found)
  return { copies, read, answer, waiting }
}

test('found entries are copied, and missing ones are requested again', async (t) => {
  const { read, answer, waiting } = bench()
  const missing = read()
  answer(undefined)
  t.is(await missing, undefined)
  const first = read()
  answer(entry())
  t.deepEqual(await first, entry())
  t.deepEqual(await read(), entry())
  t.is(waiting.length, 0)
})

test('an answer that was invalidated meanwhile is not copied', async (t) => {
  for (const key of ['a', undefined]) {
    const { copies, read, answer } = bench()
    const stale = read()
    copies.invalidate(key)
    answer(entry())
    t.is((await stale)?.version, 'v1')
    const fresh = read()
    answer(entry({ version: 'v2' }))
    t.is((await fresh)?.version, 'v2')
  }
})

test('a failed read leaves nothing', async (t) => {
  const { copies, read, answer } = bench()
  await t.throwsAsync(copies.get('a', () => Promise.reject(new Error('cut'))))
  const next = read()
  answer(entry())
  t.is((await next)?.version, 'v1')
})

test('invalidating one key keeps the others, and the least recently used copy is dropped first', async (t) => {
  const { copies, read, answer, waiting } = bench(2)
  for (const key of ['a', 'b']) {
    const reading = read(key)
    answer(entry({ version: key }))
    await reading
  }
  copies.invalidate('a')
  t.is((await read('b'))?.version, 'b')
  for (const key of ['c', 'd']) {
    const reading = read(key)
    answer(entry({ version: key }))
    await reading
  }
  void read('b')
  t.is(waiting.length, 1, 'b is asked for')
  answer(undefined)
})

test('a copy does not keep the buffer of the reply', async (t) => {
  const { read, answer } = bench()
  const chunk = Buffer.from('body and what followed it')
  const reading = read()
  answer(entry({ body: chunk.subarray(0, 4) }))
  await reading
  chunk.fill('x')
  t.is((await read())?.body.toString(), 'body')
})
