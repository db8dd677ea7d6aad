import test from 'ava'
import { openDatabase } from '../../src/database.ts'
import { changePassword, isSignedIn, signIn, signOut } from '../features/account/steps.ts'
import { has, isPossible } from '../storage/present.ts'
import { startApp } from '../support/app.ts'
import { migratedSqlite } from '../support/databases.ts'

/** What every setting must keep working: a sign-in, a new password that ends it elsewhere, a sign-out. */
const SETTINGS: Record<string, Record<string, string>> = {
  'the defaults': {},
  'Django format': { SESSION_FORMAT: 'django' },
  'Django format with an absolute age': { SESSION_FORMAT: 'django', SESSION_ABSOLUTE_AGE: '3600' },
  MessagePack: { SESSION_SERIALIZER: 'msgpack' },
  'until the browser closes': { SESSION_EXPIRE_AT_BROWSER_CLOSE: 'true' },
  'save every request': { SESSION_SAVE_EVERY_REQUEST: 'true' },
  'idle and absolute age': { SESSION_IDLE_AGE: '600', SESSION_ABSOLUTE_AGE: '3600' },
  'another cookie name': { SESSION_COOKIE_NAME: 'sid' },
}

for (const [name, env] of Object.entries(SETTINGS)) {
  if (!isPossible(env)) continue
  test(`the application on ${name}`, async (t) => {
    const app = await startApp(env)
    t.teardown(() => app.close())
    const [here, there] = [app.browser(), app.browser()]
    await signIn(here, 'ada')
    await signIn(there, 'ada')
    t.is((await changePassword(here, 'ada-demo-password', 'something quite new')).status, 200)
    t.deepEqual([await isSignedIn(there), await isSignedIn(here)], [false, true])
    const cookie = await here.cookie()
    t.is((await signOut(here)).status, 303)
    t.is((await app.browser().get('/account', { cookie, accept: 'application/json' })).status, 401)
  })
}

if (has('db', 'sealed')) {
  test('sessions in a separate database', async (t) => {
    const url = await migratedSqlite(t)
    const app = await startApp({ SESSION_DATABASE_URL: url })
    t.teardown(() => app.close())
    await signIn(app.browser(), 'ada')
    const knex = openDatabase(url)
    t.teardown(() => knex.destroy())
    t.is((await knex('sessions').where({ user_id: '1' })).length, 1)
    t.is((await app.services.knex('sessions').select()).length, 0)
    t.is((await app.browser().json('GET', '/readyz')).status, 200)
  })
}

if (has('db', 'sealed')) {
  test('the stored address is the one that the nearest trusted proxy saw', async (t) => {
    const addressBehind = async (proxies: string, forwarded: string) => {
      const app = await startApp({ TRUSTED_PROXIES: proxies })
      try {
        await fetch(`${app.origin}/login`, {
          method: 'POST',
          body: '{"username":"ada","password":"ada-demo-password"}',
          headers: { 'content-type': 'application/json', 'x-forwarded-for': forwarded },
        })
        const [row] = await app.services.knex('sessions').select('ip_address')
        return row.ip_address
      } finally {
        await app.close()
      }
    }
    t.is(await addressBehind('0', '203.0.113.9'), '127.0.0.1')
    t.is(await addressBehind('1', '203.0.113.9'), '203.0.113.9')
    t.is(await addressBehind('1', '<script>, 198.51.100.1, 203.0.113.9'), '203.0.113.9')
    t.is(await addressBehind('1', '203.0.113.9, <script>'), '127.0.0.1')
    t.is(await addressBehind('2', '6.6.6.6, 203.0.113.9, 10.0.0.1'), '203.0.113.9')
  })
}

test('a client that sends JSON gets JSON, whatever it accepts', async (t) => {
  const app = await startApp()
  t.teardown(() => app.close())
  const answer = await fetch(`${app.origin}/login`, {
    method: 'POST',
    body: '{"username":""}',
    headers: { 'content-type': 'application/json' },
  })
  t.is(answer.status, 422)
  t.deepEqual(Object.keys((await answer.json()) as object), ['errors'])
})
