import test from 'ava'
import { sealedCodec } from '../../../src/session/codec/sealed/sealed.ts'
import { KeyTakenError, SessionContendedError, StoreUnavailableError } from '../../../src/session/core/errors.ts'
import { hasRecord } from '../../../src/session/engines/records.ts'
import { StoredEngine } from '../../../src/session/engines/stored.ts'
import { MemoryStore } from '../../../src/session/stores/memory.ts'
import { EXPIRY, START, testEngine } from '../../support/engine.ts'
import { begun, increment, open, read } from '../../support/requests.ts'
import { TEST_SECRET } from '../../support/secret.ts'

test('a session is loaded by its key, which the store never gets', async (t) => {
  const bench = testEngine()
  const cookie = await begun(bench, { user: 'ada' })
  t.deepEqual({ ...(await read(bench, cookie)) }, { user: 'ada' })
  t.is(await bench.store.load(cookie), undefined)
  t.true((await bench.engine.open(cookie)).live)
  t.false((await bench.engine.open('x'.repeat(32))).live)
})

test('a session that was copied with another key, or into another engine, is saved under its own name there', async (t) => {
  const bench = testEngine()
  const loadedOf = async (cookie: string) => {
    const opened = await bench.engine.open(cookie)
    if (!opened.live || !hasRecord(opened.loaded)) throw new Error('There is no record')
    return opened.loaded
  }
  const [one, other] = [await begun(bench, { user: 'ada' }), await begun(bench, { user: 'bob' })]
  const copied = { ...(await loadedOf(one)), key: other }
  t.is(await bench.engine.records.delete(copied), 'done')
  t.false((await bench.engine.open(other)).live)
  t.true((await bench.engine.open(one)).live)

  const codec = sealedCodec({ secrets: [TEST_SECRET], namespace: 'another' })
  const elsewhere = new StoredEngine({ store: bench.store, codec, expiry: EXPIRY, now: bench.now })
  t.is(await elsewhere.records.delete(await loadedOf(one)), 'missing')
  t.true((await bench.engine.open(one)).live)
})

test('an overlapping change is replayed on the newer data: set and update both survive', async (t) => {
  const bench = testEngine()
  const cookie = await begun(bench, { n: 0, theme: 'light' })
  const [one, two] = [await open(bench, cookie), await open(bench, cookie)]
  one.session.update('n', increment)
  one.session.set('theme', 'dark')
  two.session.update('n', increment)
  two.session.set('language', 'de')
  t.is((await one.commit()).outcome, 'saved')
  t.is((await two.commit()).outcome, 'saved')
  t.deepEqual({ ...(await read(bench, cookie)) }, { n: 2, theme: 'dark', language: 'de' })
})

test('100 overlapping changes in one process: 100 saves, none lost, none twice', async (t) => {
  const bench = testEngine()
  const cookie = await begun(bench)
  const requests = await Promise.all(Array.from({ length: 100 }, () => open(bench, cookie)))
  bench.calls.length = 0
  await Promise.all(
    requests.map(async ({ session, commit }) => {
      session.update('n', increment)
      await commit()
    }),
  )
  t.deepEqual({ ...(await read(bench, cookie)) }, { n: 100 })
  t.is(bench.calls.filter((call) => call === 'save').length, 100)
})

test('8 engines over one store, 50 changes each: none is lost', async (t) => {
  const store = new MemoryStore({ now: () => START })
  const benches = Array.from({ length: 8 }, () => testEngine({ store }))
  const [first] = benches
  if (first === undefined) return t.fail()
  const cookie = await begun(first)
  await Promise.all(
    benches.map(async (bench) => {
      for (let n = 0; n < 50; n++) {
        const { session, commit } = await open(bench, cookie)
        session.update('n', increment)
        t.is((await commit()).outcome, 'saved')
      }
    }),
  )
  t.deepEqual({ ...(await read(first, cookie)) }, { n: 400 })
})

test('a change of an ended session is refused and writes nothing', async (t) => {
  const bench = testEngine()
  const cookie = await begun(bench)
  const [slow, logout] = [await open(bench, cookie), await open(bench, cookie)]
  await logout.session.flush()
  slow.session.set('late', true)
  t.deepEqual(await slow.commit(), { outcome: 'ended' })
  t.is(await read(bench, cookie), undefined)
})

test('of many changes of one ended session, only the first needs the store', async (t) => {
  const bench = testEngine()
  const cookie = await begun(bench)
  const requests = await Promise.all(Array.from({ length: 10 }, () => open(bench, cookie)))
  await bench.store.delete(bench.codec.storeKey(cookie))
  bench.calls.length = 0
  const outcomes = await Promise.all(
    requests.map(async ({ session, commit }) => {
      session.update('n', increment)
      return await commit()
    }),
  )
  t.true(outcomes.every(({ outcome }) => outcome === 'ended'))
  t.deepEqual(bench.calls, ['save'])
})

test('200 logouts against saves and cycles of other engines: none is undone', async (t) => {
  const store = new MemoryStore({ now: () => START })
  const [ending, writing] = [testEngine({ store }), testEngine({ store })]
  for (let round = 0; round < 200; round++) {
    const cookie = await begun(ending, { private: true })
    const [logout, slow] = [await open(ending, cookie), await open(writing, cookie)]
    slow.session.update('n', increment)
    const write = round % 2 === 0 ? 'save' : 'cycle'
    const end = logout.session.flush()
    const outcome = await slow.commit(write)
    await end
    t.is(await read(ending, cookie), undefined)
    // Either the logout came first, or it has ended what the change had saved.
    if (outcome.outcome === 'saved') t.is(await read(ending, outcome.cookie ?? ''), undefined)
  }
})

test('a key that is taken is generated again', async (t) => {
  const store = new MemoryStore({ now: () => START })
  let refused = 0
  const create = store.create.bind(store)
  store.create = async (key, record) => {
    if (refused++ < 3) throw new KeyTakenError()
    return await create(key, record)
  }
  const bench = testEngine({ store })
  const cookie = await begun(bench)
  t.not(await read(bench, cookie), undefined)
  t.is(refused, 4)
})

test('attempts to generate a key are limited', async (t) => {
  const store = new MemoryStore({ now: () => START })
  let refused = 0
  store.create = async () => {
    refused++
    throw new KeyTakenError()
  }
  await t.throwsAsync(begun(testEngine({ store })), { instanceOf: SessionContendedError })
  t.is(refused, 10)
})

test('a failure of one request does not spoil the next in line', async (t) => {
  const bench = testEngine()
  const cookie = await begun(bench)
  const requests = await Promise.all(Array.from({ length: 10 }, () => open(bench, cookie)))
  const outcomes = await Promise.allSettled(
    requests.map(async ({ session, commit }, index) => {
      session.update('n', increment)
      if (index % 2 === 0) session.set('big', 'x'.repeat(70_000))
      return await commit()
    }),
  )
  t.deepEqual(
    outcomes.map(({ status }) => status),
    requests.map((_, index) => (index % 2 === 0 ? 'rejected' : 'fulfilled')),
  )
  t.deepEqual({ ...(await read(bench, cookie)) }, { n: 5 })
})

test('retries are limited: too many conflicts throw SessionContendedError', async (t) => {
  const bench = testEngine()
  const cookie = await begun(bench)
  const store = bench.store as MemoryStore
  store.save = async () => ({ outcome: 'conflict' })
  const { session, commit } = await open(bench, cookie)
  session.set('a', 1)
  await t.throwsAsync(commit(), { instanceOf: SessionContendedError })
})

test('storage that is down is an error on every path, not an empty session', async (t) => {
  const bench = testEngine()
  const cookie = await begun(bench)
  const held = await open(bench, cookie)
  await bench.store.close?.()
  await t.throwsAsync(bench.engine.open(cookie), { instanceOf: StoreUnavailableError })
  held.session.set('a', 1)
  await t.throwsAsync(held.commit(), { instanceOf: StoreUnavailableError })
  await t.throwsAsync(held.commit('cycle'), { instanceOf: StoreUnavailableError })
  await t.throwsAsync(held.session.flush(), { instanceOf: StoreUnavailableError })
})

test('a record that cannot be decrypted is anonymous and reported', async (t) => {
  const bench = testEngine()
  const cookie = await begun(bench)
  const storeKey = bench.codec.storeKey(cookie)
  const stored = await bench.store.load(storeKey)
  if (stored === undefined) return t.fail()
  await bench.store.save(storeKey, stored.version, { ...stored, data: stored.data.slice(0, -4) })
  t.like(await bench.engine.open(cookie), { live: false, suspicion: 'undecodable' })
})

test('a touch moves the expiry, unless another request saved meanwhile', async (t) => {
  const bench = testEngine()
  const cookie = await begun(bench)
  const [reader, writer] = [await open(bench, cookie), await open(bench, cookie)]
  bench.clock.now = START + 1000
  const { loaded } = reader.state
  if (loaded === undefined) return t.fail()
  t.is((await bench.engine.touch(loaded))?.loaded.expires, START + 1000 + 1_209_600_000)
  writer.session.set('a', 1)
  await writer.commit()
  t.is(await bench.engine.touch(loaded), undefined)
})
