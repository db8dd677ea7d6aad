import test from 'ava'
import { isPossible } from '../storage/present.ts'
import { startApp } from '../support/app.ts'
import { migratedSqlite } from '../support/databases.ts'

for (const env of [
  { SESSION_ENGINE: 'signed_cookies' },
  { SESSION_ENGINE: 'file', SESSION_MOVING_FROM: 'db' },
  { SESSION_ENGINE: 'file', SESSION_MOVING_FROM: 'signed_cookies' },
].filter(isPossible)) {
  test(`not ready while a store of sessions is down: ${Object.values(env).join(', migrating from ')}`, async (t) => {
    const app = await startApp({ ...env, SESSION_DATABASE_URL: await migratedSqlite(t) })
    const ready = async () => (await app.browser().json('GET', '/readyz')).json()
    t.deepEqual(await ready(), { status: 'ok', database: 'ok', sessions: 'ok' })
    await app.services.sessionKnex.destroy()
    t.deepEqual(await ready(), { status: 'unavailable', database: 'ok', sessions: 'unavailable' })
    await app.close()
  })
}

test('/healthz and /readyz respond with 200 while all is well', async (t) => {
  const app = await startApp()
  t.teardown(() => app.close())
  t.is((await fetch(`${app.origin}/healthz`)).status, 200)
  t.like((await app.browser().json('GET', '/readyz')).json(), { status: 'ok', sessions: 'ok' })
})
