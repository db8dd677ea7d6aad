import { randomBytes } from 'node:crypto'
import test, { type ExecutionContext } from 'ava'
import { CookieJar } from 'tough-cookie'
import { startApp, TEST_SECRET } from '../../support/app.ts'
import { migratedSqlite } from '../../support/databases.ts'
import { startProcess, TYPESCRIPT } from '../../support/processes.ts'
import { serviceUrl } from '../../support/services.ts'
import { signIn } from '../account/steps.ts'

const redis = serviceUrl('redis')

/** The same site after each of its deploys, and one browser that comes back every time. */
async function site(t: ExecutionContext, CACHE_URL: string) {
  const settings = {
    DATABASE_URL: await migratedSqlite(t),
    CACHE_URL,
    CACHE_KEY_PREFIX: `migrating-${randomBytes(4).toString('hex')}`,
  }
  const jar = new CookieJar()
  const quantities: number[] = []
  return {
    quantities,
    /** Deploys with these settings, and visits: one more in the cart. */
    async visit(env: Record<string, string>, entering = false) {
      const app = await startApp({ ...settings, ...env })
      const browser = app.browser(jar)
      if (entering) t.is((await signIn(browser, 'ada')).status, 303)
      t.is((await browser.json('GET', '/account')).status, 200, `signed in under ${JSON.stringify(env)}`)
      // As a form, because the message that it leaves is a change of the session, with which it migrates; the cart is the account's.
      t.is((await browser.post('/cart/items', { productId: '1', quantity: '1' })).status, 303)
      const cart = (await browser.json('GET', '/cart')).json<{ lines: { quantity: number }[] }>()
      quantities.push(cart.lines[0]?.quantity ?? 0)
      t.is((await browser.json('GET', '/account')).status, 200)
      await app.close()
    },
    async stats(env: Record<string, string>) {
      const cli = startProcess([TYPESCRIPT, 'scripts/sessions.ts', 'stats', '--json'], {
        env: { ...settings, ...env, NODE_ENV: 'test', SECRET_KEY: TEST_SECRET, LOG_LEVEL: 'silent' },
      })
      t.is(await cli.ended(), 0, cli.output())
      return JSON.parse(cli.output()) as { live: number; migratingFrom?: { engine: string; left: number | null } }
    },
    async end(env: Record<string, string>) {
      const app = await startApp({ ...settings, ...env })
      const browser = app.browser(jar)
      const copy = await browser.cookie()
      t.is((await browser.json('POST', '/logout')).status, 200)
      t.is((await app.browser().get('/account', { cookie: copy, accept: 'application/json' })).status, 401)
      await app.close()
    },
  }
}

if (redis !== undefined) {
  test('db to cached_db to cache to signed_cookies and back: one browser stays signed in, and loses nothing', async (t) => {
    const { visit, quantities, end } = await site(t, redis)
    await visit({ SESSION_ENGINE: 'db' }, true)
    await visit({ SESSION_ENGINE: 'cached_db', SESSION_MOVING_FROM: 'db' })
    await visit({ SESSION_ENGINE: 'cache', SESSION_MOVING_FROM: 'cached_db' })
    await visit({ SESSION_ENGINE: 'cache' })
    await visit({ SESSION_ENGINE: 'signed_cookies', SESSION_MOVING_FROM: 'cache' })
    await visit({ SESSION_ENGINE: 'signed_cookies' })
    await visit({ SESSION_ENGINE: 'hybrid', SESSION_MOVING_FROM: 'signed_cookies' })
    await visit({ SESSION_ENGINE: 'db', SESSION_MOVING_FROM: 'hybrid' })
    await visit({ SESSION_ENGINE: 'db', SESSION_FORMAT: 'django', SESSION_MOVING_FROM: 'db,sealed' })
    await visit({ SESSION_ENGINE: 'db', SESSION_FORMAT: 'django' })
    t.deepEqual(quantities, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
    await end({ SESSION_ENGINE: 'db', SESSION_FORMAT: 'django', SESSION_MOVING_FROM: 'db,sealed' })
  })

  test('a logout while migrating out of cookies ends the cookie as well', async (t) => {
    const { visit, end } = await site(t, redis)
    await visit({ SESSION_ENGINE: 'signed_cookies' }, true)
    await end({ SESSION_ENGINE: 'db', SESSION_MOVING_FROM: 'signed_cookies' })
  })

  test('between hybrid and the database whose table it shares, a new key migrates the session', async (t) => {
    const { visit, quantities, end } = await site(t, redis)
    const large = { SESSION_HYBRID_LIMIT: '256' }
    await visit({ SESSION_ENGINE: 'db' }, true)
    await visit({ ...large, SESSION_ENGINE: 'hybrid', SESSION_MOVING_FROM: 'db' }, true)
    await visit({ ...large, SESSION_ENGINE: 'hybrid' })
    await visit({ ...large, SESSION_ENGINE: 'db', SESSION_MOVING_FROM: 'hybrid' }, true)
    await visit({ SESSION_ENGINE: 'cached_db' })
    t.deepEqual(quantities, [1, 2, 3, 4, 5])
    await end({ SESSION_ENGINE: 'cached_db' })
  })

  test('stats shows how many sessions are left to migrate', async (t) => {
    const { visit, stats } = await site(t, redis)
    await visit({ SESSION_ENGINE: 'db' }, true)
    const migrating = { SESSION_ENGINE: 'db', SESSION_FORMAT: 'django', SESSION_MOVING_FROM: 'db,sealed' }
    t.like(await stats(migrating), { live: 0, migratingFrom: { engine: 'db', left: 1 } })
    await visit(migrating)
    t.like(await stats(migrating), { live: 1, migratingFrom: { engine: 'db', left: 0 } })
  })
}
