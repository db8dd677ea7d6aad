import test from 'ava'
import { Changes } from '../../../src/session/changes.ts'
import type { Commit, Loaded } from '../../../src/session/engines/engine.ts'
import { KeyTakenError, SessionContendedError, StoreUnavailableError } from '../../../src/session/errors.ts'
import { Session } from '../../../src/session/session.ts'
import { signIn } from '../../../src/session/sign-in.ts'
import { MemoryStore } from '../../../src/session/stores/memory.ts'
import { START, testEngine } from '../../support/engine.ts'

type Bench = ReturnType<typeof testEngine>

const client = { ipAddress: null, userAgent: null }

/** One request: opens, changes, and commits as the middleware would. */
async function open({ engine, expiry, now, observe }: Bench, cookie?: string) {
  const opened = cookie === undefined ? { live: false as const } : await engine.open(cookie)
  const session = new Session(opened.live ? opened.loaded : undefined, {
    expiry,
    now,
    observe,
    end: (one) => engine.end(one),
  })
  const commit = async (write: Commit['write'] = 'save') => {
    const { loaded, data, changes, restartClock } = session.state()
    return await engine.commit({
      write: loaded === undefined ? 'create' : write,
      loaded,
      data,
      changes,
      client,
      restartClock,
    })
  }
  return { session, commit, live: opened.live }
}

async function begun(bench: Bench, data: Record<string, unknown> = { n: 0 }): Promise<string> {
  const { session, commit } = await open(bench)
  session.assign(data)
  const committed = await commit()
  return committed.outcome === 'saved' ? committed.cookie : ''
}

async function read(bench: Bench, cookie: string): Promise<Loaded['data'] | undefined> {
  const opened = await bench.engine.open(cookie)
  return opened.live ? opened.loaded.data : undefined
}

const increment = (n: unknown) => Number(n ?? 0) + 1

test('a session comes back under its key, which the store never sees', async (t) => {
  const bench = testEngine()
  const cookie = await begun(bench, { user: 'ada' })
  t.deepEqual({ ...(await read(bench, cookie)) }, { user: 'ada' })
  t.is(await bench.store.load(cookie), undefined)
  t.true(await bench.engine.exists(cookie))
  t.false(await bench.engine.exists('x'.repeat(32)))
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

test('a cycle moves the data to a new key, and the old one is dead', async (t) => {
  const bench = testEngine()
  const cookie = await begun(bench, { n: 1 })
  const { session, commit } = await open(bench, cookie)
  session.update('n', increment)
  const moved = await commit('cycle')
  if (moved.outcome !== 'saved') return t.fail()
  t.not(moved.cookie, cookie)
  t.deepEqual({ ...(await read(bench, moved.cookie)) }, { n: 2 })
  t.is(await read(bench, cookie), undefined)
})

test('a cycle takes along what somebody saved meanwhile', async (t) => {
  const bench = testEngine()
  const cookie = await begun(bench, { n: 1 })
  const [moving, saving] = [await open(bench, cookie), await open(testEngine({ store: bench.store }), cookie)]
  saving.session.set('cart', [1])
  await saving.commit()
  moving.session.set('user', 'ada')
  const moved = await moving.commit('cycle')
  t.deepEqual(moved.outcome === 'saved' && { ...moved.loaded.data }, { n: 1, cart: [1], user: 'ada' })
})

test('20 x 20 cycles at once: the old data live on in exactly one session', async (t) => {
  for (let round = 0; round < 20; round++) {
    const bench = testEngine()
    const cookie = await begun(bench, { cart: [1] })
    const requests = await Promise.all(Array.from({ length: 20 }, () => open(bench, cookie)))
    const outcomes = await Promise.all(
      requests.map(async ({ session, commit }, index) => {
        session.set('login', index)
        return await commit('cycle')
      }),
    )
    const cookies = outcomes.map((outcome) => (outcome.outcome === 'saved' ? outcome.cookie : ''))
    // Everybody who signed in is in, each under a key of their own ...
    t.is(new Set(cookies).size, 20)
    // ... and the anonymous session's cart went to one of them.
    const all = await Promise.all(cookies.map((one) => read(bench, one)))
    t.is(all.filter((data) => data?.['cart'] !== undefined).length, 1)
    t.is(await read(bench, cookie), undefined)
  }
})

test('20 engines over one store cycle one session: the old data live on in exactly one', async (t) => {
  const store = new MemoryStore({ now: () => START })
  const first = testEngine({ store })
  const cookie = await begun(first, { cart: [1] })
  const benches = Array.from({ length: 20 }, () => testEngine({ store }))
  const requests = await Promise.all(benches.map((bench) => open(bench, cookie)))
  const outcomes = await Promise.all(
    requests.map(async ({ session, commit }, index) => {
      session.set('login', index)
      return await commit('cycle')
    }),
  )
  const all = await Promise.all(
    outcomes.map((outcome) => read(first, outcome.outcome === 'saved' ? outcome.cookie : '')),
  )
  t.deepEqual(
    all.map((data) => data?.['login']),
    requests.map((_, index) => index),
  )
  t.is(all.filter((data) => data?.['cart'] !== undefined).length, 1)
  // No half-made record is left behind.
  t.is((await store.statistics()).total, 20)
})

test('a sign-in submitted twice: both succeed under keys of their own, the anonymous data go to one', async (t) => {
  const bench = testEngine()
  const cookie = await begun(bench, { cart: [1] })
  const [one, two] = [await open(bench, cookie), await open(bench, cookie)]
  await signIn(one.session, '7')
  await signIn(two.session, '7')
  const outcomes = await Promise.all([one.commit('cycle'), two.commit('cycle')])
  const cookies = outcomes.map((outcome) => (outcome.outcome === 'saved' ? outcome.cookie : ''))
  t.is(new Set([cookie, ...cookies]).size, 3)
  const all = await Promise.all(cookies.map((each) => read(bench, each)))
  t.deepEqual(
    all.map((data) => data?.['_auth_user_id']),
    ['7', '7'],
  )
  t.is(all.filter((data) => data?.['cart'] !== undefined).length, 1)
  t.is(await read(bench, cookie), undefined)
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
    // A cycle may stand on its own, but nothing of the ended session goes with it.
    if (write === 'save') t.is(outcome.outcome, 'ended')
    else t.deepEqual(outcome.outcome === 'saved' && { ...outcome.loaded.data }, { n: 1 })
  }
})

test('a cycle that dies between create and delete leaves the old session in force', async (t) => {
  const store = new MemoryStore({ now: () => START })
  const bench = testEngine({ store })
  const cookie = await begun(bench, { n: 1 })
  const dying = testEngine({
    store: Object.assign(Object.create(store), {
      name: 'dying',
      load: store.load.bind(store),
      create: store.create.bind(store),
      delete: async () => {
        throw new StoreUnavailableError()
      },
    }),
  })
  const { session, commit } = await open(dying, cookie)
  session.set('user', 'ada')
  await t.throwsAsync(commit('cycle'), { instanceOf: StoreUnavailableError })
  t.deepEqual({ ...(await read(bench, cookie)) }, { n: 1 })
})

test('a key that is taken is drawn again', async (t) => {
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

test('draws are bounded, too', async (t) => {
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

test('retries are bounded: endless conflict is an error of its own', async (t) => {
  const bench = testEngine()
  const cookie = await begun(bench)
  const store = bench.store as MemoryStore
  store.save = async () => ({ outcome: 'conflict' })
  const { session, commit } = await open(bench, cookie)
  session.set('a', 1)
  await t.throwsAsync(commit(), { instanceOf: SessionContendedError })
})

test('storage that is away is an error on every path, never an empty session', async (t) => {
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

test('a record that does not open is nobody, and is reported', async (t) => {
  const bench = testEngine()
  const cookie = await begun(bench)
  const storeKey = bench.codec.storeKey(cookie)
  const stored = await bench.store.load(storeKey)
  if (stored === undefined) return t.fail()
  await bench.store.save(storeKey, stored.version, { ...stored, data: `${stored.data.slice(0, -2)}AA` })
  t.like(await bench.engine.open(cookie), { live: false, suspicion: 'undecodable' })
})

test('the absolute age counts from the beginning, through cycles, and anew from sign-in', async (t) => {
  const bench = testEngine({ expiry: { cookieAge: 1000, absoluteAge: 100, atBrowserClose: false, touchAfter: 0.1 } })
  const cookie = await begun(bench)
  bench.clock.now = START + 60_000
  const { loaded } = (await open(bench, cookie)).session.state()
  const cycle = { write: 'cycle' as const, loaded, data: loaded?.data ?? {}, changes: new Changes(), client }
  const moved = await bench.engine.commit({ ...cycle, restartClock: false })
  t.is(moved.outcome === 'saved' && moved.loaded.expires, START + 100_000)
  const again = moved.outcome === 'saved' ? moved.loaded : undefined
  const signedIn = await bench.engine.commit({ ...cycle, loaded: again, restartClock: true })
  t.is(signedIn.outcome === 'saved' && signedIn.loaded.expires, START + 160_000)
})

test('a touch moves the expiry, unless somebody saved meanwhile', async (t) => {
  const bench = testEngine()
  const cookie = await begun(bench)
  const [reader, writer] = [await open(bench, cookie), await open(bench, cookie)]
  bench.clock.now = START + 1000
  const { loaded } = reader.session.state()
  if (loaded === undefined) return t.fail()
  t.is((await bench.engine.touch(loaded))?.loaded.expires, START + 1000 + 1_209_600_000)
  writer.session.set('a', 1)
  await writer.commit()
  t.is(await bench.engine.touch(loaded), undefined)
})
