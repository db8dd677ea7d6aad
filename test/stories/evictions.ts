import type { ExecutionContext } from 'ava'
import { StoredEngine } from '../../src/session/engines/stored.ts'
import type { StoryEngine } from '../storage/set-ups.ts'
import { visitor } from './endings.ts'
import type { Pages, Place } from './place.ts'
import { arrive, storiesOn, type Tell } from './support.ts'

const ANONYMOUS = [null, null]
const SIGNED_IN = ['begun', '7']

const pages: Pages = {
  '/rotate': (session) => session.cycleKey(),
  /** The cache is full, and what the key in the address leads to has to go. */
  '/evict': async (_session, ctx, { engine, cache, config }) => {
    if (!(engine instanceof StoredEngine) || cache === undefined) throw new Error('There is no cache')
    const { CACHE_KEY_PREFIX: prefix, CACHE_VERSION: version } = config.values
    const name = engine.codec.storeKey(String(ctx.query['key']))
    const evicted = ['', 'copy:'].map((kind) => cache.delete(`${prefix}:${version}:${kind}${name}`))
    return await Promise.all(evicted)
  },
}

/** A signed-in visitor whose key was changed, with a request under way; the cache has lost what leads to the new one. */
async function evicted(t: ExecutionContext, place: Place) {
  const told = await visitor(t, place, pages)
  const { here, browser, elsewhere, arrived } = told
  await browser.get('/sign-in')
  const old = await browser.cookie()
  const slow = elsewhere.get('/slow', { cookie: old })
  await Promise.race([arrived, slow])
  t.is((await browser.get('/rotate')).status, 200)
  const gone = await here.browser().get(`/evict?key=${old.slice(old.indexOf('=') + 1)}`)
  t.true(gone.json<string[]>().includes('done'))
  return { ...told, old, slow }
}

/** What happens when a cache evicts where an old key leads; other engines among these have none. */
export function evictions(engines: readonly StoryEngine[]): void {
  const onEngine = (wanted: string) => engines.filter(({ env }) => env['SESSION_ENGINE'] === wanted)
  const [alone, inFront] = [onEngine('cache'), onEngine('cached_db')]
  evictionsFromCache(storiesOn(alone))
  evictionsInFront(storiesOn([...inFront, ...behind([...alone, ...inFront])]))
}

/** A cache alone. */
function evictionsFromCache(tell: Tell): void {
  tell(
    'a cache evicts a forward: the old key is anonymous, late answers set no cookie, the session is whole',
    async (t, place) => {
      const { browser, elsewhere, open, old, slow } = await evicted(t, place)
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

  tell(
    'a cache evicts a forward: a late change and a late logout reach the session',
    async (t) => t.fail('No cache alone can do that'),
    {
      async evictedForward(t, place) {
        const { browser, elsewhere, opens, open, old, slow } = await evicted(t, place)
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

/** The same caches, with a database that follows a moment later. */
function behind(engines: readonly StoryEngine[]): readonly StoryEngine[] {
  return engines.map(({ name, env, ...rest }) => ({
    ...rest,
    name: `${name}, with the database behind`,
    env: { ...env, CACHE_FALLBACK: 'db', SESSION_CACHE_STRATEGY: 'write_behind' },
  }))
}

/** A cache in front of a database, which has the forward too. */
function evictionsInFront(tell: Tell): void {
  tell('a cache evicts a forward that a database has: nothing has happened', async (t, place) => {
    const { browser, elsewhere, opens, open, old, slow } = await evicted(t, place)
    const read = await elsewhere.get('/read', { cookie: old })
    t.deepEqual([read.json(), read.headers.getSetCookie()], [SIGNED_IN, []])
    open()
    const late = await slow
    t.deepEqual([late.status, late.headers.getSetCookie()], [200, []])
    t.deepEqual((await browser.get('/read')).json(), ['slow', '7'])
    t.is((await elsewhere.get('/end', { cookie: old })).status, 200)
    for (const cookie of [old, await browser.cookie()]) t.false(await opens(cookie))
  })

  tell('a cache evicts a forward, and then what it leads to: both come from the database', async (t, place) => {
    const { here, browser, elsewhere, open, old, slow } = await evicted(t, place)
    open()
    t.is((await slow).status, 200)
    const cookie = await browser.cookie()
    await here.browser().get(`/evict?key=${cookie.slice(cookie.indexOf('=') + 1)}`)
    t.deepEqual((await elsewhere.get('/read', { cookie })).json(), ['slow', '7'])
    t.deepEqual((await elsewhere.get('/read', { cookie: old })).json(), SIGNED_IN, 'as it was when the key changed')
  })
}
