import test, { type ExecutionContext } from 'ava'
import type { MemoryCache } from '../../../src/session/caches/memory.ts'
import { CachedStore } from '../../../src/session/stores/cached/cached-database.ts'
import { steer, versionsIn } from '../../support/caches.ts'
import { DAY, HOUR, record, START } from './bench.ts'
import { bench, withMembers } from './cached-bench.ts'

const AHEAD_MS = 30_000

/** The cache as a process sees it whose clock is so far ahead that entries are missing. */
function aheadOf(t: ExecutionContext, cache: MemoryCache, clock: { now: number }): MemoryCache {
  const swap: MemoryCache['swap'] = async (...call) => {
    clock.now += AHEAD_MS
    const swapping = cache.swap(...call)
    clock.now -= AHEAD_MS
    const outcome = await swapping
    t.is(outcome, 'missing', 'by the clock that is ahead')
    return outcome
  }
  return withMembers(cache, { swap })
}

test('a slow reader cannot refill after a logout', async (t) => {
  const { store, other, memory, cache, cached, name } = bench()
  await store.create('a', record({}))
  await memory.delete(await name('a'))
  const filling = cache.stopAt('swap')
  const reading = store.load('a')
  const goOn = await filling
  await other.delete('a')
  goOn()
  t.is((await reading)?.data, 'data', 'it began before the logout')
  t.is(await cached(), undefined)
  t.is(await store.load('a'), undefined)
})

test('a slow reader cannot refill after a newer save', async (t) => {
  const { store, other, memory, cache, name } = bench()
  const version = await store.create('a', record({ data: 'old' }))
  await memory.delete(await name('a'))
  const filling = cache.stopAt('swap')
  const reading = store.load('a')
  const goOn = await filling
  await other.save('a', version, record({ data: 'new' }))
  goOn()
  await reading
  t.is((await store.load('a'))?.data, 'new')
  t.is((await other.load('a'))?.data, 'new')
})

test('a slow reader cannot refill with the lease of a later reader', async (t) => {
  const { store, other, memory, cache, name, records } = bench()
  const version = await store.create('a', record({ data: 'old' }))
  await memory.delete(await name('a'))
  const filling = cache.stopAt('swap')
  const reading = store.load('a')
  const goOn = await filling
  await other.save('a', version, record({ data: 'new' }))
  await memory.delete(await name('a'))
  await memory.add(await name('a'), { version: 'lease-later', expires: START + HOUR, body: Buffer.alloc(0) })
  goOn()
  await reading
  t.deepEqual(await versionsIn(records, memory, 'a'), ['lease-later'])
})

test('a copy that a slow reader makes during a save may be older than a page before, until the save is answered', async (t) => {
  const { store, other, memory, cache, name, records } = bench()
  const version = await store.create('a', record({ data: 'first' }))
  await memory.delete(await name('a'))
  const filling = cache.stopAt('swap')
  const reading = store.load('a')
  const goOnFilling = await filling
  const slow = steer(memory)
  const saver = new CachedStore({ database: records, cache: slow.steered, now: () => START })
  const replacing = slow.stopAt('swap')
  const saving = saver.save('a', version, record({ data: 'second' }))
  const goOn = await replacing
  t.is((await other.load('a'))?.data, 'second', 'from the database')
  goOnFilling()
  await reading
  t.is((await other.load('a'))?.data, 'first', 'from the copy')
  goOn()
  t.is((await saving).outcome, 'saved')
  t.is((await other.load('a'))?.data, 'second')
})

test('200 refills of a reader that race with a logout: no copy remains', async (t) => {
  const { store, other, memory, cached, name } = bench()
  for (let n = 0; n < 200; n++) {
    const key = `race${n}`
    await store.create(key, record({}))
    await memory.delete(await name(key))
    await Promise.all([store.load(key), other.delete(key), store.load(key)])
    t.is(await cached(key), undefined, key)
    t.is(await store.load(key), undefined, key)
  }
})

test('a save in a process whose clock is ahead leaves no slow reader the right to make an older copy', async (t) => {
  const { clock, memory, records, store, cache, name } = bench()
  const ahead = new CachedStore({ database: records, cache: aheadOf(t, memory, clock), now: () => clock.now })
  const version = await store.create('a', record({ data: 'first' }))
  await memory.delete(await name('a'))
  const filling = cache.stopAt('swap')
  const reading = store.load('a')
  const goOn = await filling
  t.is((await ahead.save('a', version, record({ data: 'second' }))).outcome, 'saved')
  goOn()
  await reading
  t.is((await store.load('a'))?.data, 'second')
})

test('a save in a process whose clock is ahead removes a copy that has expired only there', async (t) => {
  const { clock, memory, records, store } = bench()
  const ahead = new CachedStore({ database: records, cache: aheadOf(t, memory, clock), now: () => clock.now })
  const version = await store.create('a', record({ data: 'first', expires: START + DAY }))
  clock.now += HOUR - AHEAD_MS / 2
  t.is((await ahead.save('a', version, record({ data: 'second', expires: START + DAY }))).outcome, 'saved')
  t.is((await store.load('a'))?.data, 'second')
})
