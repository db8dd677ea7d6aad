import test from 'ava'
import { openDatabase } from '../../src/database.ts'
import { has, testOn } from '../storage/present.ts'
import { migratedSqlite } from '../support/databases.ts'
import { EVERY_SETTING } from '../support/every-setting.ts'
import { appWithNotes, isSignedIn, NOTES, note, notesOf, signIn, signOut } from '../support/notes-steps.ts'

for (const [name, env] of Object.entries(EVERY_SETTING)) {
  testOn(env)(
    `the application on ${name}: a sign-in with its data, and a sign-out that no copy outlives`,
    async (t) => {
      const app = await appWithNotes(t, env)
      const browser = app.browser()
      await note(browser, 'milk')
      await signIn(browser, 'ada')
      t.true(await isSignedIn(browser))
      t.deepEqual(await notesOf(browser), { milk: 1 })
      const cookie = await browser.cookie()
      t.is((await signOut(browser)).status, 200)
      t.is((await app.browser().get('/notes/user', { cookie, accept: 'application/json' })).status, 401)
    },
  )
}

if (has('db', 'sealed')) {
  test('sessions in a separate database', async (t) => {
    const url = await migratedSqlite(t)
    const app = await appWithNotes(t, { SESSION_DATABASE_URL: url })
    await signIn(app.browser(), 'ada')
    const knex = openDatabase(url)
    t.teardown(() => knex.destroy())
    t.is((await knex('sessions').where({ user_id: '1' })).length, 1)
    t.is((await app.services.knex('sessions').select()).length, 0)
    t.is((await app.browser().json('GET', '/readyz')).status, 200)
  })
}

if (has('db', 'sealed')) {
  test('the stored address is the one that the nearest trusted proxy saw (ASVS 15.3.4)', async (t) => {
    const addressBehind = async (proxies: string, forwarded: string) => {
      const app = await appWithNotes(t, { TRUSTED_PROXIES: proxies })
      await app.browser().post(NOTES, { name: 'milk' }, { 'x-forwarded-for': forwarded })
      const [row] = await app.services.knex('sessions').select('ip_address')
      return row.ip_address
    }
    t.is(await addressBehind('0', '203.0.113.9'), '127.0.0.1')
    t.is(await addressBehind('1', '203.0.113.9'), '203.0.113.9')
    t.is(await addressBehind('1', '<script>, 198.51.100.1, 203.0.113.9'), '203.0.113.9')
    t.is(await addressBehind('1', '203.0.113.9, <script>'), '127.0.0.1')
    t.is(await addressBehind('2', '6.6.6.6, 203.0.113.9, 10.0.0.1'), '203.0.113.9')
  })
}

test('a client that sends JSON gets JSON, whatever it accepts', async (t) => {
  const app = await appWithNotes(t)
  const answer = await fetch(`${app.origin}${NOTES}`, {
    method: 'POST',
    body: '{"name":""}',
    headers: { 'content-type': 'application/json' },
  })
  t.is(answer.status, 422)
  t.deepEqual(Object.keys((await answer.json()) as object), ['errors'])
})
