import { randomBytes } from 'node:crypto'
import test from 'ava'
import { sealedPrefixes } from '../../src/session/codec/sealed/sealed.ts'
import type { Secrets } from '../../src/session/codec/secrets.ts'
import { has } from '../storage/present.ts'
import { SECRET_KEY, sessionsCli } from './sessions-cli.ts'

const NEW = 'Zt8w2MvN5qX1rJ7yL4bD9sF3hK6cG0pE'

if (has('sealed', 'db')) {
  test.serial('stats and doctor say when no session needs an older secret', async (t) => {
    const { run, knex } = await sessionsCli(t)
    const env = { SECRET_KEY: NEW, SECRET_KEY_FALLBACKS: SECRET_KEY }
    const soon = Date.now() + 1e9
    const row = { version: 1, expires: soon, created_at: 1, last_activity: 1, session_id: 'a' }
    const data = (secrets: Secrets) => `${sealedPrefixes(secrets)[0]}${randomBytes(30).toString('base64url')}`
    await knex('sessions').insert([
      { ...row, session_key: 'new', data: data([NEW]) },
      { ...row, session_key: 'old', data: data([SECRET_KEY]) },
      // Written by an older version.
      { ...row, session_key: 'older', data: `AQ${randomBytes(30).toString('base64url')}` },
      { ...row, session_key: 'expired', data: data([SECRET_KEY]), expires: 1 },
      { ...row, session_key: 'forward', data: data([SECRET_KEY]), session_id: '' },
    ])
    t.false((await run(['stats'])).output.includes('SECRET_KEY'))
    t.regex((await run(['stats'], env)).output, /2 sessions still need SECRET_KEY_FALLBACKS/)
    t.like(JSON.parse((await run(['stats', '--json'], env)).output), { needOlderSecrets: 2 })
    t.regex((await run(['doctor'], env)).output, /ok +keys +2 sessions still need SECRET_KEY_FALLBACKS/)
    await knex('sessions').whereIn('session_key', ['old', 'older']).delete()
    t.regex((await run(['stats'], env)).output, /No session needs SECRET_KEY_FALLBACKS: remove the old secret/)
    t.regex((await run(['doctor'], env)).output, /warn +keys +No session in the table needs SECRET_KEY_FALLBACKS/)
  })
}

if (has('signed_cookies')) {
  test.serial('where sessions cannot be counted, stats says for how long the old secret is needed', async (t) => {
    const { run } = await sessionsCli(t)
    const env = { SESSION_ENGINE: 'signed_cookies', SECRET_KEY: NEW, SECRET_KEY_FALLBACKS: SECRET_KEY }
    const { code, output } = await run(['stats'], env)
    t.is(code, 0)
    t.regex(output, /when every process has had the new SECRET_KEY for 14 days \(SESSION_COOKIE_AGE\)/)
  })
}

if (has('db', 'cached_db', 'memory', 'sealed', 'migrating')) {
  test.serial('stats and doctor say which step of a migration is safe', async (t) => {
    const { run, knex } = await sessionsCli(t)
    const other = await sessionsCli(t)
    const row = { data: 'x', version: 1, expires: Date.now() + 1e9, created_at: 1, last_activity: 1, session_id: 'a' }
    await knex('sessions').insert({ ...row, session_key: 'a' })
    const to = { SESSION_MOVING_TO: 'db', SESSION_MOVING_DATABASE_URL: other.url }
    t.like(JSON.parse((await run(['stats', '--json'], to)).output), { live: 1, migratingTo: { engine: 'db', left: 0 } })
    t.regex(
      (await run(['stats'], to)).output,
      /also found in db, 0 there by now: when every process has SESSION_MOVING_TO/,
    )
    t.regex((await run(['doctor'], to)).output, /warn +migration +Sessions are found in db as well/)
    // As seen from the new database.
    const from = { SESSION_MOVING_FROM: 'db', SESSION_MOVING_DATABASE_URL: other.url }
    t.regex((await run(['stats'], from)).output, /Nothing is left in db: remove SESSION_MOVING_FROM/)
    t.regex((await run(['doctor'], from)).output, /warn +migration +Nothing is left in db/)
    await other.knex('sessions').insert({ ...row, session_key: 'b' })
    t.regex((await run(['doctor'], from)).output, /ok +migration +1 sessions are left in db/)
  })
}
