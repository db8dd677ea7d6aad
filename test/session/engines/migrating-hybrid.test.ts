import test from 'ava'
import { USER_KEY } from '../../../src/session/core/user.ts'
import { CookieEngine } from '../../../src/session/engines/cookie/cookie.ts'
import { HybridEngine } from '../../../src/session/engines/hybrid/hybrid.ts'
import { cookieMigration } from '../../../src/session/engines/migrating/cookie-migration.ts'
import { hybridMigration } from '../../../src/session/engines/migrating/hybrid-migration.ts'
import { MigratingEngine } from '../../../src/session/engines/migrating/migrating.ts'
import { storedMigration } from '../../../src/session/engines/migrating/stored-migration.ts'
import { MemoryStore } from '../../../src/session/stores/memory.ts'
import { MemoryRevocations } from '../../../src/session/stores/revocations.ts'
import { EXPIRY, START } from '../../support/engine.ts'
import { codecIn, storedIn } from '../../support/migratable.ts'
import { bench, ENGINES, noise } from '../../support/migrating.ts'
import { begun, open, read } from '../../support/requests.ts'

for (const from of Object.keys(ENGINES).filter((name) => name.startsWith('signed_cookies'))) {
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

test('the source does not restore a session that was ended in the target', async (t) => {
  const now = () => START
  const revocations = new MemoryRevocations({ now })
  const half = storedIn(new MemoryStore({ now }), now)
  // One key for both, as where an application has chosen it so.
  const codec = codecIn(now)
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
  const stored = storedIn(new MemoryStore({ now }), now)
  const hybrid = new HybridEngine({ codec: codecIn(now), stored, revocations, expiry: EXPIRY, limit: 1000, now })
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
  const stored = storedIn(new MemoryStore({ now }), now)
  const hybrid = new HybridEngine({ codec: codecIn(now), stored, revocations, expiry: EXPIRY, limit: 1000, now })
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
