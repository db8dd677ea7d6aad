import test from 'ava'
import { Operations } from '../../../src/session/core/operations.ts'
import { USER_KEY } from '../../../src/session/core/user.ts'
import { CookieEngine } from '../../../src/session/engines/cookie/cookie.ts'
import type { Engine } from '../../../src/session/engines/engine.ts'
import { HybridEngine } from '../../../src/session/engines/hybrid/hybrid.ts'
import { cookieMigration } from '../../../src/session/engines/migrating/cookie-migration.ts'
import { hybridMigration } from '../../../src/session/engines/migrating/hybrid-migration.ts'
import { MigratingEngine } from '../../../src/session/engines/migrating/migrating.ts'
import { storedMigration } from '../../../src/session/engines/migrating/stored-migration.ts'
import { StoredEngine } from '../../../src/session/engines/stored.ts'
import { MemoryStore } from '../../../src/session/stores/memory.ts'
import { MemoryRevocations } from '../../../src/session/stores/revocations.ts'
import { EXPIRY, START } from '../../support/engine.ts'
import { bench, ENGINES, noise, PAIRS, sealed, sealedCookies } from '../../support/migrating.ts'
import { begun, increment, open, read } from '../../support/requests.ts'

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

for (const from of ['signed_cookies, sealed', 'signed_cookies, django']) {
  test(`${from} to hybrid: a session that outgrows its cookie with its first change`, async (t) => {
    const { migrating, start } = bench(from, 'hybrid, in the cookie')
    const old = await start()
    const { session, commit } = await open(migrating, old)
    session.set('filler', noise(5000))
    const committed = await commit()
    const cookie = committed.outcome === 'saved' ? (committed.cookie ?? '') : ''
    t.regex(cookie, /^[a-z0-9]{32}$/)
    t.like(await read(migrating, cookie), { [USER_KEY]: '7', n: 0 })
    await (await open(migrating, cookie)).session.flush()
    t.is(await read(migrating, cookie), undefined)
    t.is(await read(migrating, old), undefined)
  })
}

test('a sign-in that overlaps the migrating change includes it', async (t) => {
  const { migrating, start } = bench('db, sealed', 'db, django')
  const cookie = await start()
  const [login, change] = [await open(migrating, cookie), await open(migrating, cookie)]
  login.session.set(USER_KEY, '8')
  await increased(change.session, change.commit)
  const signedIn = await login.commit('cycle')
  t.like(await read(migrating, signedIn.outcome === 'saved' ? (signedIn.cookie ?? '') : ''), { [USER_KEY]: '8', n: 1 })
  t.is(await read(migrating, cookie), undefined)
})

test('the source does not restore a session that was ended in the target', async (t) => {
  const now = () => START
  const revocations = new MemoryRevocations({ now })
  const store = new MemoryStore({ now })
  const half = new StoredEngine({ store, codec: sealed, expiry: EXPIRY, now })
  // One key for both, as where an application has chosen it so.
  const codec = sealedCookies(now)
  const hybrid = new HybridEngine({ codec, stored: half, revocations, expiry: EXPIRY, limit: 1000, now })
  const cookies = new CookieEngine({ codec, expiry: EXPIRY, maxSize: 4000, revocations, now })
  const [source, target] = [cookieMigration(cookies), hybridMigration(hybrid)]
  const migrating = {
    now,
    expiry: EXPIRY,
    observe: () => undefined,
    engine: new MigratingEngine({ target, source, now }),
  }
  const key = await begun(migrating, { [USER_KEY]: '7', filler: noise(2000) })
  const { session, commit } = await open(migrating, key)
  session.delete('filler')
  const small = await commit()
  const cookie = small.outcome === 'saved' ? (small.cookie ?? '') : ''
  t.not(cookie, key, 'the cookie holds the session beside the key of its record')
  const { listed } = await migrating.engine.listUser('7')
  t.true(await migrating.engine.endOne('7', listed[0]?.id ?? ''))
  t.is(await read(migrating, cookie), undefined)
})

test('from hybrid: a copy in a cookie is not used instead of a record whose migration is decided', async (t) => {
  const now = () => START
  const revocations = new MemoryRevocations({ now })
  const stored = new StoredEngine({ store: new MemoryStore({ now }), codec: sealed, expiry: EXPIRY, now })
  const hybrid = new HybridEngine({ codec: sealedCookies(now), stored, revocations, expiry: EXPIRY, limit: 1000, now })
  const before = { now, expiry: EXPIRY, observe: () => undefined, engine: hybrid }
  const key = await begun(before, { filler: noise(2000) })
  const { session, commit } = await open(before, key)
  session.set('filler', 'small')
  const shrunk = await commit()
  if (shrunk.outcome !== 'saved') return t.fail()
  t.not(shrunk.cookie, key, 'the cookie holds the session beside the key of its record')
  t.is(await hybridMigration(hybrid).claim(shrunk.loaded, 'a mark'), 'done')
  t.is(await read(before, shrunk.cookie ?? ''), undefined)
})

test('out of a hybrid, over its own table: a logout ends the copies in cookies as well', async (t) => {
  const now = () => START
  const revocations = new MemoryRevocations({ now })
  const stored = new StoredEngine({ store: new MemoryStore({ now }), codec: sealed, expiry: EXPIRY, now })
  const hybrid = new HybridEngine({ codec: sealedCookies(now), stored, revocations, expiry: EXPIRY, limit: 1000, now })
  const before = { now, expiry: EXPIRY, observe: () => undefined, engine: hybrid }
  const sides = { target: storedMigration(stored), source: hybridMigration(hybrid) }
  const migrating = { ...before, engine: new MigratingEngine({ ...sides, now }) }
  const small = await begun(before, { [USER_KEY]: '7' })
  const { session, commit } = await open(before, small)
  session.set('filler', noise(2000))
  const grown = await commit()
  const key = grown.outcome === 'saved' ? (grown.cookie ?? '') : ''
  t.not(await read(migrating, small), undefined, 'a copy of the cookie from before')
  await (await open(migrating, key)).session.flush()
  t.is(await read(migrating, small), undefined)
})

test('a record left in the source by a crash is removed by a change of key', async (t) => {
  const { migrating, before, target, start } = bench('db, sealed', 'db, django')
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
  t.is(await read(migrating, cookie), undefined)
  t.is(await read(before, cookie), undefined)
})

async function live(migrating: { engine: Engine }, cookie: string) {
  const opened = await migrating.engine.open(cookie)
  if (!opened.live) throw new Error('The session is not live')
  return opened
}
