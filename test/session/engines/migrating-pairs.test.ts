import test from 'ava'
import { Operations } from '../../../src/session/core/operations.ts'
import { USER_KEY } from '../../../src/session/core/user.ts'
import type { Engine } from '../../../src/session/engines/engine.ts'
import { bench, ENGINES, PAIRS, SERVER_PAIR } from '../../support/migrating.ts'
import { increment, open, read } from '../../support/requests.ts'

const MINUTE = 60_000
const DAY = 86_400_000

/** A change; answers its cookie, or undefined for an ended session. */
async function add(migrating: ReturnType<typeof bench>['migrating'], cookie: string): Promise<string | undefined> {
  const { session, commit } = await open(migrating, cookie)
  return await increased(session, commit)
}

async function increased(
  session: Awaited<ReturnType<typeof open>>['session'],
  commit: Awaited<ReturnType<typeof open>>['commit'],
): Promise<string | undefined> {
  session.update('n', increment)
  const committed = await commit()
  return committed.outcome === 'saved' ? committed.cookie : undefined
}

for (const [from, to] of PAIRS) {
  const pair = `${from} to ${to}`

  test(`${pair}: stays signed in and keeps its data, for as long as it is used`, async (t) => {
    const { migrating, after, start, clock } = bench(from, to)
    let cookie = await start()
    t.like(await read(migrating, cookie), { [USER_KEY]: '7', n: 0 })
    for (let n = 1; n <= 5; n++) {
      cookie = (await add(migrating, cookie)) ?? ''
      clock.now += DAY
      t.like(await read(migrating, cookie), { [USER_KEY]: '7', n })
      t.like(await read(after, cookie), { [USER_KEY]: '7', n }, 'it is in the new one')
    }
  })

  test(`${pair}: a logout with any cookie ends every copy`, async (t) => {
    for (const which of ['old', 'first', 'last'] as const) {
      const { migrating, start, clock } = bench(from, to)
      const old = await start()
      const [one, other, slow] = [await open(migrating, old), await open(migrating, old), await open(migrating, old)]
      const first = await increased(one.session, one.commit)
      const last = await increased(other.session, other.commit)
      const all = { old, first: first ?? '', last: last ?? '' }
      const leaving = await open(migrating, all[which])
      t.true(leaving.live, `${which} is live before`)
      await leaving.session.flush()
      const late = await increased(slow.session, slow.commit)
      clock.now += 1
      for (const [name, cookie] of Object.entries({ ...all, late: late ?? '' })) {
        t.is(await read(migrating, cookie), undefined, `${name}, after a logout by ${which}`)
      }
    }
  })

  test(`${pair}: a session that was ended before its first change is not migrated`, async (t) => {
    const { migrating, start } = bench(from, to)
    const old = await start()
    const slow = await open(migrating, old)
    await (await open(migrating, old)).session.flush()
    const late = await increased(slow.session, slow.commit)
    t.is(await read(migrating, late ?? ''), undefined)
    t.is(await read(migrating, old), undefined)
  })

  test(`${pair}: ending all sessions of the user ends both sides`, async (t) => {
    const { migrating, start } = bench(from, to)
    const [moved, unmoved] = [await start(), await start()]
    const slow = await open(migrating, unmoved)
    const newer = (await add(migrating, moved)) ?? ''
    await migrating.engine.endUser('7')
    const late = await increased(slow.session, slow.commit)
    for (const cookie of [moved, unmoved, newer, late ?? '']) t.is(await read(migrating, cookie), undefined)
  })

  test(`${pair}: a change of key after the migration leaves nothing under the old one`, async (t) => {
    const { migrating, start, clock } = bench(from, to)
    const old = await start()
    const moved = (await add(migrating, old)) ?? ''
    const { commit } = await open(migrating, moved)
    const cycled = await commit('cycle')
    clock.now += 1
    t.like(await read(migrating, cycled.outcome === 'saved' ? (cycled.cookie ?? '') : ''), { [USER_KEY]: '7', n: 1 })
    // Late requests may still read what was there before.
    clock.now += 2 * MINUTE
    t.is(await read(migrating, moved), undefined)
    t.is(await read(migrating, old), undefined)
  })

  test(`${pair}: activity that overlaps a change does not sign the user out`, async (t) => {
    const { migrating, start, clock } = bench(from, to)
    const old = await start()
    clock.now += 5 * DAY
    const reading = await migrating.engine.open(old)
    await add(migrating, old)
    if (!reading.live) return t.fail()
    const touched = await migrating.engine.touch(reading.loaded)
    clock.now += 2 * MINUTE
    if (touched === undefined) return t.pass('the answer sets no cookie')
    t.like(await read(migrating, touched.cookie ?? ''), { [USER_KEY]: '7' })
  })

  if (ENGINES[from]?.server && ENGINES[to]?.server) {
    test(`${pair}: 20 overlapping changes lose nothing`, async (t) => {
      const { migrating, start } = bench(from, to)
      const cookie = await start()
      const requests = await Promise.all(Array.from({ length: 20 }, () => open(migrating, cookie)))
      const moved = await Promise.all(requests.map(({ session, commit }) => increased(session, commit)))
      for (const one of moved) t.like(await read(migrating, one ?? ''), { n: 20 })
    })
  }
}

const pair = SERVER_PAIR
if (pair !== undefined) {
  test('a sign-in that overlaps the migrating change includes it', async (t) => {
    const { migrating, start } = bench(...pair)
    const cookie = await start()
    const [login, change] = [await open(migrating, cookie), await open(migrating, cookie)]
    login.session.set(USER_KEY, '8')
    await increased(change.session, change.commit)
    const signedIn = await login.commit('cycle')
    t.like(await read(migrating, signedIn.outcome === 'saved' ? (signedIn.cookie ?? '') : ''), {
      [USER_KEY]: '8',
      n: 1,
    })
    t.is(await read(migrating, cookie), undefined)
  })

  test('a record left in the source by a crash is removed by a change of key', async (t) => {
    const { migrating, before, target, start, clock } = bench(...pair)
    const cookie = await start()
    const { loaded } = await live(migrating, cookie)
    await target.adopt({
      write: 'save',
      loaded,
      data: loaded.data,
      changes: new Operations(),
      client: { ipAddress: null, userAgent: null },
      restartClock: false,
    })
    const { commit } = await open(migrating, cookie)
    const cycled = await commit('cycle')
    t.like(await read(migrating, cycled.outcome === 'saved' ? (cycled.cookie ?? '') : ''), { [USER_KEY]: '7' })
    // Late requests may still read the old key.
    clock.now += 2 * MINUTE
    t.is(await read(migrating, cookie), undefined)
    t.is(await read(before, cookie), undefined)
  })
}

async function live(migrating: { engine: Engine }, cookie: string) {
  const opened = await migrating.engine.open(cookie)
  if (!opened.live) throw new Error('The session is not live')
  return opened
}
