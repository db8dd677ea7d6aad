import type { ExecutionContext } from 'ava'
import { StoredEngine } from '../../src/session/engines/stored.ts'
import type { TestedEngine } from '../storage/set-ups.ts'
import type { Deployment, Pages } from './deployment.ts'
import { visitor } from './endings.ts'
import { arrive, type RegisterScenario, scenariosOn } from './support.ts'

const ANONYMOUS = [null, null]
const SIGNED_IN = ['begun', '7']

const pages: Pages = {
  '/rotate': (session) => session.cycleKey(),
  /** The cache is full, and what the key in the address leads to has to go. */
  '/evict': async (_session, ctx, { engine, cache, config, sessionKnex }) => {
    if (!(engine instanceof StoredEngine) || cache === undefined) throw new Error('There is no cache')
    const { CACHE_KEY_PREFIX: prefix, CACHE_VERSION: version } = config.values
    const name = engine.codec.storeKey(String(ctx.query['key']))
    const epochs = await sessionKnex<{ epoch: string }>('session_epochs').pluck('epoch')
    const kinds = ['', ...epochs.map((epoch) => `copy:${epoch}:`)]
    const evict = () => Promise.all(kinds.map((kind) => cache.delete(`${prefix}:${version}:${kind}${name}`)))
    const evicted = await evict()
    if (evicted.includes('done')) return evicted
    // A read copies it first.
    await engine.store.load(name)
    return await evict()
  },
}

/** A signed-in visitor whose key was changed, with a request under way; the cache has lost what leads to the new one. */
async function evicted(t: ExecutionContext, deployment: Deployment) {
  const setup = await visitor(t, deployment, pages)
  const { here, browser, elsewhere, arrived } = setup
  await browser.get('/sign-in')
  const old = await browser.cookie()
  const slow = elsewhere.get('/slow', { cookie: old })
  await Promise.race([arrived, slow])
  t.is((await browser.get('/rotate')).status, 200)
  const gone = await here.browser().get(`/evict?key=${old.slice(old.indexOf('=') + 1)}`)
  t.true(gone.json<string[]>().includes('done'))
  return { ...setup, old, slow }
}

/** What happens when a cache evicts where an old key leads; other engines among these have none. */
export function evictions(engines: readonly TestedEngine[]): void {
  const onEngine = (wanted: string) => engines.filter(({ env }) => env['SESSION_ENGINE'] === wanted)
  const [alone, inFront] = [onEngine('cache'), onEngine('cached_db')]
  evictionsFromCache(scenariosOn(alone))
  evictionsInFront(scenariosOn([...inFront, ...behind([...alone, ...inFront])]))
}

/** A cache alone. */
function evictionsFromCache(scenario: RegisterScenario): void {
  scenario(
    'a cache evicts a forward: the old key is anonymous, late responses set no cookie, the session is intact',
    async (t, deployment) => {
      const { browser, elsewhere, open, old, slow } = await evicted(t, deployment)
      const read = await elsewhere.get('/read', { cookie: old })
      t.deepEqual([read.json(), read.headers.getSetCookie()], [ANONYMOUS, []])
      open()
      const late = await slow
      t.deepEqual([late.status, late.headers.getSetCookie()], [409, []])
      t.deepEqual((await browser.get('/read')).json(), SIGNED_IN)
      await browser.get('/change')
      t.deepEqual((await elsewhere.get('/read', { cookie: await browser.cookie() })).json(), ['changed', '7'])
    },
  )

  scenario(
    'a cache evicts a forward: a late change and a late logout reach the session',
    async (t) => t.fail('No cache alone can do that'),
    {
      async evictedForward(t, deployment) {
        const { browser, elsewhere, opens, open, old, slow } = await evicted(t, deployment)
        open()
        await slow
        const cookie = await browser.cookie()
        t.is((await elsewhere.get('/end', { cookie: old })).status, 200)
        t.true(await opens(cookie), 'that logout has ended nothing')
        const changed = await elsewhere.get('/change', { cookie: old })
        t.is(changed.status, 200)
        t.deepEqual((await browser.get('/read')).json(), SIGNED_IN, 'until that answer arrives')
        await arrive(browser, changed)
        t.deepEqual((await browser.get('/read')).json(), ['changed', null])
      },
    },
  )
}

/** The same caches, with a database in which sessions are saved first. */
function behind(engines: readonly TestedEngine[]): readonly TestedEngine[] {
  return engines.map(({ name, env, ...rest }) => ({
    ...rest,
    name: `${name}, with the database behind`,
    env: { ...env, CACHE_FALLBACK: 'db' },
  }))
}

/** A cache in front of a database, which has the forward too. */
function evictionsInFront(scenario: RegisterScenario): void {
  scenario('a cache evicts a forward that the database has: no effect', async (t, deployment) => {
    const { browser, elsewhere, opens, open, old, slow } = await evicted(t, deployment)
    const read = await elsewhere.get('/read', { cookie: old })
    t.deepEqual([read.json(), read.headers.getSetCookie()], [SIGNED_IN, []])
    open()
    const late = await slow
    t.deepEqual([late.status, late.headers.getSetCookie()], [200, []])
    t.deepEqual((await browser.get('/read')).json(), ['slow', '7'])
    t.is((await elsewhere.get('/end', { cookie: old })).status, 200)
    for (const cookie of [old, await browser.cookie()]) t.false(await opens(cookie))
  })

  scenario(
    'a cache evicts a forward, and then its successor: both are read from the database',
    async (t, deployment) => {
      const { here, browser, elsewhere, open, old, slow } = await evicted(t, deployment)
      open()
      t.is((await slow).status, 200)
      const cookie = await browser.cookie()
      await here.browser().get(`/evict?key=${cookie.slice(cookie.indexOf('=') + 1)}`)
      t.deepEqual((await elsewhere.get('/read', { cookie })).json(), ['slow', '7'])
      t.deepEqual((await elsewhere.get('/read', { cookie: old })).json(), SIGNED_IN, 'as it was when the key changed')
    },
  )
}
