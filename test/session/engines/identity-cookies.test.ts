import test from 'ava'
import { SessionContendedError } from '../../../src/session/core/errors.ts'
import { signIn } from '../../../src/session/sign-in.ts'
import { MemoryRevocations } from '../../../src/session/stores/revocations.ts'
import { steer } from '../../support/caches.ts'
import { cookieBench } from '../../support/cookie-engine.ts'
import { START } from '../../support/engine.ts'
import { cookieOf, open, read } from '../../support/requests.ts'

type Bench = ReturnType<typeof cookieBench>

async function signedIn(bench: Bench, cookie?: string): Promise<string> {
  const { session, commit } = await open(bench, cookie)
  await signIn(session, '7')
  return cookieOf(await commit('cycle'))
}

async function rotated(bench: Bench, cookie: string): Promise<string> {
  return cookieOf(await (await open(bench, cookie)).commit('cycle'))
}

test('late, after a change of key: read, but not changed, and no cookie', async (t) => {
  const bench = cookieBench()
  const cookie = await signedIn(bench)
  const [early, changing] = [await open(bench, cookie), await open(bench, cookie)]
  const next = cookieOf(await changing.commit('cycle'))
  const late = await open(bench, cookie)
  for (const { session, state, commit } of [early, late]) {
    session.set('a', 1)
    t.deepEqual(await commit(), { outcome: 'ended' })
    t.deepEqual(await commit('cycle'), { outcome: 'ended' })
    const { loaded } = state
    if (loaded === undefined) return t.fail()
    t.is(await bench.engine.touch(loaded), undefined)
  }
  t.deepEqual({ ...(await read(bench, cookie)) }, { _auth_user_id: '7' })
  t.deepEqual({ ...(await read(bench, next)) }, { _auth_user_id: '7' })
  t.true(bench.events.some(({ type }) => type === 'forward'))
})

test('a logout by any cookie of the session ends them all', async (t) => {
  for (const by of [0, 1, 2, 3]) {
    const bench = cookieBench()
    const cookies = [await signedIn(bench)]
    for (let n = 0; n < 3; n++) cookies.push(await rotated(bench, cookies.at(-1) ?? ''))
    for (const cookie of cookies) t.not(await read(bench, cookie), undefined)
    await (await open(bench, cookies[by])).session.flush()
    for (const cookie of cookies) t.is(await read(bench, cookie), undefined)
  }
})

test('20 overlapping changes of key send one cookie, and the others are refused', async (t) => {
  const bench = cookieBench()
  const cookie = await signedIn(bench)
  const requests = await Promise.all(Array.from({ length: 20 }, () => open(bench, cookie)))
  const cookies = (await Promise.all(requests.map(({ commit }) => commit('cycle')))).map(cookieOf)
  t.is(cookies.filter((each) => each !== '').length, 1)
  t.not(await read(bench, cookies.find((each) => each !== '') ?? ''), undefined)
})

test('a late sign-in starts a new session without the data of the newer one', async (t) => {
  const bench = cookieBench()
  const cookie = await signedIn(bench)
  const { session, commit } = await open(bench, cookie)
  session.set('list', [1])
  const full = cookieOf(await commit())
  const late = await open(bench, full)
  const next = await rotated(bench, full)
  await signIn(late.session, '7')
  const own = cookieOf(await late.commit('cycle'))
  t.deepEqual({ ...(await read(bench, own)) }, { _auth_user_id: '7' })
  t.deepEqual({ ...(await read(bench, next)) }, { _auth_user_id: '7', list: [1] })
})

for (const verb of ['check', 'endSession']) {
  for (const skipped of [0, 1]) {
    test(`a logout that overlaps a change of key, before ${verb} number ${skipped + 1}, ends both`, async (t) => {
      const revocations = new MemoryRevocations({ now: () => START })
      const steered = steer(revocations)
      const [changing, other] = [cookieBench({ revocations: steered.steered }), cookieBench({ revocations })]
      const cookie = await signedIn(other)
      const { commit } = await open(changing, cookie)
      let arrived = steered.stopAt(verb)
      const committing = commit('cycle')
      if (skipped === 1) {
        if (verb === 'endSession') return void t.pass('there is but one')
        const first = await arrived
        arrived = steered.stopAt(verb)
        first()
      }
      const goOn = await arrived
      await (await open(other, cookie)).session.flush()
      goOn()
      const next = cookieOf(await committing)
      for (const each of [cookie, next]) t.is(await read(other, each), undefined)
    })
  }
}

test('ending the others keeps the session, whatever cookie it has by then', async (t) => {
  const bench = cookieBench()
  const [cookie, other] = [await signedIn(bench), await signedIn(bench)]
  const opened = await bench.engine.open(cookie)
  await bench.engine.endUser('7', opened.live ? opened.loaded.id : null)
  t.is(await read(bench, other), undefined)
  const next = await rotated(bench, cookie)
  for (const each of [cookie, next]) t.not(await read(bench, each), undefined)
  bench.clock.now += 60_000
  await bench.engine.endUser('7')
  t.is(await read(bench, next), undefined)
})

test('a logout that cannot be finished is an error', async (t) => {
  const bench = cookieBench()
  const cookie = await signedIn(bench)
  const { session } = await open(bench, cookie)
  let n = 0
  bench.revocations.check = async () => ({ epoch: 0, kept: undefined, ended: false, successor: `s:${n++}` })
  await t.throwsAsync(session.flush(), { instanceOf: SessionContendedError })
})
