import test from 'ava'
import { StoreUnavailableError } from '../../../src/session/core/errors.ts'
import { USER_KEY } from '../../../src/session/core/user.ts'
import { CookieEngine } from '../../../src/session/engines/cookie/cookie.ts'
import { cookieMigration } from '../../../src/session/engines/migrating/cookie-migration.ts'
import { MigratingEngine } from '../../../src/session/engines/migrating/migrating.ts'
import { storedMigration } from '../../../src/session/engines/migrating/stored-migration.ts'
import { StoredEngine } from '../../../src/session/engines/stored.ts'
import { MemoryStore } from '../../../src/session/stores/memory.ts'
import { MemoryRevocations } from '../../../src/session/stores/revocations.ts'
import { NotSupportedError } from '../../../src/session/stores/store.ts'
import { formats } from '../../../src/storage/index.ts'
import { steer } from '../../support/caches.ts'
import { cookieCodec } from '../../support/cookie-engine.ts'
import { EXPIRY, START, testEngine } from '../../support/engine.ts'
import { codecOptions, sealed } from '../../support/formats.ts'
import { begun, increment, open, read } from '../../support/requests.ts'

/** Two stores, with different formats where the project has several, each behind an engine, and a migration from one to the other. */
function bench() {
  const before = testEngine()
  const { clock, now, expiry, observe } = before
  const [source, target] = [steer(before.store), steer(new MemoryStore({ now }))]
  const from = new StoredEngine({ store: source.steered, codec: before.codec, expiry, now })
  const codec = (formats.at(-1) ?? sealed).codec(codecOptions('other', now))
  const to = new StoredEngine({ store: target.steered, codec, expiry, now })
  const common = { clock, now, expiry, observe }
  return {
    ...common,
    source,
    target,
    from,
    to,
    engine: new MigratingEngine({ target: storedMigration(to), source: storedMigration(from), now }),
    sourceBench: { ...common, engine: from },
    targetBench: { ...common, engine: to },
  }
}

test('a session migrates with its first change, under its own key', async (t) => {
  const site = bench()
  const cookie = await begun(site.sourceBench, { user: 'ada', n: 0 })
  t.deepEqual({ ...(await read(site, cookie)) }, { user: 'ada', n: 0 })
  t.is(await read(site.targetBench, cookie), undefined, 'a mere read migrates nothing')
  const { session, commit } = await open(site, cookie)
  session.update('n', increment)
  t.like(await commit(), { outcome: 'saved', cookie })
  t.deepEqual({ ...(await read(site.targetBench, cookie)) }, { user: 'ada', n: 1 })
  t.is(await read(site.sourceBench, cookie), undefined)
  t.deepEqual({ ...(await read(site, cookie)) }, { user: 'ada', n: 1 })
})

test('new sessions are created in the target', async (t) => {
  const site = bench()
  const cookie = await begun(site, { n: 5 })
  t.deepEqual({ ...(await read(site.targetBench, cookie)) }, { n: 5 })
  t.deepEqual(site.source.calls, [])
})

test('20 overlapping changes while it migrates: none is lost', async (t) => {
  const site = bench()
  const cookie = await begun(site.sourceBench)
  const requests = await Promise.all(Array.from({ length: 20 }, () => open(site, cookie)))
  const outcomes = await Promise.all(
    requests.map(async ({ session, commit }) => {
      session.update('n', increment)
      return (await commit()).outcome
    }),
  )
  t.deepEqual(new Set(outcomes), new Set(['saved']))
  t.deepEqual({ ...(await read(site.targetBench, cookie)) }, { n: 20 })
})

test('a change that an older deploy saved meanwhile is replayed, not lost', async (t) => {
  const site = bench()
  const cookie = await begun(site.sourceBench)
  const mine = await open(site, cookie)
  mine.session.update('n', increment)
  const theirs = await open(site.sourceBench, cookie)
  theirs.session.set('theirs', true)
  await theirs.commit()
  t.is((await mine.commit()).outcome, 'saved')
  t.deepEqual({ ...(await read(site, cookie)) }, { n: 1, theirs: true })
})

test('a session that was ended in the source is not migrated', async (t) => {
  const site = bench()
  const cookie = await begun(site.sourceBench)
  const slow = await open(site, cookie)
  await (await open(site.sourceBench, cookie)).session.flush()
  slow.session.set('late', true)
  t.deepEqual(await slow.commit(), { outcome: 'ended' })
  t.is(await read(site, cookie), undefined)
})

test('a logout ends it in both, also for a request that still holds it from the source', async (t) => {
  const site = bench()
  const cookie = await begun(site.sourceBench)
  const [slow, first] = [await open(site, cookie), await open(site, cookie)]
  first.session.set('changed', true)
  await first.commit()
  await (await open(site, cookie)).session.flush()
  slow.session.set('late', true)
  t.deepEqual(await slow.commit(), { outcome: 'ended' })
  t.is(await read(site, cookie), undefined)
  const another = await begun(site.sourceBench)
  await (await open(site, another)).session.flush()
  t.is(await read(site, another), undefined)
})

test('a crash after the step that decides leaves the session in the target, and a logout ends it in both', async (t) => {
  const site = bench()
  const cookie = await begun(site.sourceBench)
  const { session, commit } = await open(site, cookie)
  session.update('n', increment)
  const leaving = site.source.stopAt('delete')
  const committing = commit()
  const goOn = await leaving
  site.source.out = true
  goOn()
  await t.throwsAsync(committing, { instanceOf: StoreUnavailableError })
  site.source.out = false
  t.deepEqual({ ...(await read(site, cookie)) }, { n: 1 })
  await (await open(site, cookie)).session.flush()
  t.is(await read(site.sourceBench, cookie), undefined)
})

test('an outage of either is not a logout', async (t) => {
  for (const side of ['source', 'target'] as const) {
    const site = bench()
    const cookie = await begun(site.sourceBench)
    site[side].out = true
    await t.throwsAsync(site.engine.open(cookie), { instanceOf: StoreUnavailableError })
  }
})

test('a sign-in migrates to a new key and ends the old one', async (t) => {
  const site = bench()
  const cookie = await begun(site.sourceBench)
  const { session, commit } = await open(site, cookie)
  session.set('user', 'ada')
  const committed = await commit('cycle')
  const next = committed.outcome === 'saved' ? (committed.cookie ?? '') : ''
  t.not(next, cookie)
  t.deepEqual({ ...(await read(site, next)) }, { n: 0, user: 'ada' })
  t.is(await read(site, cookie), undefined)
})

test('a session that only the target has is ended, also if a source without forwards never had it', async (t) => {
  const site = bench()
  const sides = { target: storedMigration(site.from), source: storedMigration(site.to) }
  const engine = new MigratingEngine({ ...sides, now: site.now })
  const cookie = await begun({ ...site, engine })
  const opened = await engine.open(cookie)
  t.true(opened.live)
  if (opened.live) t.like(await engine.end(opened.loaded), { outcome: 'ended' })
  t.is(await read({ ...site, engine }, cookie), undefined)
})

test('into a cookie: requests under way still find the session for a minute, and a logout ends that too', async (t) => {
  const site = bench()
  const codec = cookieCodec(sealed, site.now)
  const cookies = new CookieEngine({ codec, expiry: EXPIRY, maxSize: 4096, now: site.now })
  const sides = { target: cookieMigration(cookies), source: storedMigration(site.from) }
  const engine = new MigratingEngine({ ...sides, now: site.now })
  const migrating = { ...site, engine }
  const key = await begun(site.sourceBench, { n: 0 })
  const { session, commit } = await open(migrating, key)
  session.update('n', increment)
  const committed = await commit()
  const cookie = committed.outcome === 'saved' ? (committed.cookie ?? '') : ''
  t.like(await read(migrating, cookie), { n: 1 })
  t.like(await read(migrating, key), { n: 0 })
  site.clock.now = START + 60_000
  t.is(await read(migrating, key), undefined)
  t.like(await read(migrating, cookie), { n: 1 })
  site.clock.now = START
  await (await open(migrating, cookie)).session.flush()
  t.is(await read(migrating, key), undefined)
})

test('out of a cookie: the session gets a key', async (t) => {
  const site = bench()
  const codec = cookieCodec(sealed, site.now)
  const cookies = new CookieEngine({ codec, expiry: EXPIRY, maxSize: 4096, now: site.now })
  const migrating = {
    ...site,
    engine: new MigratingEngine({ target: storedMigration(site.to), source: cookieMigration(cookies), now: site.now }),
  }
  const cookie = await begun({ ...site, engine: cookies }, { n: 0 })
  const { session, commit } = await open(migrating, cookie)
  session.update('n', increment)
  const committed = await commit()
  t.deepEqual({ ...(await read(migrating, committed.outcome === 'saved' ? (committed.cookie ?? '') : '')) }, { n: 1 })
})

test('the end of all sessions reaches one that migrates into a cookie meanwhile', async (t) => {
  const site = bench()
  const codec = cookieCodec(sealed, site.now)
  const revocations = new MemoryRevocations({ now: site.now })
  const cookies = new CookieEngine({ codec, expiry: EXPIRY, maxSize: 4096, revocations, now: site.now })
  const migrating = {
    ...site,
    engine: new MigratingEngine({
      target: cookieMigration(cookies),
      source: storedMigration(site.from),
      now: site.now,
    }),
  }
  const key = await begun(site.sourceBench, { [USER_KEY]: '7' })
  const { session, commit } = await open(migrating, key)
  session.set('changed', true)
  const arrived = site.source.stopAt('endByUser')
  const ending = migrating.engine.endUser('7')
  const goOn = await arrived
  const committed = await commit()
  goOn()
  await ending
  t.is(await read(migrating, committed.outcome === 'saved' ? (committed.cookie ?? '') : ''), undefined)
})

test('ending all sessions includes the target even if the source does not know its users', async (t) => {
  const site = bench()
  const codec = cookieCodec(sealed, site.now)
  const cookies = new CookieEngine({ codec, expiry: EXPIRY, maxSize: 4096, now: site.now })
  const migrating = {
    ...site,
    engine: new MigratingEngine({ target: storedMigration(site.to), source: cookieMigration(cookies), now: site.now }),
  }
  const cookie = await begun(site.targetBench, { [USER_KEY]: '7' })
  await t.throwsAsync(migrating.engine.endUser('7'), { instanceOf: NotSupportedError })
  t.is(await read(migrating, cookie), undefined)
})

test('a cookie unknown to both is an unknown key, and one that fits neither is malformed', async (t) => {
  const site = bench()
  t.deepEqual(await site.engine.open('a'.repeat(32)), { live: false, suspicion: 'unknown-key' })
  t.deepEqual(await site.engine.open('nonsense'), { live: false, suspicion: 'malformed-cookie' })
})
