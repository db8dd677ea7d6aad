import test, { type ExecutionContext } from 'ava'
import { z } from 'zod'
import { openDatabase } from '../../../src/database.ts'
import { SessionContendedError, StoreUnavailableError } from '../../../src/session/core/errors.ts'
import { signIn } from '../../../src/session/sign-in.ts'
import { defineSlice } from '../../../src/session/slice.ts'
import { DatabaseStore } from '../../../src/session/stores/database/database.ts'
import { MemoryStore } from '../../../src/session/stores/memory.ts'
import { hasStatistics, type SessionStore } from '../../../src/session/stores/store.ts'
import { steer } from '../../support/caches.ts'
import { migratedSqlite } from '../../support/databases.ts'
import { START, testEngine } from '../../support/engine.ts'
import { begun, cookieOf, increment, open, read } from '../../support/requests.ts'

// In its own process: the names of its slices are taken in the whole process.

const USER = '_auth_user_id'
const kept = defineSlice({ name: 'kept', schema: z.number(), default: () => 0 })
/** What a change of key asks of its store, one after the other; stopped before each, another request runs. */
const STEPS = ['load', 'create', 'save', 'touch'] as const
type Step = (typeof STEPS)[number]
type Bench = ReturnType<typeof testEngine>

interface Race {
  readonly t: ExecutionContext
  /** The other process, whose calls are never stopped. */
  readonly other: Bench
  readonly store: SessionStore
  readonly cookie: string
  readonly id: string
  readonly step: Step
  /** Whether the old key leads to the successor by now. */
  readonly late: boolean
}

interface Outcome {
  readonly outcome: string
  /** The cookie of the changing request; empty for none. */
  readonly cookie: string
}

const STORES: Record<string, (t: ExecutionContext, clock: { now: number }) => Promise<SessionStore>> = {
  memory: async (_t, clock) => new MemoryStore({ now: () => clock.now }),
  async sqlite(t, clock) {
    const knex = openDatabase(await migratedSqlite(t))
    t.teardown(() => knex.destroy())
    return new DatabaseStore({ knex, table: 'sessions', now: () => clock.now })
  },
}

async function live(store: SessionStore): Promise<number> {
  return hasStatistics(store) ? (await store.statistics()).live : Number.NaN
}

async function idOf({ engine }: Bench, cookie: string): Promise<string> {
  const opened = await engine.open(cookie)
  return opened.live ? (opened.loaded.id ?? '') : ''
}

/** Registers, for each store and step, a change of key that stops there while another request does its work. */
function during(
  title: string,
  data: Record<string, unknown>,
  change: (request: Awaited<ReturnType<typeof open>>) => Promise<void>,
  body: (race: Race, goOn: () => Promise<Outcome>) => Promise<void>,
): void {
  for (const [name, openStore] of Object.entries(STORES)) {
    test(`${name}: ${title}`, async (t) => {
      for (const step of STEPS) {
        const clock = { now: START }
        const store = await openStore(t, clock)
        const steered = steer(store)
        const [changing, other] = [testEngine({ store: steered.steered, clock }), testEngine({ store, clock })]
        const cookie = await begun(other, data)
        const id = await idOf(other, cookie)
        const request = await open(changing, cookie)
        await change(request)
        const arrived = steered.stopAt(step)
        const committing = request.commit('cycle')
        const resume = await arrived
        const goOn = async () => {
          resume()
          const committed = await committing
          return { outcome: committed.outcome, cookie: cookieOf(committed) }
        }
        await body({ t, other, store, cookie, id, step, late: step === 'touch' }, goOn)
      }
    })
  }
}

const MINE = { [USER]: '7', n: 0 }
const rotate = async ({ session }: Awaited<ReturnType<typeof open>>) => await session.cycleKey()
const enter = async ({ session }: Awaited<ReturnType<typeof open>>) => await signIn(session, '7')

during('a read meanwhile, and afterwards, is answered', MINE, rotate, async ({ t, other, cookie, id }, goOn) => {
  t.deepEqual({ ...(await read(other, cookie)) }, MINE)
  const { cookie: next } = await goOn()
  const opened = await other.engine.open(cookie)
  t.like(opened, { live: true, loaded: { id, forwarded: true, data: MINE } })
  t.is(await idOf(other, next), id)
  t.deepEqual({ ...(await read(other, next)) }, MINE)
})

during('a change meanwhile is kept', MINE, rotate, async ({ t, other, cookie, late }, goOn) => {
  const { session, commit } = await open(other, cookie)
  session.update('n', increment)
  const changed = await commit()
  t.is(changed.outcome, 'saved')
  t.is(cookieOf(changed), late ? '' : cookie)
  const { outcome, cookie: next } = await goOn()
  t.is(outcome, 'saved')
  t.is((await read(other, next))?.['n'], 1)
  const again = await open(other, cookie)
  again.session.update('n', increment)
  const afterwards = await again.commit()
  t.like(afterwards, { outcome: 'saved', cookie: undefined, loaded: { forwarded: true, key: cookie } })
  t.is((await read(other, next))?.['n'], 2)
  t.is((await read(other, cookie))?.['n'], late ? 0 : 1, 'frozen')
})

for (const [what, data, change] of [
  ['a change of key', MINE, rotate],
  ['a sign-in', { n: 0 }, enter],
] as const) {
  during(`a logout during ${what} ends it under every key`, data, change, async (race, goOn) => {
    const { t, other, store, cookie, id } = race
    await (await open(other, cookie)).session.flush()
    t.is(await read(other, cookie), undefined)
    const { outcome, cookie: next } = await goOn()
    t.is(await read(other, cookie), undefined)
    // A sign-in may stand on its own, as another session with nothing of the ended one.
    if (outcome === 'ended') t.is(await live(store), 0)
    else if (what === 'a sign-in' && !race.late) t.deepEqual({ ...(await read(other, next)) }, { [USER]: '7' })
    else t.pass('the logout of somebody who was not signed in does not reach who is')
    if (next !== '' && !(what === 'a sign-in' && race.late)) t.not(await idOf(other, next), id)
  })
}

during('a second change of key meanwhile: one new key', MINE, rotate, async ({ t, other, store, cookie, id }, goOn) => {
  const request = await open(other, cookie)
  request.session.update('n', increment)
  const cookies = [cookieOf(await request.commit('cycle')), (await goOn()).cookie].filter((each) => each !== '')
  t.is(cookies.length, 1)
  t.is(await live(store), 1)
  t.like(await read(other, cookies[0] ?? ''), { n: 1 })
  t.is(await idOf(other, cookies[0] ?? ''), id)
})

during('the same sign-in meanwhile joins: one session, one cookie', { list: [1] }, enter, async (race, goOn) => {
  const { t, other, store, cookie, id } = race
  const request = await open(other, cookie)
  await signIn(request.session, '7')
  request.session.update('n', increment)
  const [theirs, mine] = [cookieOf(await request.commit('cycle')), (await goOn()).cookie]
  t.is(theirs, mine)
  t.deepEqual({ ...(await read(other, mine)) }, { list: [1], [USER]: '7', n: 1 })
  t.is(await live(store), 1)
  t.is(await idOf(other, mine), id)
  t.deepEqual({ ...(await read(other, cookie)) }, { list: [1] }, 'nothing of it is read with the old key')
})

during(
  "another user's sign-in meanwhile: a session without the data that were taken",
  { list: [1] },
  enter,
  async (race, goOn) => {
    const { t, other, cookie } = race
    const request = await open(other, cookie)
    await signIn(request.session, '8')
    request.session.set('mine', true)
    const theirs = cookieOf(await request.commit('cycle'))
    const { cookie: mine } = await goOn()
    t.not(theirs, mine)
    const [eight, seven] = [await read(other, theirs), await read(other, mine)]
    t.like(eight, { [USER]: '8', mine: true })
    t.is(seven?.[USER], '7')
    t.is(seven?.['mine'], undefined)
    t.is([eight, seven].filter((each) => each?.['list'] !== undefined).length, 1)
    t.not(await idOf(other, theirs), await idOf(other, mine))
  },
)

during('ending the others spares it', MINE, rotate, async ({ t, other, cookie, id }, goOn) => {
  const more = [await begun(other, MINE), await begun(other, MINE)]
  t.true((await other.engine.endUser('7', id)) >= 2)
  for (const each of more) t.is(await read(other, each), undefined)
  const { outcome, cookie: next } = await goOn()
  t.is(outcome, 'saved')
  t.deepEqual({ ...(await read(other, next)) }, MINE)
  t.deepEqual({ ...(await read(other, cookie)) }, MINE)
})

for (const way of ['endUser', 'endOne'] as const) {
  during(`${way} meanwhile ends it under every key`, MINE, rotate, async ({ t, other, store, cookie, id }, goOn) => {
    if (way === 'endOne') t.true(await other.engine.endOne('7', id))
    else t.true((await other.engine.endUser('7')) >= 1)
    t.deepEqual(await goOn(), { outcome: 'ended', cookie: '' })
    t.is(await read(other, cookie), undefined)
    t.is(await live(store), 0)
    t.false(await other.engine.endOne('7', id))
  })
}

during('a touch meanwhile harms nothing', MINE, rotate, async ({ t, other, cookie, late }, goOn) => {
  const opened = await other.engine.open(cookie)
  if (!opened.live) return t.fail()
  t.is((await other.engine.touch(opened.loaded))?.cookie, late ? undefined : cookie)
  const { outcome, cookie: next } = await goOn()
  t.is(outcome, 'saved')
  t.deepEqual({ ...(await read(other, next)) }, MINE)
})

for (const [name, openStore] of Object.entries(STORES)) {
  for (const heard of [true, false]) {
    test(`${name}: a crash ${heard ? 'before' : 'after'} any step loses nothing and leaves one session`, async (t) => {
      for (const step of STEPS) {
        for (const then of ['change', 'logout', 'nothing'] as const) {
          const clock = { now: START }
          const store = await openStore(t, clock)
          const steered = steer(store)
          const [dying, other] = [testEngine({ store: steered.steered, clock }), testEngine({ store, clock })]
          const cookie = await begun(other, MINE)
          const { session, commit } = await open(dying, cookie)
          session.set('changed', true)
          const arrived = steered.stopAt(step)
          const committing = commit('cycle')
          const resume = await arrived
          steered[heard ? 'out' : 'deaf'] = true
          resume()
          await t.throwsAsync(committing, { instanceOf: StoreUnavailableError })
          t.like(await read(other, cookie), MINE, step)
          const next = await open(other, cookie)
          if (then === 'logout') {
            await next.session.flush()
            t.is(await read(other, cookie), undefined)
          }
          if (then === 'change') {
            next.session.update('n', increment)
            t.is((await next.commit()).outcome, 'saved')
          }
          clock.now += 59_000
          if (then === 'change') t.not(await read(other, cookie), undefined)
          clock.now += 2000
          const left = await live(store)
          t.true(left <= 1)
          if (then === 'logout') t.is(left, 0)
        }
      }
    })
  }
}

test('after a sign-in with the old key: changes of slices kept at sign-in are replayed, others are refused', async (t) => {
  const bench = testEngine()
  const cookie = await begun(bench, { n: 0 })
  const [plain, signing] = [await open(bench, cookie), await open(bench, cookie)]
  await signIn(signing.session, '7')
  const next = cookieOf(await signing.commit('cycle'))
  plain.session.set('n', 5)
  t.deepEqual(await plain.commit(), { outcome: 'ended' })
  const surviving = await open(bench, cookie)
  surviving.session.update(kept, increment)
  t.like(await surviving.commit(), { outcome: 'saved', cookie: undefined })
  t.like(await read(bench, next), { n: 0, [USER]: '7', kept: { d: 1 } })
  t.deepEqual({ ...(await read(bench, cookie)) }, { n: 0 })
})

test('a late sign-in after a mere change of key signs the session in, with another key', async (t) => {
  const bench = testEngine()
  const cookie = await begun(bench, { list: [1] })
  const signing = await open(bench, cookie)
  const between = cookieOf(await (await open(bench, cookie)).commit('cycle'))
  await signIn(signing.session, '7')
  const next = cookieOf(await signing.commit('cycle'))
  t.is(new Set([cookie, between, next]).size, 3)
  t.deepEqual({ ...(await read(bench, next)) }, { list: [1], [USER]: '7' })
  t.deepEqual({ ...(await read(bench, between)) }, { list: [1] })
  t.is(await idOf(bench, next), await idOf(bench, cookie))
})

test('keys are followed over four changes and no more, and a logout by any of them ends it', async (t) => {
  const bench = testEngine()
  const keys = [await begun(bench, MINE)]
  for (let n = 0; n < 5; n++) keys.push(cookieOf(await (await open(bench, keys.at(-1))).commit('cycle')))
  t.deepEqual(
    (await Promise.all(keys.map((key) => read(bench, key)))).map((data) => data !== undefined),
    [false, true, true, true, true, true],
  )
  await (await open(bench, keys[1])).session.flush()
  for (const key of keys) t.is(await read(bench, key), undefined)
  t.is(await live(bench.store), 0)
})

test('a logout that was under way during many changes of key ends the session, or is refused', async (t) => {
  const bench = testEngine()
  const keys = [await begun(bench, MINE)]
  const late = await open(bench, keys[0])
  for (let n = 0; n < 7; n++) keys.push(cookieOf(await (await open(bench, keys.at(-1))).commit('cycle')))
  await late.session.flush()
  t.is(await live(bench.store), 0)
  t.is(await read(bench, keys.at(-1) ?? ''), undefined)
})

test('a late change after the end is refused, a sign-in too', async (t) => {
  const bench = testEngine()
  const cookie = await begun(bench, { n: 0 })
  const requests = [await open(bench, cookie), await open(bench, cookie)] as const
  await signIn(requests[1].session, '7')
  const first = await open(bench, cookie)
  await signIn(first.session, '7')
  const next = cookieOf(await first.commit('cycle'))
  await (await open(bench, next)).session.flush()
  requests[0].session.set('n', 1)
  t.deepEqual(await requests[0].commit(), { outcome: 'ended' })
  t.deepEqual(await requests[1].commit('cycle'), { outcome: 'ended' })
  t.is(await read(bench, cookie), undefined)
})

test('of two queued late requests, one that is refused does not affect the other', async (t) => {
  const bench = testEngine()
  const cookie = await begun(bench, { n: 0 })
  const [refused, late] = [await open(bench, cookie), await open(bench, cookie)]
  const signing = await open(bench, cookie)
  await signIn(signing.session, '7')
  await signing.commit('cycle')
  refused.session.set('n', 1)
  late.session.update(kept, increment)
  const outcomes = await Promise.all([refused.commit(), late.commit()])
  t.deepEqual(
    outcomes.map(({ outcome }) => outcome),
    ['ended', 'saved'],
  )
})

test('the use of an old key is reported once', async (t) => {
  const bench = testEngine()
  const cookie = await begun(bench, MINE)
  const [late, changing] = [await open(bench, cookie), await open(bench, cookie)]
  await changing.commit('cycle')
  const reported = () => bench.events.filter(({ type }) => type === 'forward').length
  t.is(reported(), 0)
  late.session.update('n', increment)
  await late.commit()
  t.is(reported(), 1)
  const again = await open(bench, cookie)
  again.session.update('n', increment)
  await again.commit()
  t.is(reported(), 2)
})

test('a logout of a session that keeps changing is an error', async (t) => {
  const bench = testEngine()
  const cookie = await begun(bench, MINE)
  const { session } = await open(bench, cookie)
  const store = bench.store as MemoryStore
  store.delete = async () => 'conflict'
  await t.throwsAsync(session.flush(), { instanceOf: SessionContendedError })
})
