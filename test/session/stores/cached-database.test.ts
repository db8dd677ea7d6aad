import test from 'ava'
import { MemoryCache } from '../../../src/session/caches/memory.ts'
import { StoreUnavailableError } from '../../../src/session/core/errors.ts'
import type { SessionEvent } from '../../../src/session/core/events.ts'
import { CachedStore } from '../../../src/session/stores/cached/cached-database.ts'
import { MemoryStore } from '../../../src/session/stores/memory.ts'
import { steer, versionsIn } from '../../support/caches.ts'
import { DAY, EVERYTHING, HOUR, record, START } from './bench.ts'
import { storeContract } from './contract.ts'

for (const strategy of ['write_through', 'cache_aside'] as const) {
  storeContract(`cached_db, ${strategy}`, EVERYTHING, async (now) => {
    const database = new MemoryStore({ now })
    const cache = new MemoryCache({ now })
    const on = () => new CachedStore({ database, cache, strategy, now })
    return {
      store: on(),
      another: async () => on(),
      async breakIt() {
        await database.close()
        await cache.close()
      },
      close: () => cache.close(),
    }
  })
}

function bench() {
  const clock = { now: START }
  const now = () => clock.now
  const memory = new MemoryCache({ now })
  const records = new MemoryStore({ now })
  const [cache, database] = [steer(memory), steer(records)]
  const events: string[] = []
  const observe = (event: SessionEvent) => void events.push('outcome' in event ? event.outcome : event.type)
  const store = new CachedStore({ database: database.steered, cache: cache.steered, observe, now })
  // Another process: the same storage, nothing else in common.
  const other = new CachedStore({ database: records, cache: memory, now })
  const cached = async (key = 'a') => (await versionsIn(memory, key))[0]
  return { clock, memory, records, cache, database, store, other, events, cached }
}

test('a hit only reads the cache, a save replaces the copy, and the next read finds it', async (t) => {
  const { store, database, events } = bench()
  const version = await store.create('a', record({ data: 'first' }))
  t.is((await store.load('a'))?.data, 'first')
  const saved = await store.save('a', version, record({ data: 'second' }))
  t.like(await store.load('a'), { data: 'second', version: saved.outcome === 'saved' ? saved.version : '' })
  t.deepEqual(database.calls, ['create', 'save'])
  t.deepEqual(events, ['filled', 'hit', 'written', 'hit'])
})

test('cache_aside: a save removes the copy, and the next read fills it', async (t) => {
  const { memory, records } = bench()
  const store = new CachedStore({ database: records, cache: memory, strategy: 'cache_aside', now: () => START })
  const version = await store.create('a', record({ data: 'first' }))
  t.deepEqual(await versionsIn(memory, 'a'), [undefined])
  await store.load('a')
  t.deepEqual(await versionsIn(memory, 'a'), ['1'])
  await store.save('a', version, record({ data: 'second' }))
  t.deepEqual(await versionsIn(memory, 'a'), [undefined])
  t.is((await store.load('a'))?.data, 'second')
})

test('a slow reader cannot refill after a logout', async (t) => {
  const { store, other, memory, cache, cached } = bench()
  await store.create('a', record({}))
  await memory.delete('session:1:copy:a')
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
  const { store, other, memory, cache } = bench()
  const version = await store.create('a', record({ data: 'old' }))
  await memory.delete('session:1:copy:a')
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
  const { store, other, memory, cache } = bench()
  const version = await store.create('a', record({ data: 'old' }))
  await memory.delete('session:1:copy:a')
  const filling = cache.stopAt('swap')
  const reading = store.load('a')
  const goOn = await filling
  await other.save('a', version, record({ data: 'new' }))
  await memory.delete('session:1:copy:a')
  await memory.add('session:1:copy:a', { version: 'lease-later', expires: START + HOUR, body: Buffer.alloc(0) })
  goOn()
  await reading
  t.deepEqual(await versionsIn(memory, 'a'), ['lease-later'])
})

test('a slow save cannot replace a newer copy', async (t) => {
  const { store, other, cache, cached } = bench()
  const version = await store.create('a', record({ data: 'first' }))
  const replacing = cache.stopAt('swap')
  const saving = store.save('a', version, record({ data: 'second' }))
  const goOn = await replacing
  const read = await other.load('a')
  t.is(read?.data, 'first', 'not yet acknowledged')
  t.is((await other.save('a', version, record({ data: 'lost?' }))).outcome, 'conflict')
  const newer = await other.load('a')
  t.is(newer?.data, 'second', 'the conflict removed the copy that misled us')
  await other.save('a', newer?.version ?? '', record({ data: 'third' }))
  goOn()
  t.is((await saving).outcome, 'saved')
  t.not(await cached(), '2')
  t.is((await store.load('a'))?.data, 'third')
})

test('a session that was ended while it was being created leaves no copy behind', async (t) => {
  const { store, other, cache, cached } = bench()
  const filling = cache.stopAt('swap')
  const creating = store.create('a', record({ userId: '7' }))
  const goOn = await filling
  t.is(await other.endByUser('7'), 1)
  goOn()
  await creating
  t.is(await cached(), undefined)
  t.is(await store.load('a'), undefined)
})

test('200 refills of a reader that race with a logout: no copy remains', async (t) => {
  const { store, other, memory, cached } = bench()
  for (let n = 0; n < 200; n++) {
    const key = `race${n}`
    await store.create(key, record({}))
    await memory.delete(`session:1:copy:${key}`)
    await Promise.all([store.load(key), other.delete(key), store.load(key)])
    t.is(await cached(key), undefined, key)
    t.is(await store.load(key), undefined, key)
  }
})

test('a logout while the cache is down is valid in this process at once, and the copy is removed when the cache is up', async (t) => {
  const { store, cache, cached } = bench()
  await store.create('a', record({}))
  cache.out = true
  t.is(await store.delete('a'), 'done')
  cache.out = false
  t.is(await cached(), '1', 'the stale copy is still there')
  t.is(await store.load('a'), undefined)
  t.is(await cached(), '1')
  await store.close()
})

test('copies that could not be removed are removed once the cache answers', async (t) => {
  const { clock, memory, records, cached } = bench()
  const steered = steer(memory)
  const { CachedCopies } = await import('../../../src/session/stores/cached/cached-copies.ts')
  const copies = new CachedCopies({ cache: steered.steered, now: () => clock.now })
  await records.create('a', record({}))
  await copies.fill('a', () => records.load('a'))
  steered.out = true
  await copies.forget('a')
  t.is(await copies.removeUnsure(), 1)
  t.is(await copies.get('a'), 'unsure')
  steered.out = false
  t.is(await copies.removeUnsure(), 0)
  t.is(await cached(), undefined)
  t.is(await copies.get('a'), 'miss')
})

test('a key that becomes unsure again while its copy is being removed stays unsure', async (t) => {
  const { memory, records } = bench()
  const steered = steer(memory)
  const { CachedCopies } = await import('../../../src/session/stores/cached/cached-copies.ts')
  const copies = new CachedCopies({ cache: steered.steered, now: () => START })
  const version = await records.create('a', record({ data: 'old' }))
  steered.out = true
  await copies.forget('a')
  steered.out = false
  const deleting = steered.stopAt('delete')
  const settling = copies.removeUnsure()
  const goOn = await deleting
  // A save of this process, and after it the copy that a slow reader elsewhere makes of what was before.
  await records.save('a', version, record({ data: 'new' }))
  await copies.replace('a', version, { ...record({ data: 'new' }), version: 2 })
  goOn()
  await settling
  await new CachedCopies({ cache: memory, now: () => START }).fill('a', async () => ({
    ...record({ data: 'old' }),
    version,
  }))
  t.is(await copies.get('a'), 'unsure')
  t.is(await copies.removeUnsure(), 0)
  t.is(await copies.get('a'), 'miss')
})

test('after an outage no reader of this process sees a version older than what it wrote', async (t) => {
  const { store, cache } = bench()
  let version = await store.create('a', record({ data: '0' }))
  for (const kind of ['out', 'deaf'] as const) {
    for (const data of ['1', '2']) {
      cache[kind] = true
      const saved = await store.save('a', version, record({ data: kind + data }))
      if (saved.outcome !== 'saved') return t.fail()
      version = saved.version
      t.is((await store.load('a'))?.data, kind + data)
      cache[kind] = false
      t.is((await store.load('a'))?.data, kind + data)
    }
  }
})

test('too many unsure keys: the cache is bypassed until all copies have expired', async (t) => {
  const { clock, store, cache, database } = bench()
  await store.create('early', record({ expires: START + DAY }))
  cache.out = true
  for (let n = 0; n <= 10_000; n++) await store.delete(`k${n}`)
  cache.out = false
  database.calls.length = 0
  await store.load('early')
  t.deepEqual(database.calls, ['load'])
  clock.now = START + HOUR + 1
  await store.load('early')
  await store.load('early')
  t.deepEqual(database.calls, ['load', 'load'])
})

test('a database that is down is unavailable, and the cache never gets ahead of it', async (t) => {
  const { store, database, cached } = bench()
  const version = await store.create('a', record({ data: 'first' }))
  database.out = true
  t.is((await store.load('a'))?.data, 'first', 'a copy is as good as the row')
  await t.throwsAsync(store.save('a', version, record({ data: 'second' })), { instanceOf: StoreUnavailableError })
  t.is(await cached(), undefined, 'the result of the save is unknown')
  await t.throwsAsync(store.delete('a'), { instanceOf: StoreUnavailableError })
  await t.throwsAsync(store.load('a'), { instanceOf: StoreUnavailableError })
  database.out = false
  t.is((await store.load('a'))?.data, 'first')
  database.deaf = true
  await t.throwsAsync(store.save('a', version, record({ data: 'third' })), { instanceOf: StoreUnavailableError })
  database.deaf = false
  t.is((await store.load('a'))?.data, 'third', 'saved, though the answer was lost')
})

test('a copy expires after the cache timeout or with the session, whichever is earlier', async (t) => {
  const { clock, store, memory } = bench()
  await store.create('long', record({ expires: START + DAY }))
  await store.create('short', record({ expires: START + 60_000 }))
  t.is((await memory.get('session:1:copy:long'))?.expires, START + HOUR)
  t.is((await memory.get('session:1:copy:short'))?.expires, START + 60_000)
  t.is((await store.load('long'))?.expires, START + DAY, 'the session’s own expiry, not the copy’s')
  clock.now = START + 60_000
  t.is(await store.load('short'), undefined)
})

test('1,000 damaged copies: the database is authoritative, and the copy is replaced', async (t) => {
  const { store, memory, cached } = bench()
  await store.create('a', record({ data: 'first' }))
  const entry = await memory.get('session:1:copy:a')
  if (entry === undefined) return t.fail()
  let seed = 7
  const random = (below: number) => {
    seed = (seed * 48271) % 2147483647
    return seed % below
  }
  for (let n = 0; n < 1000; n++) {
    const body = Buffer.from(entry.body)
    for (let flips = 0; flips <= random(4); flips++) body.writeUInt8(random(256), random(body.length - 6))
    await memory.delete('session:1:copy:a')
    await memory.add('session:1:copy:a', {
      ...entry,
      body: random(3) === 0 ? body.subarray(0, random(body.length - 6)) : body,
    })
    const loaded = await store.load('a')
    t.not(loaded, undefined, body.toString('latin1'))
  }
  await memory.delete('session:1:copy:a')
  await memory.add('session:1:copy:a', { ...entry, body: Buffer.from('x') })
  t.is((await store.load('a'))?.data, 'first')
  await store.load('a')
  t.is(await cached(), '1')
})

test('sessions that a command clears leave no copies', async (t) => {
  const { store, memory } = bench()
  await store.create('a', record({ userId: '7' }))
  await store.create('b', record({ userId: '8' }))
  t.is(await store.clearBatch({ kind: 'user', userId: '7' }, 10), 1)
  t.deepEqual(await versionsIn(memory, 'a', 'b'), [undefined, '1'])
})
