import test, { type ExecutionContext } from 'ava'
import { signIn } from '../../../src/session/sign-in.ts'
import { MemoryStore } from '../../../src/session/stores/memory.ts'
import { START, testEngine } from '../../support/engine.ts'
import { begun, cookieOf, increment, open, read } from '../../support/requests.ts'

test('cycleKey moves the data to a new key, and the old one shows the data from before for a while', async (t) => {
  const bench = testEngine()
  const cookie = await begun(bench, { n: 1 })
  const { session, commit } = await open(bench, cookie)
  session.update('n', increment)
  const moved = await commit('cycle')
  if (moved.outcome !== 'saved') return t.fail()
  t.not(moved.cookie, cookie)
  t.deepEqual({ ...(await read(bench, moved.cookie ?? '')) }, { n: 2 })
  t.deepEqual({ ...(await read(bench, cookie)) }, { n: 1 })
  bench.clock.now += 60_000
  t.is(await read(bench, cookie), undefined)
  t.deepEqual({ ...(await read(bench, moved.cookie ?? '')) }, { n: 2 })
})

test('cycleKey includes what another request saved meanwhile', async (t) => {
  const bench = testEngine()
  const cookie = await begun(bench, { n: 1 })
  const [moving, saving] = [await open(bench, cookie), await open(testEngine({ store: bench.store }), cookie)]
  saving.session.set('list', [1])
  await saving.commit()
  moving.session.set('user', 'ada')
  const moved = await moving.commit('cycle')
  t.deepEqual(moved.outcome === 'saved' && { ...moved.loaded.data }, { n: 1, list: [1], user: 'ada' })
})

test('20 x 20 cycles at once: one new key is sent, and the changes of the others are kept', async (t) => {
  for (let round = 0; round < 20; round++) {
    const bench = testEngine()
    const cookie = await begun(bench, { list: [1] })
    await cycleAtOnce(t, bench, cookie, Array(20).fill(bench))
  }
})

test('20 engines over one store cycle one session: one new key is sent, and the changes of the others are kept', async (t) => {
  const store = new MemoryStore({ now: () => START })
  const first = testEngine({ store })
  const cookie = await begun(first, { list: [1] })
  const benches = Array.from({ length: 20 }, () => testEngine({ store }))
  await cycleAtOnce(t, first, cookie, benches)
  // One session, no half-made record: the forward counts nowhere.
  t.is((await store.statistics()).total, 1)
})

type Bench = ReturnType<typeof testEngine>

async function cycleAtOnce(
  t: ExecutionContext,
  first: Bench,
  cookie: string,
  benches: readonly Bench[],
): Promise<void> {
  const requests = await Promise.all(benches.map((bench) => open(bench, cookie)))
  const outcomes = await Promise.all(
    requests.map(async ({ session, commit }, index) => {
      session.set(`login${index}`, index)
      return await commit('cycle')
    }),
  )
  const cookies = outcomes.map(cookieOf).filter((each) => each !== '')
  t.is(cookies.length, 1)
  const data = await read(first, cookies[0] ?? '')
  t.deepEqual({ ...data }, { list: [1], ...Object.fromEntries(requests.map((_, index) => [`login${index}`, index])) })
}

test('a sign-in submitted twice: both are in one session, with one cookie and the anonymous data once', async (t) => {
  const bench = testEngine()
  const cookie = await begun(bench, { list: [1] })
  const [one, two] = [await open(bench, cookie), await open(bench, cookie)]
  await signIn(one.session, '7')
  await signIn(two.session, '7')
  const cookies = (await Promise.all([one.commit('cycle'), two.commit('cycle')])).map(cookieOf)
  t.is(cookies[0], cookies[1])
  t.not(cookies[0], cookie)
  t.deepEqual({ ...(await read(bench, cookies[0] ?? '')) }, { list: [1], _auth_user_id: '7' })
  t.deepEqual({ ...(await read(bench, cookie)) }, { list: [1] }, 'the old key shows nothing of the sign-in')
})

test('the absolute age counts from the creation, through changes of key, and restarts at sign-in', async (t) => {
  const bench = testEngine({ expiry: { cookieAge: 1000, absoluteAge: 100, atBrowserClose: false, touchAfter: 0.1 } })
  const cookie = await begun(bench, { _auth_user_id: '7' })
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
