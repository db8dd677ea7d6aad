import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { examine } from '../../scripts/sessions/doctor.ts'
import { openDatabase } from '../../src/database.ts'
import { seed } from '../../src/seed.ts'
import { clockFinding } from '../../src/storage/finding.ts'
import { has, isPossible } from '../storage/present.ts'
import { migratedSqlite } from '../support/databases.ts'
import { SECRET_KEY, sessionsCli } from './sessions-cli.ts'

interface Found {
  item: string
  state: string
  message: string
  fix?: string
}

/** The findings of one state, as `item: sentence`. */
function told(output: string, state: string): string[] {
  const { findings }: { findings: Found[] } = JSON.parse(output)
  return findings.filter((finding) => finding.state === state).map(({ item, message }) => `${item}: ${message}`)
}

test.serial('doctor reports no failure for a correct installation, and changes nothing', async (t) => {
  const { run, knex } = await sessionsCli(t)
  const before = await knex('sqlite_master').select('name')
  const { code, output } = await run(['doctor'])
  t.is(code, 0, output)
  t.regex(output, /\n0 failed, 0 warnings$/)
  for (const item of ['keys', 'proxy', 'cookie', 'database', 'migrations', 'clocks', 'tables', 'expired']) {
    t.regex(output, new RegExp(`^ok +${item} `, 'm'))
  }
  t.deepEqual(await knex('sqlite_master').select('name'), before)
})

if (has('sealed')) {
  test.serial('doctor finds missing indexes, tables and migrations, and many expired rows', async (t) => {
    const { run, knex } = await sessionsCli(t)
    const row = { data: 'x', version: 1, expires: 1, created_at: 1, last_activity: 1 }
    await knex.batchInsert(
      'sessions',
      Array.from({ length: 1001 }, (_, n) => ({ ...row, session_key: `k${n}` })),
      50,
    )
    await knex.schema.alterTable('sessions', (table) => void table.dropIndex([], 'sessions_user_expires'))
    await knex.schema.dropTable('session_leases')
    await knex('knex_migrations').where('name', 'like', '%leases').delete()
    const { code, output } = await run(['doctor', '--json'], { SESSION_CLEANUP_INTERVAL: '0' })
    t.is(code, 1)
    t.deepEqual(told(output, 'fail'), [
      'migrations: 1 migration has not run.',
      'tables: sessions has no index on user_id, expires: queries on it read the whole table.',
      'tables: The table session_leases is missing.',
    ])
    t.regex(told(output, 'warn').join(), /1001 rows of sessions .* SESSION_CLEANUP_INTERVAL=0/)
    const { findings }: { findings: Found[] } = JSON.parse(output)
    const fixes = findings.flatMap(({ fix }) => fix ?? [])
    t.true(fixes.includes('npm run sessions -- clear'))
    t.true(fixes.includes('npm run migrate'))
    // The printed command fixes it.
    await knex.raw(fixes.find((fix) => fix.startsWith('CREATE INDEX')) ?? '')
    t.false(told((await run(['doctor', '--json'])).output, 'fail').some((line) => line.includes('index')))
  })
}

if (has('cache', 'redis', 'sealed')) {
  test.serial('doctor works if the application cannot start, and prints no secret', async (t) => {
    const { run } = await sessionsCli(t)
    const env = {
      NODE_ENV: 'production',
      SECRET_KEY: 'tooshort-9f8e7d',
      SECRET_KEY_FALLBACKS: 'alsoshort-1a2b3c',
      METRICS_TOKEN: 'metrics-token-4d5e6f',
      SESSION_COOKIE_HTTPONLY: 'perhaps',
      SESSION_ENGINE: 'cache',
      DATABASE_URL: 'postgres://app:pg-pass%2Bword@127.0.0.1:1/app',
      CACHE_URL: 'redis://app:redis-password@127.0.0.1:1',
    }
    for (const args of [['doctor'], ['doctor', '--json']]) {
      const { code, output } = await run(args, env)
      t.is(code, 1)
      t.notRegex(output, /tooshort-9f|alsoshort-1a|metrics-token-4d|pg-pass|redis-password/)
      t.notRegex(output, /\n\s+at /)
    }
    const failed = told((await run(['doctor', '--json'], env)).output, 'fail')
    for (const pattern of [
      /^cookie: SESSION_COOKIE_HTTPONLY is wrong/,
      /^keys: SECRET_KEY is too short/,
      /^database: It cannot be used/,
      /^cache: It does not answer, and has the only records/,
    ]) {
      t.true(
        failed.some((line) => pattern.test(line)),
        `${pattern} in ${failed.join('\n')}`,
      )
    }
  })
}

test.serial('doctor says which files others may open', async (t) => {
  const url = await migratedSqlite(t)
  const file = url.slice('sqlite:'.length)
  const found = async () => {
    const findings = await examine({ NODE_ENV: 'test', SECRET_KEY, DATABASE_URL: url })
    return findings.filter(({ item }) => item === 'files').map(({ state, message }) => `${state} ${message}`)
  }
  t.deepEqual(await found(), ['ok The database and its journals are for their owner only.'])
  await writeFile(`${file}-journal`, '', { mode: 0o600 })
  for (const suffix of ['', '-journal']) await chmod(`${file}${suffix}`, 0o644)
  t.deepEqual(await found(), [
    `warn Other users may open "${file}" (0644).`,
    `warn Other users may open "${file}-journal" (0644).`,
  ])
})

test.serial('doctor checks proxy, cookie, keys and folder', async (t) => {
  const url = await migratedSqlite(t)
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-doctor-'))
  t.teardown(() => rm(folder, { recursive: true }))
  await chmod(folder, 0o777)
  const production = { NODE_ENV: 'production', DATABASE_URL: url }
  const cases: [env: Record<string, string>, state: string, pattern: RegExp][] = [
    [{ SESSION_ENGINE: 'file', SESSION_FILE_PATH: folder }, 'fail', /folder: Everybody may write to .*0777/],
    [
      { SESSION_ENGINE: 'file', SESSION_FILE_PATH: join(url.slice('sqlite:'.length), 'here') },
      'fail',
      /folder: .*cannot be created/,
    ],
    [{ SESSION_COOKIE_SAMESITE: 'None' }, 'fail', /cookie: .*SameSite=None|cookie: .*SAMESITE=None/],
    [{ SESSION_COOKIE_NAME: '__Host-me', SESSION_COOKIE_PATH: '/app' }, 'fail', /cookie: .*__Host-/],
    [{ ...production, SESSION_COOKIE_SECURE: 'false' }, 'fail', /cookie: SESSION_COOKIE_SECURE=false is refused/],
    [{ ...production, SESSION_COOKIE_HTTPONLY: 'false' }, 'fail', /cookie: SESSION_COOKIE_HTTPONLY=false is refused/],
    [
      { ...production, SESSION_COOKIE_SECURE: 'false', ALLOW_INSECURE_COOKIES: 'true' },
      'warn',
      /cookie: .*unencrypted HTTP/,
    ],
    [{ ...production, SESSION_COOKIE_DOMAIN: 'app.example' }, 'warn', /cookie: The name has no __Host- prefix/],
    [{ PUBLIC_ORIGIN: 'https://app.example/shop' }, 'fail', /proxy: PUBLIC_ORIGIN is wrong: .* without a path/],
    [{ ...production, PUBLIC_ORIGIN: 'http://app.example' }, 'fail', /proxy: PUBLIC_ORIGIN is http:/],
    [production, 'warn', /proxy: HOST=localhost can only be reached from this machine/],
    [{ ...production, PUBLIC_ORIGIN: 'https://app.example' }, 'fail', /proxy: PUBLIC_ORIGIN is https:, so there is/],
    [{ ...production, TRUSTED_PROXIES: '1', HOST: '0.0.0.0' }, 'warn', /proxy: X-Forwarded-For is trusted/],
    [{ SECRET_KEY: 'change-me-change-me-change-me-change-me' }, 'warn', /keys: SECRET_KEY is an example/],
    [{ ...production, SESSION_ENGINE: 'cache' }, 'fail', /settings: SESSION_ENGINE=cache needs CACHE_URL/],
    [
      { ...production, SESSION_ENGINE: 'cache', CACHE_URL: 'memory:' },
      'fail',
      /cache: CACHE_URL is memory: every restart/,
    ],
    [{ DATABASE_URL: 'sqlite:/nowhere/at/all.sqlite3' }, 'fail', /database: The database file does not exist/],
  ]
  for (const [env, state, pattern] of cases.filter(([env]) => isPossible(env))) {
    const findings = await examine({ NODE_ENV: 'test', SECRET_KEY, DATABASE_URL: url, ...env })
    const lines = findings
      .filter((finding) => finding.state === state)
      .map(({ item, message }) => `${item}: ${message}`)
    t.true(
      lines.some((line) => pattern.test(line)),
      `${pattern} in ${JSON.stringify(findings)}`,
    )
  }
})

test.serial('doctor reports accounts with a published password, and the command that fixes it', async (t) => {
  const url = await migratedSqlite(t)
  const sessionUrl = await migratedSqlite(t)
  const knex = openDatabase(url)
  t.teardown(() => knex.destroy())
  const accounts = async (env: Record<string, string>) => {
    const findings = await examine({ SECRET_KEY, DATABASE_URL: url, ...env })
    return findings.filter(({ item }) => item === 'accounts')
  }
  t.like(await accounts({}), [{ state: 'ok' }])
  await seed(knex, { demoUsers: true })
  const message = 'Anybody can sign in as ada and grace with a published demo password: production refuses to start.'
  const open = { item: 'accounts', state: 'fail', message, fix: 'npm run seed -- --delete-demo-users' }
  t.deepEqual(await accounts({}), [open])
  t.deepEqual(await accounts({ SESSION_DATABASE_URL: sessionUrl }), [open], 'users are in the first database')
  t.like(await accounts({ NODE_ENV: 'development' }), [{ state: 'ok', message }])
  await knex.schema.dropTable('users')
  t.deepEqual(await accounts({}), [])
})

test.serial('clocks that differ are reported, whichever is ahead', async (t) => {
  const ask = async (ahead: number) => await clockFinding('clocks', 'the server', async () => Date.now() + ahead)
  t.is((await ask(0)).state, 'ok')
  t.like(await ask(3_000_000), { state: 'fail' })
  t.regex((await ask(3_000_000)).fix ?? '', /this one is behind/)
  t.regex((await ask(-3_000_000)).fix ?? '', /this one is ahead/)
  t.like(await ask(Number.NaN), { state: 'warn' })
})
