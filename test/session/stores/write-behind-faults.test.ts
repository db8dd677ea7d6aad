import test from 'ava'
import { MemoryCache } from '../../../src/session/caches/memory.ts'
import { sealedCodec } from '../../../src/session/codec/sealed/sealed.ts'
import { StoreUnavailableError } from '../../../src/session/core/errors.ts'
import { StoredEngine } from '../../../src/session/engines/stored.ts'
import { type WriteBehindOptions, WriteBehindStore } from '../../../src/session/stores/cached/write-behind.ts'
import { MemoryStore } from '../../../src/session/stores/memory.ts'
import type { SaveOutcome, Version } from '../../../src/session/stores/store.ts'
import { copyName, steer } from '../../support/caches.ts'
import { EXPIRY } from '../../support/engine.ts'
import { begun, increment, open, read } from '../../support/requests.ts'
import { HOUR, record, START } from './bench.ts'

const NEVER = 60_000

function bench(options: Partial<WriteBehindOptions> = {}) {
  const clock = { now: START }
  const now = () => clock.now
  const memory = new MemoryCache({ now })
  const records = new MemoryStore({ now })
  const [cache, database] = [steer(memory), steer(records)]
  const common = { delay: NEVER, now, ...options }
  const store = new WriteBehindStore({ database: database.steered, cache: cache.steered, ...common })
  const other = new WriteBehindStore({ database: records, cache: memory, ...common })
  return { clock, now, memory, records, cache, database, store, other }
}

const versionOf = (saved: SaveOutcome): Version => (saved.outcome === 'saved' ? saved.version : '')

test('one lost reply of the cache while a copy is filled: the session can still be saved', async (t) => {
  const { store, cache, memory, now, records } = bench()
  const codec = sealedCodec({ secrets: ['a secret of the tests: 6f1f0c2b9d8e4a7c'], namespace: 'sid' })
  const engine = new StoredEngine({ store, codec, expiry: EXPIRY, now })
  const requestBench = { engine, expiry: EXPIRY, now, observe: () => undefined }
  for (const write of ['save', 'cycle'] as const) {
    const cookie = await begun(requestBench)
    await memory.delete(await copyName(records, codec.storeKey(cookie)))
    const filling = cache.stopAt('add')
    const reading = read(requestBench, cookie)
    const goOn = await filling
    cache.deaf = true
    goOn()
    await reading
    cache.deaf = false
    const { session, commit } = await open(requestBench, cookie)
    session.update('n', increment)
    const committed = await commit(write)
    t.like(await read(requestBench, committed.outcome === 'saved' ? (committed.cookie ?? '') : ''), { n: 1 })
  }
})

test('a conditional delete under way keeps its session from a save that would take over a lease', async (t) => {
  const { store, other, database } = bench()
  const version = await store.create('a', record({}))
  const deleting = database.stopAt('delete')
  const ending = store.delete('a', version)
  const goOn = await deleting
  t.is((await other.save('a', version, record({ data: 'late' }))).outcome, 'conflict')
  goOn()
  t.is(await ending, 'done')
})

for (const kind of ['a logout', 'a change of key'] as const) {
  test(`${kind} whose copy was lost: a touch and a reader meanwhile leave no copy of the session`, async (t) => {
    const { store, other, database, memory, records } = bench()
    const version = await store.create('a', record({}))
    await memory.delete(await copyName(records, 'a'))
    const isLogout = kind === 'a logout'
    const changing = database.stopAt(isLogout ? 'delete' : 'save')
    const ending = isLogout
      ? store.delete('a', version)
      : store.save('a', version, record({ sessionId: '', data: 'forward' })).then(({ outcome }) => outcome)
    const goOn = await changing
    await other.touch('a', version, { expires: START + 2 * HOUR, lastActivity: START + 10 })
    t.is((await other.load('a'))?.data, 'data', 'not yet acknowledged')
    goOn()
    t.is(await ending, isLogout ? 'done' : 'saved')
    t.is((await other.load('a'))?.data, isLogout ? undefined : 'forward')
  })
}

test('a save whose copy was lost: a touch and a reader meanwhile leave no copy of the state before', async (t) => {
  const { store, other, database, memory, records } = bench()
  const version = await store.create('a', record({}))
  await memory.delete(await copyName(records, 'a'))
  const changing = database.stopAt('save')
  const saving = store.save('a', version, record({ data: 'second' }))
  const goOn = await changing
  await other.touch('a', version, { expires: START + 2 * HOUR, lastActivity: START + 10 })
  await other.load('a')
  goOn()
  t.is((await saving).outcome, 'saved')
  t.is((await other.load('a'))?.data, 'second')
})

test('a change that another process has saved directly is not overwritten by an older one that was waiting', async (t) => {
  const { store, memory, records } = bench()
  const version = await store.create('a', record({ data: '0' }))
  await store.save('a', version, record({ data: '1', lastActivity: START + 1 }))
  await store.load('a')
  const { epoch } = await records.epochs.readEpoch()
  await records.epochs.changeEpoch(epoch, { epoch: 'suspended', server: '' })
  // A process that knows it already.
  const third = new WriteBehindStore({ database: records, cache: memory, delay: NEVER, now: () => START })
  const read = await third.load('a')
  const saving = third.save('a', read?.version ?? '', record({ data: '2', lastActivity: START + 2 }))
  while ((await records.load('a'))?.data !== '2') await new Promise((resolve) => setImmediate(resolve))
  await store.flush()
  t.is((await saving).outcome, 'saved')
  t.is((await records.load('a'))?.data, '2')
})

test('a full queue while the database is down: 50 saves cause one request', async (t) => {
  const { store, database } = bench({ maxWaiting: 1 })
  const first = await store.create('a', record({}))
  const others = await Promise.all(Array.from({ length: 50 }, (_, n) => store.create(`k${n}`, record({}))))
  await store.save('a', first, record({ data: 'second' }))
  database.out = true
  database.calls.length = 0
  const asked = database.stopAt('load')
  const saves = Promise.allSettled(others.map((version, n) => store.save(`k${n}`, version, record({ data: 'second' }))))
  const goOn = await asked
  goOn()
  const outcomes = await saves
  t.true(outcomes.every(({ status }) => status === 'rejected'))
  t.deepEqual(database.calls, ['load'])
})

test('50 readers of a session with unwritten changes wait for one answer of a database that does not answer', async (t) => {
  const { store, database, memory, records } = bench()
  const version = await store.create('a', record({}))
  await store.save('a', version, record({ data: 'second' }))
  await memory.delete(await copyName(records, 'a'))
  database.calls.length = 0
  const asked = database.stopAt('load')
  const reads = Promise.allSettled(Array.from({ length: 50 }, () => store.load('a')))
  const goOn = await asked
  database.out = true
  goOn()
  const outcomes = await reads
  t.true(outcomes.every((read) => read.status === 'rejected' && read.reason instanceof StoreUnavailableError))
  t.deepEqual(database.calls, ['load'])
})

test('a change that the database refuses does not hold up others', async (t) => {
  const memory = new MemoryCache({ now: () => START })
  const records = new MemoryStore({ now: () => START })
  const save = records.save.bind(records)
  records.save = async (key, version, changed) => {
    if (changed.data === 'poison') throw new StoreUnavailableError()
    return await save(key, version, changed)
  }
  const store = new WriteBehindStore({ database: records, cache: memory, delay: NEVER, now: () => START })
  for (let n = 0; n < 40; n++) {
    const version = await store.create(`k${n}`, record({}))
    await store.save(`k${n}`, version, record({ data: n === 3 ? 'poison' : 'second' }))
  }
  t.is(await store.flush(), 1)
  for (let n = 0; n < 40; n++) t.is((await records.load(`k${n}`))?.data, n === 3 ? 'data' : 'second')
  await t.throwsAsync(store.close(), { message: 'The changes of 1 sessions could not be written to the database' })
})

test('closing during saves: each acknowledged save is in the database', async (t) => {
  const { store, records, database } = bench()
  const keys = Array.from({ length: 40 }, (_, n) => `k${n}`)
  const versions = await Promise.all(keys.map((key) => store.create(key, record({}))))
  await store.save('k0', versions[0] ?? '', record({ data: 'second' }))
  const writing = database.stopAt('save')
  const closing = store.close()
  const goOn = await writing
  const saves = keys.slice(1).map((key, n) => store.save(key, versions[n + 1] ?? '', record({ data: 'second' })))
  goOn()
  await closing
  t.true((await Promise.all(saves)).every(({ outcome }) => outcome === 'saved'))
  for (const key of keys) t.is((await records.load(key))?.data, 'second', key)
})

test('of two processes with unwritten changes and a lost copy, the later change wins whichever writes first', async (t) => {
  for (const skew of [0, -500]) {
    for (const first of ['store', 'other'] as const) {
      const { store, other, memory, records } = bench()
      const base = await store.create('a', record({ data: '0', lastActivity: START + 300 }))
      const saved = await store.save('a', base, record({ data: '1' }))
      const later = await other.save('a', versionOf(saved), record({ data: '2', lastActivity: START + skew }))
      t.is(later.outcome, 'saved')
      await memory.delete(await copyName(records, 'a'))
      for (const one of first === 'store' ? [store, other] : [other, store]) await one.flush()
      t.is((await records.load('a'))?.data, '2', `${first} first, ${skew} ms`)
    }
  }
})

test('a touch by another process does not make a waiting change look old', async (t) => {
  const { store, other, memory, records } = bench()
  const base = await store.create('a', record({ data: 'first' }))
  const saved = await store.save('a', base, record({ data: 'second' }))
  const times = { expires: START + 3 * HOUR, lastActivity: START + 1000 }
  t.is(await other.touch('a', versionOf(saved), times), 'done')
  await memory.delete(await copyName(records, 'a'))
  await store.flush()
  t.is((await records.load('a'))?.data, 'second')
})

test('a change shortly before the session expires is written before that', async (t) => {
  const { store, records, clock } = bench()
  await store.create('a', record({ data: '0', expires: START + HOUR }))
  clock.now = START + HOUR - 50
  const found = await store.load('a')
  const saved = await store.save('a', found?.version ?? '', record({ data: '1', expires: START + 2 * HOUR }))
  t.is(saved.outcome, 'saved')
  clock.now = START + HOUR + 50
  t.is(await store.flush(), 0)
  t.is((await store.load('a'))?.data, '1')
  t.is((await records.load('a'))?.data, '1')
})

test('a waiting change of another process is written before the session expires', async (t) => {
  const { store, other, records, clock } = bench()
  const base = await store.create('a', record({ data: '0', expires: START + HOUR }))
  await other.save('a', base, record({ data: '1', expires: START + HOUR }))
  clock.now = START + HOUR - 50
  t.is((await store.load('a'))?.data, '1')
  t.is((await records.load('a'))?.data, '1')
})
