import test from 'ava'
import { djangoCodec, djangoCookieCodec } from '../../../src/session/codec/django/django.ts'
import { StoreUnavailableError } from '../../../src/session/core/errors.ts'
import { USER_KEY } from '../../../src/session/core/user.ts'
import { CookieEngine } from '../../../src/session/engines/cookie/cookie.ts'
import type { Engine } from '../../../src/session/engines/engine.ts'
import { MovingEngine } from '../../../src/session/engines/migrating/migrating.ts'
import { StoredEngine } from '../../../src/session/engines/stored.ts'
import { MemoryStore } from '../../../src/session/stores/memory.ts'
import { MemoryRevocations } from '../../../src/session/stores/revocations.ts'
import { NotSupportedError } from '../../../src/session/stores/store.ts'
import { steer } from '../../support/caches.ts'
import { EXPIRY, START, testEngine } from '../../support/engine.ts'
import { begun, increment, open, read } from '../../support/requests.ts'

const SECRETS = ['a secret of the tests: 6f1f0c2b9d8e4a7c'] as const

/** Two stores with different formats, each behind an engine, and a house move from one to the other. */
function bench() {
  const before = testEngine()
  const { clock, now, expiry, observe } = before
  const [old, young] = [steer(before.store), steer(new MemoryStore({ now }))]
  const from = new StoredEngine({ store: old.steered, codec: before.codec, expiry, now })
  const to = new StoredEngine({ store: young.steered, codec: djangoCodec({ secrets: SECRETS }), expiry, now })
  const common = { clock, now, expiry, observe }
  return {
    ...common,
    old,
    young,
    engine: new MovingEngine({ to, from }) as Engine,
    oldBench: { ...common, engine: from },
    newBench: { ...common, engine: to },
  }
}

test('a session moves with its first change, under its own key', async (t) => {
  const move = bench()
  const cookie = await begun(move.oldBench, { user: 'ada', n: 0 })
  t.deepEqual({ ...(await read(move, cookie)) }, { user: 'ada', n: 0 })
  t.is(await read(move.newBench, cookie), undefined, 'a mere read moves nothing')
  const { session, commit } = await open(move, cookie)
  session.update('n', increment)
  t.like(await commit(), { outcome: 'saved', cookie })
  t.deepEqual({ ...(await read(move.newBench, cookie)) }, { user: 'ada', n: 1 })
  t.is(await read(move.oldBench, cookie), undefined)
  t.deepEqual({ ...(await read(move, cookie)) }, { user: 'ada', n: 1 })
})

test('new sessions begin in the new engine', async (t) => {
  const move = bench()
  const cookie = await begun(move, { n: 5 })
  t.deepEqual({ ...(await read(move.newBench, cookie)) }, { n: 5 })
  t.deepEqual(move.old.calls, [])
})

test('20 overlapping changes while it moves: none is lost', async (t) => {
  const move = bench()
  const cookie = await begun(move.oldBench)
  const requests = await Promise.all(Array.from({ length: 20 }, () => open(move, cookie)))
  const outcomes = await Promise.all(
    requests.map(async ({ session, commit }) => {
      session.update('n', increment)
      return (await commit()).outcome
    }),
  )
  t.deepEqual(new Set(outcomes), new Set(['saved']))
  t.deepEqual({ ...(await read(move.newBench, cookie)) }, { n: 20 })
})

test('a change that an older deploy saved meanwhile is replayed, not lost', async (t) => {
  const move = bench()
  const cookie = await begun(move.oldBench)
  const mine = await open(move, cookie)
  mine.session.update('n', increment)
  const theirs = await open(move.oldBench, cookie)
  theirs.session.set('theirs', true)
  await theirs.commit()
  t.is((await mine.commit()).outcome, 'saved')
  t.deepEqual({ ...(await read(move, cookie)) }, { n: 1, theirs: true })
})

test('what was ended in the old engine is not moved', async (t) => {
  const move = bench()
  const cookie = await begun(move.oldBench)
  const slow = await open(move, cookie)
  await (await open(move.oldBench, cookie)).session.flush()
  slow.session.set('late', true)
  t.deepEqual(await slow.commit(), { outcome: 'ended' })
  t.is(await read(move, cookie), undefined)
})

test('a logout ends it in both, also for a request that still holds it from the old one', async (t) => {
  const move = bench()
  const cookie = await begun(move.oldBench)
  const [slow, mover] = [await open(move, cookie), await open(move, cookie)]
  mover.session.set('moved', true)
  await mover.commit()
  await (await open(move, cookie)).session.flush()
  slow.session.set('late', true)
  t.deepEqual(await slow.commit(), { outcome: 'ended' })
  t.is(await read(move, cookie), undefined)
  const unmoved = await begun(move.oldBench)
  await (await open(move, unmoved)).session.flush()
  t.is(await read(move, unmoved), undefined)
})

test('a crash after the step that decides leaves the session in the new engine, and a logout ends it in both', async (t) => {
  const move = bench()
  const cookie = await begun(move.oldBench)
  const { session, commit } = await open(move, cookie)
  session.update('n', increment)
  const leaving = move.old.stopAt('delete')
  const committing = commit()
  const goOn = await leaving
  move.old.out = true
  goOn()
  await t.throwsAsync(committing, { instanceOf: StoreUnavailableError })
  move.old.out = false
  t.deepEqual({ ...(await read(move, cookie)) }, { n: 1 })
  await (await open(move, cookie)).session.flush()
  t.is(await read(move.oldBench, cookie), undefined)
})

test('an outage of either is no logout', async (t) => {
  for (const side of ['old', 'young'] as const) {
    const move = bench()
    const cookie = await begun(move.oldBench)
    move[side].out = true
    await t.throwsAsync(move.engine.open(cookie), { instanceOf: StoreUnavailableError })
  }
})

test('a sign-in moves to a new key and ends the old one', async (t) => {
  const move = bench()
  const cookie = await begun(move.oldBench)
  const { session, commit } = await open(move, cookie)
  session.set('user', 'ada')
  const committed = await commit('cycle')
  const next = committed.outcome === 'saved' ? (committed.cookie ?? '') : ''
  t.not(next, cookie)
  t.deepEqual({ ...(await read(move, next)) }, { n: 0, user: 'ada' })
  t.is(await read(move, cookie), undefined)
})

test('into a cookie: requests under way still find the session for a minute, and a logout ends that too', async (t) => {
  const move = bench()
  const codec = djangoCookieCodec({ secrets: SECRETS, now: move.now })
  const cookies = new CookieEngine({ codec, expiry: EXPIRY, maxSize: 4096, now: move.now })
  const engine: Engine = new MovingEngine({ to: cookies, from: move.oldBench.engine })
  const house = { ...move, engine }
  const key = await begun(move.oldBench, { n: 0 })
  const { session, commit } = await open(house, key)
  session.update('n', increment)
  const committed = await commit()
  const cookie = committed.outcome === 'saved' ? (committed.cookie ?? '') : ''
  t.like(await read(house, cookie), { n: 1 })
  t.like(await read(house, key), { n: 0 })
  move.clock.now = START + 60_000
  t.is(await read(house, key), undefined)
  t.like(await read(house, cookie), { n: 1 })
  move.clock.now = START
  await (await open(house, cookie)).session.flush()
  t.is(await read(house, key), undefined)
})

test('out of a cookie: the session gets a key', async (t) => {
  const move = bench()
  const codec = djangoCookieCodec({ secrets: SECRETS, now: move.now })
  const cookies = new CookieEngine({ codec, expiry: EXPIRY, maxSize: 4096, now: move.now })
  const house = { ...move, engine: new MovingEngine({ to: move.newBench.engine, from: cookies }) as Engine }
  const cookie = await begun({ ...move, engine: cookies }, { n: 0 })
  const { session, commit } = await open(house, cookie)
  session.update('n', increment)
  const committed = await commit()
  t.deepEqual({ ...(await read(house, committed.outcome === 'saved' ? (committed.cookie ?? '') : '')) }, { n: 1 })
})

test('the end of all sessions reaches one that moves into a cookie meanwhile', async (t) => {
  const move = bench()
  const codec = djangoCookieCodec({ secrets: SECRETS, now: move.now })
  const revocations = new MemoryRevocations({ now: move.now })
  const cookies = new CookieEngine({ codec, expiry: EXPIRY, maxSize: 4096, revocations, now: move.now })
  const house = { ...move, engine: new MovingEngine({ to: cookies, from: move.oldBench.engine }) as Engine }
  const key = await begun(move.oldBench, { [USER_KEY]: '7' })
  const { session, commit } = await open(house, key)
  session.set('moved', true)
  const arrived = move.old.stopAt('endByUser')
  const ending = house.engine.endUser('7')
  const goOn = await arrived
  const committed = await commit()
  goOn()
  await ending
  t.is(await read(house, committed.outcome === 'saved' ? (committed.cookie ?? '') : ''), undefined)
})

test('the end of all sessions reaches the new engine where the old one cannot tell whose are whose', async (t) => {
  const move = bench()
  const codec = djangoCookieCodec({ secrets: SECRETS, now: move.now })
  const cookies = new CookieEngine({ codec, expiry: EXPIRY, maxSize: 4096, now: move.now })
  const house = { ...move, engine: new MovingEngine({ to: move.newBench.engine, from: cookies }) as Engine }
  const cookie = await begun(move.newBench, { [USER_KEY]: '7' })
  await t.throwsAsync(house.engine.endUser('7'), { instanceOf: NotSupportedError })
  t.is(await read(house, cookie), undefined)
})

test('a cookie that leads nowhere in either is an unknown key, and one that fits neither is malformed', async (t) => {
  const move = bench()
  t.deepEqual(await move.engine.open('a'.repeat(32)), { live: false, suspicion: 'unknown-key' })
  t.deepEqual(await move.engine.open('nonsense'), { live: false, suspicion: 'malformed-cookie' })
})
