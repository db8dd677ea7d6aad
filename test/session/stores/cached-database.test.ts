import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import { MemoryCache } from '../../../src/session/caches/memory.ts'
import { StoreUnavailableError } from '../../../src/session/core/errors.ts'
import type { SessionEvent } from '../../../src/session/core/events.ts'
import { CachedStore } from '../../../src/session/stores/cached/cached-database.ts'
import { MemoryStore } from '../../../src/session/stores/memory.ts'
import { steer, versionsIn } from '../../support/caches.ts'
import { DAY, EVERYTHING, HOUR, record, START } from './bench.ts'
import { bench, withMembers } from './cached-bench.ts'
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

test('a hit only reads the cache, a save replaces the copy, and the next read finds it', async (t) => {
  const { store, database, events } = bench()
  const version = await store.create('a', record({ data: 'first' }))
  t.is((await store.load('a'))?.data, 'first')
  const saved = await store.save('a', version, record({ data: 'second' }))
  t.like(await store.load('a'), { data: 'second', version: saved.outcome === 'saved' ? saved.version : '' })
  t.deepEqual(database.calls, ['create', 'save'])
  t.deepEqual(events, ['copies', 'filled', 'hit', 'written', 'hit'])
})

test('cache_aside: a save removes the copy, and the next read fills it', async (t) => {
  const { memory, records } = bench()
  const store = new CachedStore({ database: records, cache: memory, strategy: 'cache_aside', now: () => START })
  const version = await store.create('a', record({ data: 'first' }))
  t.deepEqual(await versionsIn(records, memory, 'a'), [undefined])
  await store.load('a')
  t.deepEqual(await versionsIn(records, memory, 'a'), ['1'])
  await store.save('a', version, record({ data: 'second' }))
  t.deepEqual(await versionsIn(records, memory, 'a'), [undefined])
  t.is((await store.load('a'))?.data, 'second')
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

test('a logout while the cache is down is valid in every process when it is answered', async (t) => {
  const { store, other, cache } = bench()
  for (const kind of ['out', 'deaf'] as const) {
    await store.create('a', record({}))
    await other.load('a')
    cache[kind] = true
    t.is(await store.delete('a'), 'done')
    cache[kind] = false
    t.is(await store.load('a'), undefined)
    t.is(await other.load('a'), undefined)
  }
})

test('a change that the cache does not confirm is what every process reads when it is answered', async (t) => {
  const { store, other, cache } = bench()
  const version = await store.create('a', record({ data: 'first' }))
  t.is((await other.load('a'))?.data, 'first')
  cache.out = true
  await store.save('a', version, record({ data: 'second' }))
  t.is((await other.load('a'))?.data, 'second')
})

test('processes with a cache each read what the others have changed and ended', async (t) => {
  const { store, records } = bench()
  const apart = new CachedStore({ database: records, cache: new MemoryCache(), now: () => START })
  const version = await store.create('a', record({ data: 'first' }))
  t.is((await apart.load('a'))?.data, 'first')
  await apart.save('a', version, record({ data: 'second' }))
  t.is((await store.load('a'))?.data, 'second')
  await apart.delete('a')
  t.is(await store.load('a'), undefined)
})

test('a cache that refuses writes but deletes: no copy is stale, and the others stay in use', async (t) => {
  const { store, other, records, memory, name, database } = bench()
  const version = await store.create('a', record({ data: 'first' }))
  await store.create('b', record({}))
  const refuse = async () => {
    throw new StoreUnavailableError(new Error('OOM'), { answered: true })
  }
  const full = withMembers(memory, { swap: refuse, add: refuse })
  const before = await name('a')
  const filling = new CachedStore({ database: records, cache: full, now: () => START })
  t.is((await filling.save('a', version, record({ data: 'second' }))).outcome, 'saved')
  t.is((await other.load('a'))?.data, 'second')
  await filling.delete('a')
  t.is(await other.load('a'), undefined)
  t.is(await name('a'), before)
  database.calls.length = 0
  await store.load('b')
  t.deepEqual(database.calls, [])
})

test('while a session is being ended no reader makes a copy, so a process that dies then leaves none', async (t) => {
  const { store, other, database, cached } = bench()
  await store.create('a', record({}))
  const deleting = database.stopAt('delete')
  const ending = store.delete('a')
  const goOn = await deleting
  t.is((await other.load('a'))?.data, 'data', 'not yet acknowledged')
  t.regex((await cached()) ?? '', /^block-/)
  goOn()
  await ending
  t.is(await cached(), undefined)
})

test('no reader makes a copy either if the next epoch begins while the session is being ended', async (t) => {
  const { store, other, database, cached, records, events } = bench()
  await store.create('a', record({}))
  const { epoch } = await records.epochs.readEpoch()
  await records.epochs.changeEpoch(epoch, { epoch: 'suspended', server: '' })
  for (; !events.includes('stale'); await sleep(25)) await store.load('a')
  const deleting = database.stopAt('delete')
  const ending = store.delete('a')
  const goOn = await deleting
  do {
    await sleep(25)
    t.is((await other.load('a'))?.data, 'data', 'not yet acknowledged')
  } while ((await records.epochs.readEpoch()).server === '')
  await other.load('a')
  t.regex((await cached()) ?? '', /^block-/)
  goOn()
  t.is(await ending, 'done')
  t.is(await cached(), undefined)
  t.is(await other.load('a'), undefined)
})

test('a change whose outcome is unknown may still take effect: until then no reader makes a copy', async (t) => {
  const { store, other, database, cached } = bench()
  const version = await store.create('a', record({}))
  database.out = true
  await t.throwsAsync(store.save('a', version, record({ data: 'second' })), { instanceOf: StoreUnavailableError })
  database.out = false
  t.is((await other.load('a'))?.data, 'data')
  t.regex((await cached()) ?? '', /^block-/)
})

test('ending all of a user ends what is created meanwhile', async (t) => {
  const { store, other, database } = bench()
  await store.create('a', record({ userId: '7' }))
  const deleting = database.stopAt('delete')
  const ending = store.endByUser('7')
  const goOn = await deleting
  await other.create('b', record({ userId: '7' }))
  goOn()
  t.is(await ending, 2)
  t.is(await other.load('b'), undefined)
})

test('without the row of the epoch for 750 ms no copy is used, whichever clock says so', async (t) => {
  const { clock, memory, records } = bench()
  const epochs = steer(records.epochs)
  const database = withMembers(records, { epochs: epochs.steered })
  const store = new CachedStore({ database, cache: memory, now: () => clock.now })
  await store.create('a', record({}))
  await store.load('a')
  epochs.out = true
  for (const jump of [751, -751]) {
    clock.now = START + jump
    await t.throwsAsync(store.load('a'), { instanceOf: StoreUnavailableError })
  }
  epochs.out = false
  t.is((await store.load('a'))?.data, 'data')
})

test('a process that cannot use the cache does not end one epoch after another at the same rate', async (t) => {
  const { memory, records, other } = bench()
  const cut = steer(memory)
  const endings: SessionEvent[] = []
  const observe = (event: SessionEvent) => void (event.type === 'copies' && endings.push(event))
  const apart = new CachedStore({ database: records, cache: cut.steered, observe, now: () => START })
  await other.create('a', record({}))
  cut.out = true
  const pauses: number[] = []
  for (let n = 0; n < 2; n++) {
    const version = (await apart.load('a'))?.version ?? ''
    await apart.save('a', version, record({ data: String(n) }))
    const from = performance.now()
    do {
      await sleep(25)
      await other.load('a')
    } while ((await records.epochs.readEpoch()).server === '')
    pauses.push(performance.now() - from)
  }
  const [first = 0, second = 0] = pauses
  t.true(second > first * 1.5, String(pauses))
  t.deepEqual(endings[0], { type: 'copies', state: 'ended', reason: 'unconfirmed' })
})

test('300 saves at once whose copies the cache does not confirm end the epoch once', async (t) => {
  const { memory, records } = bench()
  const [cache, epochs] = [steer(memory), steer(records.epochs)]
  const database = withMembers(records, { epochs: epochs.steered })
  const store = new CachedStore({ database, cache: cache.steered, now: () => START })
  const keys = Array.from({ length: 300 }, (_, n) => `s${n}`)
  await store.load('s0')
  const versions = await Promise.all(keys.map((key) => store.create(key, record({}))))
  cache.out = true
  epochs.calls.length = 0
  await Promise.all(keys.map((key, n) => store.save(key, versions[n] ?? '', record({ data: 'second' }))))
  const count = (verb: string) => epochs.calls.filter((call) => call === verb).length
  t.is(count('changeEpoch'), 1)
  t.true(count('readEpoch') < 30, String(count('readEpoch')))
  t.is((await store.load('s299'))?.data, 'second')
})

test('a copy from another connection is not used', async (t) => {
  const { memory, records, store, events } = bench()
  await store.create('a', record({ data: 'first' }))
  let connection = {}
  const cache = new Proxy(memory, {
    get(target, property) {
      if (property === 'connection') return connection
      const member: unknown = Reflect.get(target, property)
      if (typeof member !== 'function') return member
      return async (...args: unknown[]) => {
        if (property === 'get') connection = {}
        return await member.apply(target, args)
      }
    },
  })
  const observe = (event: SessionEvent) => void ('outcome' in event && events.push(event.outcome))
  const reconnecting = new CachedStore({ database: records, cache, observe, now: () => START })
  events.length = 0
  t.is((await reconnecting.load('a'))?.data, 'first')
  t.deepEqual(events, ['stale'])
})

test('a copy from a new connection is not used before it is known which cache it leads to', async (t) => {
  const { memory, records, other } = bench()
  await other.create('a', record({ data: 'first' }))
  let [connection, identity] = [{}, await memory.identity()]
  const cache = withMembers(memory, {
    get connection() {
      return connection
    },
    identity: async () => identity,
  })
  const events: string[] = []
  const observe = (event: SessionEvent) => void (event.type === 'cache' && events.push(event.outcome))
  const store = new CachedStore({ database: records, cache, observe, now: () => START })
  await store.load('a')
  ;[connection, identity] = [{}, 'another server']
  t.is((await store.load('a'))?.data, 'first')
  t.deepEqual(events, ['hit', 'stale'])
})

for (const to of ['this cache', 'another cache']) {
  test(`when the next epoch names ${to}, no copy of the last one is used`, async (t) => {
    const { clock, memory, records, other } = bench()
    const epochs = steer(records.epochs)
    const database = withMembers(records, { epochs: epochs.steered })
    const events: string[] = []
    const observe = (event: SessionEvent) => void (event.type === 'cache' && events.push(event.outcome))
    const store = new CachedStore({ database, cache: memory, observe, now: () => clock.now })
    await other.create('a', record({ data: 'first' }))
    for (let n = 0; n < 2; n++) await store.load('a')
    const { epoch, server } = await records.epochs.readEpoch()
    await records.epochs.changeEpoch(epoch, { epoch: 'next', server: to === 'this cache' ? server : to })
    // So that this process does not end that epoch at once.
    void epochs.stopAt('changeEpoch')
    clock.now += 751
    for (let n = 0; n < 2; n++) t.is((await store.load('a'))?.data, 'first')
    const after = to === 'this cache' ? ['miss', 'filled', 'hit'] : ['stale', 'stale']
    t.deepEqual(events, ['hit', 'hit', ...after])
  })
}

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

test('a database that is down is unavailable, and the cache never gets ahead of it', async (t) => {
  const { store, database, cached } = bench()
  const version = await store.create('a', record({ data: 'first' }))
  database.out = true
  await t.throwsAsync(store.save('a', version, record({ data: 'second' })), { instanceOf: StoreUnavailableError })
  t.regex((await cached()) ?? '', /^block-/, 'the result of the save is unknown')
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
  const { clock, store, memory, name } = bench()
  await store.create('long', record({ expires: START + DAY }))
  await store.create('short', record({ expires: START + 60_000 }))
  t.is((await memory.get(await name('long')))?.expires, START + HOUR)
  t.is((await memory.get(await name('short')))?.expires, START + 60_000)
  t.is((await store.load('long'))?.expires, START + DAY, 'the session’s own expiry, not the copy’s')
  clock.now = START + 60_000
  t.is(await store.load('short'), undefined)
})

test('1,000 damaged copies: the database is authoritative, and the copy is replaced', async (t) => {
  const { store, memory, cached, name } = bench()
  await store.create('a', record({ data: 'first' }))
  const entry = await memory.get(await name('a'))
  if (entry === undefined) return t.fail()
  let seed = 7
  const random = (below: number) => {
    seed = (seed * 48271) % 2147483647
    return seed % below
  }
  for (let n = 0; n < 1000; n++) {
    const body = Buffer.from(entry.body)
    for (let flips = 0; flips <= random(4); flips++) body.writeUInt8(random(256), random(body.length - 6))
    await memory.delete(await name('a'))
    await memory.add(await name('a'), {
      ...entry,
      body: random(3) === 0 ? body.subarray(0, random(body.length - 6)) : body,
    })
    const loaded = await store.load('a')
    t.not(loaded, undefined, body.toString('latin1'))
  }
  await memory.delete(await name('a'))
  await memory.add(await name('a'), { ...entry, body: Buffer.from('x') })
  t.is((await store.load('a'))?.data, 'first')
  await store.load('a')
  t.is(await cached(), '1')
})

test('sessions that a command clears leave no copies', async (t) => {
  const { store, memory, records } = bench()
  await store.create('a', record({ userId: '7' }))
  await store.create('b', record({ userId: '8' }))
  await store.create('expired', record({ userId: '7', expires: START }))
  t.is(await store.clearBatch({ kind: 'user', userId: '7' }, 10), 2)
  t.deepEqual(await versionsIn(records, memory, 'a', 'b'), [undefined, '1'])
})

test('a clear removes copies before rows, so that nothing is left open if it is killed in between', async (t) => {
  const { store, other, memory, records } = bench()
  for (const key of ['a', 'b']) await store.create(key, record({ createdAt: key === 'a' ? START - DAY : START }))
  const clearBatch = records.clearBatch.bind(records)
  records.clearBatch = async (which, limit, prepare) =>
    await clearBatch(which, limit, async (keys) => {
      await prepare?.(keys)
      const [first, second] = await versionsIn(records, memory, 'a', 'b')
      t.regex(first ?? '', /^block-/)
      t.is(second, '1')
      t.is((await other.load('a'))?.data, 'data', 'not yet cleared')
    })
  t.is(await store.clearBatch({ kind: 'created', before: START }, 10), 1)
  t.deepEqual(await versionsIn(records, memory, 'a', 'b'), [undefined, '1'])
  t.is(await other.load('a'), undefined)
})
