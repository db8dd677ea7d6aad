import test from 'ava'
import { SessionTooLargeError, StoreUnavailableError } from '../../../src/session/core/errors.ts'
import { cookieMigration } from '../../../src/session/engines/migrating/cookie-migration.ts'
import { MigratingEngine } from '../../../src/session/engines/migrating/migrating.ts'
import { storedMigration } from '../../../src/session/engines/migrating/stored-migration.ts'
import { signIn, signOut } from '../../../src/session/sign-in.ts'
import { MemoryRevocations } from '../../../src/session/stores/revocations.ts'
import { NotSupportedError } from '../../../src/session/stores/store.ts'
import { formats } from '../../../src/storage/index.ts'
import { cookieBench } from '../../support/cookie-engine.ts'
import { START, testEngine } from '../../support/engine.ts'
import { begun, open, read } from '../../support/requests.ts'

type Bench = ReturnType<typeof cookieBench>

/** A browser that signs in, with what it has in its cookie so far. */
async function signedIn(bench: Bench, userId = '7', cookie?: string): Promise<string> {
  const { session, commit } = await open(bench, cookie)
  await signIn(session, userId)
  return cookieOf(await commit('cycle'))
}

function cookieOf(committed: { outcome: string; cookie?: string | undefined }): string {
  return committed.cookie ?? committed.outcome
}

for (const format of formats) {
  test(`${format.name}: a logout ends the session, and every copy of its cookie`, async (t) => {
    const bench = cookieBench({ format })
    const first = await signedIn(bench)
    const { session, commit } = await open(bench, first)
    session.set('list', [1])
    const second = cookieOf(await commit())
    await signOut((await open(bench, second)).session)
    for (const copy of [first, second]) {
      t.deepEqual(await bench.engine.open(copy), { live: false, suspicion: 'revoked' })
    }
    t.not(await read(bench, await signedIn(bench)), undefined, 'the user may come back')
  })

  // The documented difference between cookies and stores: no server is asked, so none can refuse.
  test(`${format.name}: a copy of an anonymous cookie, or of any without revocations, stays valid after the logout`, async (t) => {
    const anonymous = cookieBench({ format })
    const cart = await begun(anonymous, { list: [1] })
    await (await open(anonymous, cart)).session.flush()
    t.deepEqual({ ...(await read(anonymous, cart)) }, { list: [1] })

    const unguarded = cookieBench({ format, guarded: false })
    const cookie = await signedIn(unguarded)
    await signOut((await open(unguarded, cookie)).session)
    t.deepEqual({ ...(await read(unguarded, cookie)) }, { _auth_user_id: '7' })
    await t.throwsAsync(unguarded.engine.endUser('7'), { instanceOf: NotSupportedError })
  })

  test(`${format.name}: an older copy of an anonymous cookie rolls the session back`, async (t) => {
    const bench = cookieBench({ format })
    const older = await begun(bench, { list: [1] })
    const { session, commit } = await open(bench, older)
    session.set('list', [])
    t.deepEqual({ ...(await read(bench, cookieOf(await commit()))) }, { list: [] })
    t.deepEqual({ ...(await read(bench, older)) }, { list: [1] })
  })

  test(`${format.name}: ending all sessions of a user ends those before, not those after, and no sessions of other users`, async (t) => {
    const bench = cookieBench({ format })
    const [one, two, other] = [await signedIn(bench), await signedIn(bench), await signedIn(bench, '8')]
    t.is(await bench.engine.endUser('7'), undefined)
    const again = await signedIn(bench)
    t.is(await read(bench, one), undefined)
    t.is(await read(bench, two), undefined)
    t.is((await read(bench, other))?.['_auth_user_id'], '8')
    t.is((await read(bench, again))?.['_auth_user_id'], '7')
    await bench.engine.endUser('7')
    t.is(await read(bench, again), undefined)
  })
}

test('the session that ends all others continues with a new sign-in and the same data', async (t) => {
  const bench = cookieBench()
  const other = await signedIn(bench)
  const { session, commit } = await open(bench, await signedIn(bench, '7', await begun(bench, { list: [1] })))
  await bench.engine.endUser('7')
  session.set('hash', 'of the new password')
  await session.cycleKey({ restartClock: true })
  const next = cookieOf(await commit('cycle'))
  t.deepEqual({ ...(await read(bench, next)) }, { list: [1], _auth_user_id: '7', hash: 'of the new password' })
  t.is(await read(bench, other), undefined)
})

test('the cookie carries no more than it needs, and handlers see nothing of it', async (t) => {
  const bench = cookieBench()
  const anonymous = bench.codec.decode(await begun(bench, { a: 1, _session_id: 'mine', _session_created: 1 }), 60)
  t.deepEqual(anonymous.ok && { ...anonymous.data }, { a: 1 })
  const cookie = await signedIn(bench)
  const decoded = bench.codec.decode(cookie, 60)
  if (!decoded.ok) return t.fail()
  t.deepEqual(Object.keys(decoded.data).sort(), ['_auth_user_id', '_session_epoch', '_session_id'])
  t.deepEqual({ ...(await read(bench, cookie)) }, { _auth_user_id: '7' })
})

test('a handler cannot give a session another id or epoch, and a clear does not lose them', async (t) => {
  const bench = cookieBench()
  const cookie = await signedIn(bench)
  await bench.engine.endUser('8')
  const { session, commit } = await open(bench, cookie)
  session.clear()
  session.assign({ _auth_user_id: '7', _session_id: 'mine', _session_epoch: 9e15, _session_created: 9e15 })
  const changed = cookieOf(await commit())
  t.deepEqual({ ...(await read(bench, changed)) }, { _auth_user_id: '7' })
  await bench.engine.end((await opened(bench, cookie)).loaded)
  t.is(await read(bench, changed), undefined)
})

test('statements: none for an anonymous visitor, one for a read or a touch, two for a change, three for a logout', async (t) => {
  const bench = cookieBench()
  const count = async (work: () => Promise<unknown>) => {
    bench.calls.length = 0
    await work()
    return [...bench.calls]
  }
  const anonymous = await begun(bench)
  const change = async (cookie: string) => {
    const { session, commit } = await open(bench, cookie)
    session.set('a', 1)
    return await commit()
  }
  t.deepEqual(await count(() => begun(bench)), [])
  t.deepEqual(await count(() => change(anonymous)), [])
  t.deepEqual(await count(() => signedIn(bench, '7', anonymous)), ['check'])
  const cookie = await signedIn(bench)
  t.deepEqual(await count(() => read(bench, cookie)), ['check'])
  t.deepEqual(await count(() => change(cookie)), ['check', 'check'])
  const { loaded } = await opened(bench, cookie)
  t.deepEqual(await count(() => bench.engine.touch(loaded)), ['check'])
  t.deepEqual(await count(() => bench.engine.end(loaded)), ['check', 'endSession', 'check'])
  bench.clock.now = START + 2e12
  t.deepEqual(await count(() => read(bench, cookie)), [], 'what is over is not asked about')
})

test('a change that overlaps a logout, or the end of all sessions, is refused', async (t) => {
  for (const end of ['logout', 'all']) {
    const bench = cookieBench()
    const cookie = await signedIn(bench)
    const { session, commit } = await open(bench, cookie)
    const { loaded } = await opened(bench, cookie)
    if (end === 'all') await bench.engine.endUser('7')
    else await signOut((await open(bench, cookie)).session)
    session.set('a', 1)
    t.deepEqual(await commit(), { outcome: 'ended' })
    t.deepEqual(await commit('cycle'), { outcome: 'ended' }, 'a mere change of key is no way round it')
    const touched = await bench.engine.touch(loaded)
    t.is(await read(bench, touched?.cookie ?? ''), undefined)
  }
})

test('a sign-in that overlaps a logout succeeds without the data of the session', async (t) => {
  const bench = cookieBench()
  const cookie = await signedIn(bench, '7', await begun(bench, { secret: 'of before' }))
  const { session, commit } = await open(bench, cookie)
  await signOut((await open(bench, cookie)).session)
  await signIn(session, '7')
  t.deepEqual({ ...(await read(bench, cookieOf(await commit('cycle')))) }, { _auth_user_id: '7' })
})

test('a new password that overlaps a logout leaves no session signed in', async (t) => {
  const bench = cookieBench()
  const cookie = await signedIn(bench)
  const { session, commit } = await open(bench, cookie)
  await signOut((await open(bench, cookie)).session)
  session.set('hash', 'of the new password')
  await session.cycleKey({ restartClock: true })
  t.deepEqual(await commit('cycle'), { outcome: 'ended' })
})

test('a change of key gives a new sign-in to the same session, and ends the old one in a minute', async (t) => {
  const bench = cookieBench()
  const cookie = await signedIn(bench)
  const { session, commit } = await open(bench, cookie)
  await session.cycleKey()
  const next = cookieOf(await commit('cycle'))
  const former = await opened(bench, cookie)
  t.like(former.loaded, { forwarded: true, data: { _auth_user_id: '7' } })
  t.is((await opened(bench, next)).loaded.id, former.loaded.id)
  bench.clock.now += 60_000
  t.is(await read(bench, cookie), undefined)
  t.is((await read(bench, next))?.['_auth_user_id'], '7')
})

test('a change of key that overlaps the end of all sessions, wherever it stops, leaves no session signed in', async (t) => {
  for (const ended of [0, 1, 2]) {
    const bench = cookieBench()
    const cookie = await signedIn(bench)
    const { session, commit } = await open(bench, cookie)
    const { check } = bench.revocations
    let asked = 0
    bench.revocations.check = async (userId, sessionId) => {
      if (asked++ === ended) await bench.engine.endUser('7')
      return await check.call(bench.revocations, userId, sessionId)
    }
    await session.cycleKey()
    const cycled = cookieOf(await commit('cycle'))
    if (asked <= ended) await bench.engine.endUser('7')
    t.is(await read(bench, cycled), undefined, `after ${ended} questions`)
  }
})

test('a change of the user alone, without a sign-in, still ends the old cookie', async (t) => {
  for (const next of ['8', '']) {
    const bench = cookieBench()
    const cookie = await signedIn(bench)
    const { session, commit } = await open(bench, cookie)
    session.set('_auth_user_id', next)
    const changed = cookieOf(await commit())
    t.is(await read(bench, cookie), undefined)
    t.is((await read(bench, changed))?.['_auth_user_id'], next)
    await bench.engine.endUser('7')
    t.not(await read(bench, changed), undefined)
  }
})

test('a sign-in too large for its cookie leaves the session as it was', async (t) => {
  const bench = cookieBench({ maxSize: 300 })
  const cookie = await signedIn(bench)
  const { session, commit } = await open(bench, cookie)
  session.set(
    'long',
    Array.from({ length: 400 }, (_, n) => n),
  )
  await session.cycleKey()
  await t.throwsAsync(commit('cycle'), { instanceOf: SessionTooLargeError })
  t.is((await read(bench, cookie))?.['_auth_user_id'], '7')
})

test('no answer is an outage, not a logout: opening, changing, ending', async (t) => {
  const bench = cookieBench()
  const cookie = await signedIn(bench)
  const anonymous = await begun(bench)
  const { session, commit } = await open(bench, cookie)
  const { loaded } = await opened(bench, cookie)
  const down = async () => {
    throw new StoreUnavailableError()
  }
  Object.assign(bench.revocations, { check: down, endSession: down, endUser: down })
  session.set('a', 1)
  for (const work of [() => bench.engine.open(cookie), commit, () => bench.engine.end(loaded), () => signedIn(bench)]) {
    await t.throwsAsync(work, { instanceOf: StoreUnavailableError })
  }
  t.not(await read(bench, anonymous), undefined)
})

test('an entry stays until the last cookie that it refuses has expired, whatever expiry the session had', async (t) => {
  const bench = cookieBench({ expiry: { cookieAge: 100, atBrowserClose: false, touchAfter: 0.1 } })
  const { session, commit } = await open(bench)
  await signIn(session, '7')
  session.setExpiry(30 * 86_400)
  const long = cookieOf(await commit())
  const shortened = await open(bench, long)
  shortened.session.setExpiry(60)
  await signOut((await open(bench, cookieOf(await shortened.commit()))).session)
  bench.clock.now = START + 30 * 86_400_000
  t.is(await bench.revocations.clear(bench.clock.now), 0)
  t.is(await read(bench, long), undefined)
})

test('a session that has migrated to a store leaves a cookie that expires in a moment', async (t) => {
  const bench = cookieBench()
  const storedBench = testEngine({ clock: bench.clock })
  const sides = { target: storedMigration(storedBench.engine), source: cookieMigration(bench.engine) }
  const migrating = { ...bench, engine: new MigratingEngine({ ...sides, now: bench.now }) }
  const cookie = await signedIn(bench)
  const { session, commit } = await open(migrating, cookie)
  session.set('a', 1)
  const key = cookieOf(await commit())
  t.like(await read(storedBench, key), { _auth_user_id: '7', a: 1 })
  t.not(await read(migrating, cookie), undefined, 'requests that were sent with it are under way')
  bench.clock.now += 60_000
  t.is(await read(migrating, cookie), undefined)
  t.not(await read(migrating, key), undefined)
})

test('a session that comes from a store can be ended like any other', async (t) => {
  const bench = cookieBench()
  const storedBench = testEngine({ clock: bench.clock })
  const sides = { target: cookieMigration(bench.engine), source: storedMigration(storedBench.engine) }
  const migrating = { ...bench, engine: new MigratingEngine({ ...sides, now: bench.now }) }
  const { session, commit } = await open(migrating, await begun(storedBench, { _auth_user_id: '7' }))
  session.set('a', 1)
  const cookie = cookieOf(await commit())
  t.like(await read(migrating, cookie), { _auth_user_id: '7', a: 1 })
  await signOut((await open(migrating, cookie)).session)
  t.is(await read(migrating, cookie), undefined)
})

test('two processes over the same revocations agree', async (t) => {
  const revocations = new MemoryRevocations({ now: () => START })
  const [one, two] = [cookieBench({ revocations }), cookieBench({ revocations })]
  const cookie = await signedIn(one)
  t.not(await read(two, cookie), undefined)
  await signOut((await open(two, cookie)).session)
  t.is(await read(one, cookie), undefined)
})

async function opened({ engine }: Bench, cookie: string) {
  const found = await engine.open(cookie)
  if (!found.live) throw new Error('The cookie should be live')
  return found
}
