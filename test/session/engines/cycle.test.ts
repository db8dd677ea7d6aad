import test from 'ava'
import { StoreUnavailableError } from '../../../src/session/errors.ts'
import { signIn } from '../../../src/session/sign-in.ts'
import { MemoryStore } from '../../../src/session/stores/memory.ts'
import { START, testEngine } from '../../support/engine.ts'
import { begun, increment, open, read } from '../../support/requests.ts'

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

test('the absolute age counts from the beginning, through cycles, and anew from sign-in', async (t) => {
  const bench = testEngine({ expiry: { cookieAge: 1000, absoluteAge: 100, atBrowserClose: false, touchAfter: 0.1 } })
  const cookie = await begun(bench)
  bench.clock.now = START + 60_000
  const moving = await open(bench, cookie)
  await moving.session.cycleKey()
  const moved = await moving.commit('cycle')
  if (moved.outcome !== 'saved') return t.fail()
  t.is(moved.loaded.expires, START + 100_000)
  const signing = await open(bench, moved.cookie)
  await signing.session.cycleKey({ restartClock: true })
  const signedIn = await signing.commit('cycle')
  t.is(signedIn.outcome === 'saved' && signedIn.loaded.expires, START + 160_000)
})
