import test, { type ExecutionContext } from 'ava'
import { readConfig } from '../../src/config.ts'
import { openServices } from '../../src/services.ts'
import { emptyData, type Json } from '../../src/session/core/data.ts'
import { Operations } from '../../src/session/core/operations.ts'
import { has, isPossible } from '../storage/present.ts'
import { SECRET_KEY, sessionsCli } from './sessions-cli.ts'

/** Begins a session as the application would, and returns its cookie. */
async function begin(t: ExecutionContext, env: Record<string, string>, values: Record<string, Json>): Promise<string> {
  const services = await openServices(
    readConfig({ NODE_ENV: 'test', SECRET_KEY, LOG_LEVEL: 'silent', SESSION_STORE_TIMEOUT: '10000', ...env }),
  )
  t.teardown(() => services.close())
  const data = Object.assign(emptyData(), values)
  const client = { ipAddress: null, userAgent: null }
  const commit = {
    write: 'create',
    loaded: undefined,
    data,
    changes: new Operations(),
    client,
    restartClock: true,
  } as const
  const committed = await services.engine.commit(commit)
  if (committed.outcome !== 'saved' || committed.cookie === undefined) throw new Error('the session was not begun')
  return committed.cookie
}

const VALUES = {
  _auth_user_id: '42',
  theme: 'dark',
  visits: 3,
  csrfToken: 'a-token-nobody-may-see',
  wizard: { step: 2, password: 'a-password-nobody-may-see' },
  _session_moved_from: 'abcdefghijklmnopqrstuvwxyz012345',
}

test.serial('show decodes a session of a table, and hides what looks like a secret', async (t) => {
  const { run, url, knex } = await sessionsCli(t)
  const cookie = await begin(t, { DATABASE_URL: url }, VALUES)
  const before = await knex('sessions').first()
  const { code, output } = await run(['show', cookie, '--json'])
  t.is(code, 0)
  const shown = JSON.parse(output)
  t.like(shown, { engine: 'db', stored: 'on the server', user: '42', keys: 6 })
  t.deepEqual(shown.data, {
    _auth_user_id: '42',
    theme: 'dark',
    visits: 3,
    csrfToken: '(hidden)',
    wizard: { step: 2, password: '(hidden)' },
    _session_moved_from: '(hidden)',
  })
  t.is(shown.createdAt, new Date(before.created_at).toISOString())
  t.is(shown.expires, new Date(before.expires).toISOString())
  t.is(shown.bytes, Buffer.byteLength(JSON.stringify(VALUES)))
  t.deepEqual(await knex('sessions').first(), before, 'looking is no activity')

  const revealed = (await run(['show', `sessionid=${cookie}`, '--reveal'])).output
  t.regex(revealed, /a-token-nobody-may-see[\s\S]*a-password-nobody-may-see/)
  t.regex(revealed, /user +42/)
  for (const text of [output, revealed]) {
    t.false(text.includes(cookie))
    t.false(text.includes(VALUES._session_moved_from), 'a key of the same session is never shown')
  }
})

if (has('signed_cookies')) {
  test.serial('show reads the cookie from standard input, and escapes control characters', async (t) => {
    const { run, url } = await sessionsCli(t)
    const env = { DATABASE_URL: url, SESSION_ENGINE: 'signed_cookies' }
    const cookie = await begin(t, env, { name: '\u001b[2J\u009b31m\u202e!' })
    const { code, output } = await run(['show', '-'], env, `${cookie}\n`)
    t.is(code, 0)
    t.regex(output, /engine +signed_cookies\nstored +in the cookie\nuser +anonymous/)
    t.true(output.includes('"name": "\\u001b[2J\\u009b31m\\u202e!"'))
  })
}

test.serial('a cookie without a session is exit 1 with the reason; no cookie is a usage error', async (t) => {
  const { run, url, knex } = await sessionsCli(t)
  const cookie = await begin(t, { DATABASE_URL: url }, VALUES)
  const cases: [args: string[], env: Record<string, string>, code: number, pattern: RegExp][] = [
    [['show', 'x'.repeat(32)], {}, 1, /no session has this key/],
    [['show', 'nonsense!'], {}, 1, /does not have the format/],
    [['show', cookie], { SECRET_KEY: `another ${SECRET_KEY}` }, 1, /no session has this key|cannot be decoded/],
    [['show', 'nonsense'], { SESSION_ENGINE: 'signed_cookies' }, 1, /cannot be decoded/],
    [['show'], {}, 2, /missing required argument/],
    [['show', ' '], {}, 2, /cookie is missing/],
  ]
  for (const [args, env, expected, pattern] of cases.filter(([, env]) => isPossible(env))) {
    const { code, output } = await run(args, env)
    t.is(code, expected, output)
    t.regex(output, pattern)
    t.is(output.split('\n').length, 1)
    t.false(output.includes(cookie))
  }
  await knex('sessions').update({ expires: Date.now() - 1 })
  t.is((await run(['show', cookie])).code, 1)
})
